# shellcheck shell=bash
# What the scripts share: strict mode, the way to the repository's root, messages, a temporary directory, starting a
# server on a free port, and stopping at the end whatever was started. Sourced, never run.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# The module that a release build leaves behind.
# shellcheck disable=SC2034 # used by those who source this
release_module=$(realpath --canonicalize-missing "${CARGO_TARGET_DIR:-target}")/release/liblockwatch.so

note() { printf '%s\n' "$*" >&2; }

die() {
    note "${0##*/}: $*"
    exit 1
}

# The comment at the top of the script itself is its manual.
usage() { sed -n '2,/^$/{ s/^# \{0,1\}//p }' "$0"; }

started=()
temp_dir=

# What was started is stopped and what was made is removed, however the script ends.
clean_up() {
    local pid
    for pid in "${started[@]}"; do kill "$pid" 2>/dev/null || true; done
    for pid in "${started[@]}"; do wait "$pid" 2>/dev/null || true; done
    if [[ -n $temp_dir ]]; then rm -rf "$temp_dir"; fi
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

make_temp_dir() {
    [[ -n $temp_dir ]] || temp_dir=$(mktemp -d "${TMPDIR:-/tmp}/lockwatch.XXXXXX")
}

# start_server COMMAND [ARGUMENT ...]: starts it on a free port of the loopback interface, in a directory of its own and
# without persistence, and waits until it answers. Sets server_port, server_pid, server_dir.
start_server() {
    local attempt
    make_temp_dir
    server_dir=$(mktemp -d "$temp_dir/server.XXXXXX")
    for ((attempt = 0; attempt < 20; attempt++)); do
        server_port=$((20000 + RANDOM % 12000))
        "$@" --bind 127.0.0.1 --port "$server_port" --dir "$server_dir" --save '' --appendonly no \
            </dev/null >"$server_dir/log" 2>&1 &
        server_pid=$!
        started+=("$server_pid")
        if await_server; then return; fi
        grep -q 'Address already in use' "$server_dir/log" || break
    done
    tail -n 20 "$server_dir/log" >&2
    die "$1 did not start"
}

# It is up when it answers with its own process id: another server may have the port.
await_server() {
    local deadline=$((SECONDS + 20))
    while kill -0 "$server_pid" 2>/dev/null && ((SECONDS < deadline)); do
        if [[ $(info process_id 2>/dev/null) == "$server_pid" ]]; then return 0; fi
        sleep 0.05
    done
    return 1
}

stop_server() {
    kill "$server_pid" 2>/dev/null || true
    wait "$server_pid" 2>/dev/null || true
}

# cli WORD ...: a command to the server that was started last.
cli() { redis-cli -p "$server_port" "$@"; }

# info FIELD: one field of INFO; nothing if there is no such field.
info() { cli info everything | tr -d '\r' | sed -n "s/^$1://p"; }

# "Redis 7.0.15" or "Valkey 8.1.1".
server_name() {
    local valkey
    valkey=$(info valkey_version)
    if [[ -n $valkey ]]; then echo "Valkey $valkey"; else echo "Redis $(info redis_version)"; fi
}
