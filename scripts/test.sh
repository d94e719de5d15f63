#!/usr/bin/env bash
# Runs every check: formatting, lints, licences, unit and property tests, the tests of the module and
# of the program against a real server, a smoke test of the release build, the clients' checks, the
# packages and the documentation. The last line says whether all of them passed.
#
#   scripts/test.sh                  with the redis-server of this machine
#   scripts/test.sh --server PATH    with that server instead: Redis 7.0 or later, or Valkey
#   scripts/test.sh --matrix         also with Redis 8, Valkey 8 and Valkey 9 (scripts/servers.sh)
#   scripts/test.sh --soak           with many more random cases, other limiters' tests for stores of the
#                                    clients, and the module for glibc 2.28
#   scripts/test.sh --no-install     fails if something is missing, instead of installing it
#
# Installs what is missing and says so first (scripts/setup.sh). To run one test:
#   cargo test --profile it --features debug-commands NAME      of the module
#   cargo test --profile it -p lockwatch-cli NAME               of the program, after one of the module
# with LOCKWATCH_SERVER=PATH for another server.

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

servers=(redis-server)
matrix=

main() {
    read_options "$@"
    make_temp_dir
    # shellcheck source=scripts/setup.sh
    . scripts/setup.sh
    set_up build interop python node go docs browser packages workflows app monitoring
    # Only root tries packages in a Debian system.
    if ((EUID == 0)); then set_up roots; fi
    # The module and the program are built apart, each with the features of dependencies that it asks
    # for. The libraries of the workspace ask for none that the module does not.
    local server build=(--profile it --features debug-commands --locked) program=(--profile it --locked -p lockwatch-cli)
    local libraries=(-p lockwatch -p lockwatch-common -p lockwatch-test-support)
    step "formatting" cargo fmt --all --check
    step "lints" cargo clippy --workspace --all-targets "${build[@]}" -- -D warnings
    step "licences" scripts/licences.sh
    # The server tests load the module. Built with its tests, and not again without them: cargo gives
    # dependencies other features for tests.
    step "the module for the tests" cargo build "${build[@]}" "${libraries[@]}" --lib --tests
    step "unit and property tests" cargo test "${build[@]}" "${libraries[@]}" --lib
    step "imports only point down" cargo test "${build[@]}" --test floors
    step "examples in the documentation" cargo test "${build[@]}" --doc
    step "one version everywhere" scripts/version-test.sh
    step "refusing to install" scripts/setup-test.sh
    step "the module for release" cargo build --release --locked
    step "unit tests of the program" cargo test "${program[@]}" --bin lockwatch
    step "the program for release" cargo build --profile program --locked -p lockwatch-cli
    if [[ $matrix ]]; then
        mapfile -t -O "${#servers[@]}" servers < <(scripts/servers.sh)
        ((${#servers[@]} > 1)) || die "could not fetch the other servers"
    fi
    for server in "${servers[@]}"; do
        step "server tests on $(version_of "$server")" \
            env LOCKWATCH_SERVER="$server" cargo test "${build[@]}" --test it
        step "tests of the program on $(version_of "$server")" \
            env LOCKWATCH_SERVER="$server" cargo test "${program[@]}" --test it
        step "release build on $(version_of "$server")" scripts/smoke.sh "$server"
    done
    # It mostly waits for the browser.
    begin "the page in a browser" scripts/browser.sh
    step "a server to play with" scripts/serve-test.sh
    step "the demo of the page" scripts/web-test.sh
    step "lints of the scripts" scripts/lint-scripts.sh
    step "dashboard and alert rules" scripts/contrib-test.sh
    step "the Python client" scripts/clients.sh python
    finish
    step "the Node client" scripts/clients.sh node
    step "the Go client" scripts/clients.sh go
    if [[ ${LOCKWATCH_SOAK:-} ]]; then
        step "the tests that other limiters have for their stores" scripts/peers.sh --registries
        step "the benchmark of the clients, in short" scripts/bench.sh --clients --quick
    fi
    step "the packages" scripts/packages.sh --check
    if [[ ${LOCKWATCH_SOAK:-} ]]; then step "the module for glibc 2.28" scripts/packages.sh --check module-2.28; fi
    step "the workflows" scripts/workflows.sh
    step "the examples in docs/" scripts/docs.sh examples
    step "the site of docs/" scripts/docs.sh site
    sum_up
}

read_options() {
    while (($# > 0)); do
        case $1 in
            --server)
                [[ ${2:-} ]] || die "--server needs the path of a server"
                servers=("$(command -v "$2")") || die "there is no $2 that can be run"
                if [[ $2 == */* ]]; then servers=("$(realpath "$2")"); fi
                shift
                ;;
            --matrix) matrix=1 ;;
            --soak) export LOCKWATCH_SOAK=1 ;;
            --no-install) export LOCKWATCH_NO_INSTALL=1 ;;
            -h | --help) usage && exit ;;
            *) die "unknown option '$1'; see --help" ;;
        esac
        shift
    done
}

# version_of SERVER: prints its name and version, like "Redis 7.0.15".
version_of() { "$1" --version | sed -n 's/^\([A-Za-z]*\) server v=\([^ ]*\).*/\1 \2/p'; }

passed=0
failed=()

# step NAME COMMAND [ARGUMENT ...]: runs it and records whether it succeeded. A failure does not end
# the run, and the end of its output is printed again at the end of the run.
step() {
    local name=$1 began=$SECONDS processor processor_seconds
    count_processor_seconds
    processor=$processor_seconds
    shift
    printf '\n== %s\n' "$name"
    if "$@" </dev/null 2>&1 | tee "$temp_dir/output"; then
        passed=$((passed + 1))
        count_processor_seconds
        printf '== %s: passed in %d s, with %d s of processor time\n' "$name" $((SECONDS - began)) \
            $((processor_seconds - processor))
    else
        failed+=("$name")
        printf '== %s: FAILED\n' "$name" | tee -a "$temp_dir/output"
        tail -n 30 "$temp_dir/output" >>"$temp_dir/failures"
    fi
}

# begin NAME COMMAND [ARGUMENT ...]: starts a step that runs beside the next ones, until `finish`.
begin() {
    begun=$1
    shift
    {
        local code=0
        "$@" || code=$?
        echo "$code" >"$temp_dir/code_of_begun"
    } </dev/null >"$temp_dir/begun" 2>&1 &
    begun_pid=$!
    started+=("$begun_pid")
}

# Waits for the step that was begun, and records it like the others.
finish() { step "$begun" output_of_begun; }

output_of_begun() {
    tail --pid="$begun_pid" -f /dev/null
    cat "$temp_dir/begun"
    return "$(cat "$temp_dir/code_of_begun")"
}

# Sets processor_seconds to the processor time of all steps so far. In a subshell `times` would be 0.
count_processor_seconds() {
    times >"$temp_dir/times"
    processor_seconds=$(awk -F '[ ms]+' 'NR == 2 { printf "%d", $1 * 60 + $2 + $3 * 60 + $4 }' "$temp_dir/times")
}

sum_up() {
    local name list=
    for name in "${failed[@]}"; do list+=${list:+, }$name; done
    echo
    if [[ $list ]]; then
        echo "The last lines of each step that failed:"
        cat "$temp_dir/failures"
        echo
        echo "FAILED after $(duration): $list ($passed of $((passed + ${#failed[@]})) steps passed)"
        exit 1
    fi
    echo "All $passed steps passed in $(duration)."
}

duration() { printf '%d min %d s' $((SECONDS / 60)) $((SECONDS % 60)); }

main "$@"
