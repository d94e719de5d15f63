#!/usr/bin/env bash
# Checks scripts/serve.sh: that its server answers, that it stops and leaves nothing behind by the
# line that it prints, that data in a directory outlives it, and when it builds.
#
#   scripts/serve-test.sh
#
# Build first: cargo build --release

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

no_arguments "$@"

main() {
    [[ -e $release_module ]] || die "there is no $release_module: cargo build --release"
    make_temp_dir
    # Cargo must not build while nothing has changed: this one only tells its version.
    mkdir "$temp_dir/bin"
    printf '#!/bin/sh\nif [ "$*" = --version ]; then exec %q --version; fi\necho cargo was called >&2\nexit 1\n' \
        "$(type -P cargo)" >"$temp_dir/bin/cargo"
    chmod +x "$temp_dir/bin/cargo"
    check_temporary_server
    check_kept_data
    check_refusals
    check_directories
    check_rebuild
    echo "serve.sh starts a server that answers, keeps data if told to, and builds only what changed"
}

# serve WORD ...: runs serve.sh with a cargo that fails. Sets output, and what read_output sets.
serve() {
    output=$(PATH=$temp_dir/bin:$PATH scripts/serve.sh --no-install "$@") || return
    read_output
}

# Sets port, pid and stop_line to what serve.sh has printed.
read_output() {
    port=$(sed -n 's/^ *Connect: *redis-cli -p //p' <<<"$output")
    stop_line=$(sed -n 's/^ *Stop it[^:]*: *//p' <<<"$output")
    [[ $port && $stop_line ]] || die "serve.sh does not say how to connect and stop: $output"
    pid=$(redis-cli -p "$port" info server | tr -d '\r' | sed -n 's/^process_id://p')
    started+=("$pid")
}

# Stops the server as its user was told to.
stop_as_told() {
    local deadline=$((SECONDS + 20))
    bash -c "$stop_line" >/dev/null || die "this failed: $stop_line"
    while kill -0 "$pid" 2>/dev/null; do
        ((SECONDS < deadline)) || die "the server still runs after: $stop_line"
        sleep 0.05
    done
}

# call WORD ...: prints the reply in one line.
call() { redis-cli -p "$port" "$@" | paste -sd ' '; }

# expect WHAT EXPECTED ACTUAL
expect() { [[ $2 == "$3" ]] || die "$1: expected '$2', got '$3'"; }

check_temporary_server() {
    local log
    serve
    log=$(sed -n 's/^ *Its log: *//p' <<<"$output")
    expect "LW.RATELIMIT" "0 5 4 0 60000" "$(call LW.RATELIMIT key 5 60)"
    [[ -s $log ]] || die "there is no log in $log"
    stop_as_told
    [[ ! -e ${log%/*/log} ]] || die "${log%/*/log} is left after: $stop_line"
}

check_kept_data() {
    local dir=$temp_dir/data first
    serve --dir "$dir" -- window-max-entries 1000
    expect "the first call" "0 5 4 0" "$(call LW.RATELIMIT key 5 3600 | cut -d ' ' -f 1-4)"
    expect "an argument of the module" "lockwatch.window-max-entries 1000" "$(call CONFIG GET lockwatch.window-max-entries)"
    if serve --dir "$dir" 2>"$temp_dir/error"; then die "a second server runs in $dir"; fi
    grep -q "already runs in" "$temp_dir/error" || die "the refusal does not say why: $(cat "$temp_dir/error")"
    first=$port
    stop_as_told
    serve --dir "$dir" --port "$first"
    expect "the port that was asked for" "$first" "$port"
    expect "the second call" "0 5 3 0" "$(call LW.RATELIMIT key 5 3600 | cut -d ' ' -f 1-4)"
    if serve --port "$first" 2>"$temp_dir/error"; then die "a second server runs on port $first"; fi
    grep -q "port $first is in use" "$temp_dir/error" || die "the refusal does not say why: $(cat "$temp_dir/error")"
    stop_as_told
}

check_refusals() {
    local word
    for word in 0 65536 http; do
        if serve --port "$word" 2>"$temp_dir/error"; then die "--port $word was accepted"; fi
        grep -q "number from 1 to 65535" "$temp_dir/error" || die "--port $word: $(cat "$temp_dir/error")"
    done
    if serve --nonsense 2>"$temp_dir/error"; then die "--nonsense was accepted"; fi
}

# Paths are those of the caller, and a line to copy is quoted.
check_directories() {
    local root=$PWD parent="$temp_dir/with space"
    mkdir "$parent"
    (cd scripts && ./serve.sh --help | grep -q "^Starts a Redis server") || die "--help fails in the directory of the script"
    output=$(cd "$parent" && PATH=$temp_dir/bin:$PATH "$root/scripts/serve.sh" --no-install --dir data)
    read_output
    [[ -e $parent/data/log ]] || die "--dir data is not in the directory of the caller"
    stop_as_told
    TMPDIR=$parent serve
    stop_as_told
    [[ $(ls "$parent") == data ]] || die "this is left after '$stop_line': $(ls "$parent")"
}

# A copy of the repository whose sources are newer than the module.
check_rebuild() {
    local copy=$temp_dir/copy
    mkdir -p "$copy"
    cp -r Cargo.toml Cargo.lock common src scripts "$copy"
    cp --parents clients/python/pyproject.toml clients/bench/python/requirements.txt \
        cli/tests/browser/requirements.txt "$copy"
    if (cd "$copy" && CARGO_TARGET_DIR=$target_dir serve) 2>"$temp_dir/error"; then die "a changed source was ignored"; fi
    grep -q "cargo was called" "$temp_dir/error" || die "cargo was not called: $(cat "$temp_dir/error")"
}

main
