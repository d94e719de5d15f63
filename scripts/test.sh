#!/usr/bin/env bash
# Runs every check: formatting, lints, licences, unit and property tests, the tests against a real server, and a look at
# the release build. Ends with one line that says how it went.
#
#   scripts/test.sh                  with the redis-server of this machine
#   scripts/test.sh --server PATH    with that server instead: a Redis from 7.0 on, or Valkey
#   scripts/test.sh --matrix         with that of this machine, then with Redis 8 and Valkey 8 (scripts/servers.sh)
#   scripts/test.sh --soak           the long counts: many more random cases, mutations and windows
#
# Installs what is missing to build it (scripts/setup.sh). One test alone: cargo test --profile it --features
# debug-commands NAME, with LOCKWATCH_SERVER=PATH for another server.

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

servers=(redis-server)
matrix=

main() {
    read_options "$@"
    # shellcheck source=scripts/setup.sh
    . scripts/setup.sh
    local server build=(--profile it --features debug-commands --locked)
    step "formatting" cargo fmt --check
    step "lints" cargo clippy --all-targets "${build[@]}" -- -D warnings
    step "licences" scripts/licences.sh
    step "unit and property tests" cargo test "${build[@]}" --lib
    step "examples in the documentation" cargo test "${build[@]}" --doc
    step "other implementations of JWT" scripts/interop.sh
    # What the server tests load; clippy and the unit tests do not link it.
    step "the module for the tests" cargo build "${build[@]}"
    step "the module for release" cargo build --release --locked
    if [[ $matrix ]]; then
        mapfile -t -O "${#servers[@]}" servers < <(scripts/servers.sh)
        ((${#servers[@]} > 1)) || die "could not fetch the other servers"
    fi
    for server in "${servers[@]}"; do
        step "server tests on $(version_of "$server")" \
            env LOCKWATCH_SERVER="$server" cargo test "${build[@]}" --test it
        step "release build on $(version_of "$server")" scripts/smoke.sh "$server"
    done
    step "the Python client" scripts/clients.sh python
    step "the Node client" scripts/clients.sh node
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
            -h | --help) usage && exit ;;
            *) die "unknown option '$1'; see --help" ;;
        esac
        shift
    done
}

# "Redis server v=7.0.15 …" as "Redis 7.0.15".
version_of() { "$1" --version | sed -n 's/^\([A-Za-z]*\) server v=\([^ ]*\).*/\1 \2/p'; }

passed=0
failed=()

# step NAME COMMAND [ARGUMENT ...]: runs it, shows what it prints, and goes on whether or not it succeeds.
step() {
    local name=$1 began=$SECONDS
    shift
    printf '\n== %s\n' "$name"
    if "$@" </dev/null; then
        passed=$((passed + 1))
        printf '== %s: passed in %d s\n' "$name" $((SECONDS - began))
    else
        failed+=("$name")
        printf '== %s: FAILED\n' "$name"
    fi
}

sum_up() {
    local name list=
    for name in "${failed[@]}"; do list+=${list:+, }$name; done
    echo
    if [[ $list ]]; then
        echo "FAILED after $(duration): $list ($passed of $((passed + ${#failed[@]})) steps passed)"
        exit 1
    fi
    echo "All $passed steps passed in $(duration)."
}

duration() { printf '%d min %d s' $((SECONDS / 60)) $((SECONDS % 60)); }

main "$@"
