# shellcheck shell=bash
# What the scripts share: strict mode, the change to the repository's root, messages, a temporary
# directory, starting a server or PostgreSQL on a free port, and stopping at exit whatever was
# started. All scripts source this.

set -euo pipefail
# setup.sh sources this a second time.
if [[ ! ${caller_dir:-} ]]; then
    caller_dir=$PWD
    script=$(realpath "$0")
fi
cd "$(dirname "${BASH_SOURCE[0]}")/.."

target_dir=$(realpath --canonicalize-missing "${CARGO_TARGET_DIR:-target}")
# The release builds of the module and of the program, and the builds for trying out, which module.sh
# makes.
# shellcheck disable=SC2034 # used by those who source this
release_module=$target_dir/release/liblockwatch.so demo_module=$target_dir/demo/liblockwatch.so
# shellcheck disable=SC2034 # as above
release_program=$target_dir/program/lockwatch demo_program=$target_dir/demo/lockwatch

note() { printf '%s\n' "$*" >&2; }

die() {
    note "${0##*/}: $*"
    exit 1
}

# from_caller PATH: prints the absolute path of what the user named in the directory of the call.
from_caller() { (cd "$caller_dir" && realpath --canonicalize-missing -- "$1"); }

# Prints the comment at the top of the script, which is its manual.
usage() { sed -n '2,/^$/{ s/^# \{0,1\}//p }' "$script"; }

# no_arguments [ARGUMENT ...]: for a script that takes only --help.
no_arguments() {
    case ${1:-} in
        '') ;;
        -h | --help) usage && exit ;;
        *) die "takes no arguments; see --help" ;;
    esac
}

# Prints a port of the loopback interface on which nothing listens at present.
free_port() { perl -MIO::Socket::INET -e 'print IO::Socket::INET->new(Listen => 1, LocalAddr => "127.0.0.1")->sockport'; }

started=()
temp_dir=
postgres_pid=

# Stops the started processes and removes the temporary directory, however the script ends.
clean_up() {
    local pid
    for pid in "${started[@]}"; do stop "$pid"; done
    for pid in "${started[@]}"; do wait "$pid" 2>/dev/null || true; done
    if [[ -n $temp_dir ]]; then rm -rf "$temp_dir"; fi
}

# On SIGTERM PostgreSQL would wait for its clients to disconnect.
stop() {
    local signal=TERM
    if [[ $1 == "$postgres_pid" ]]; then signal=INT; fi
    kill -s "$signal" "$1" 2>/dev/null || true
}

trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

make_temp_dir() {
    [[ -n $temp_dir ]] || temp_dir=$(mktemp -d "${TMPDIR:-/tmp}/lockwatch.XXXXXX")
}

# The options of the servers that are started. A script may change them first.
server_options=(--save '' --appendonly no)
# The directory for the servers that are started, instead of a temporary one for each.
given_dir=
# The temporary directory, once a server was left running in it.
kept_dir=

# start_server COMMAND [ARGUMENT ...]: starts a server on a free port of the loopback interface, in
# a temporary directory and without persistence, and waits until it answers. Sets server_port,
# server_pid and server_dir.
start_server() {
    local attempt
    make_server_dir
    for ((attempt = 0; attempt < 20; attempt++)); do
        if launch_server $((20000 + RANDOM % 12000)) "$@"; then return; fi
        grep -q 'Address already in use' "$server_dir/log" || break
    done
    server_failed "$1"
}

# start_server_at PORT COMMAND [ARGUMENT ...]: like start_server, on that port.
start_server_at() {
    make_server_dir
    if launch_server "$@"; then return; fi
    if grep -q 'Address already in use' "$server_dir/log"; then die "port $1 is in use: choose another port"; fi
    server_failed "$2"
}

make_server_dir() {
    server_dir=$given_dir
    if [[ ! $server_dir ]]; then
        make_temp_dir
        server_dir=$(mktemp -d "$temp_dir/server.XXXXXX")
    fi
}

# launch_server PORT COMMAND [ARGUMENT ...]
launch_server() {
    server_port=$1
    "${@:2}" --bind 127.0.0.1 --port "$server_port" --dir "$server_dir" "${server_options[@]}" \
        </dev/null >"$server_dir/log" 2>&1 &
    server_pid=$!
    started+=("$server_pid")
    await_server
}

server_failed() {
    tail -n 20 "$server_dir/log" >&2
    die "$1 did not start"
}

# Lets everything that was started run on, and keeps its files, after the script has ended.
leave_server() {
    kept_dir=$temp_dir
    started=()
    temp_dir=
}

# how_to_use [COMMAND]: prints how to connect to the server that was left running, what to try, and
# how to stop it and, by COMMAND, what else was left running.
how_to_use() {
    local stop="redis-cli -p $server_port shutdown" what="Stop it:"
    if [[ $kept_dir ]]; then
        stop+=" nosave;${1:+ $1;} rm -r $(printf %q "$kept_dir")" what="Stop it, remove its files:"
    fi
    printf '  %-28s %s\n' \
        "Connect:" "redis-cli -p $server_port" \
        "URL for clients:" "redis://127.0.0.1:$server_port" \
        "Try:" "LW.RATELIMIT user:1 10 60" \
        "" "LW.PEEK user:1 10 60" \
        "" "COMMAND DOCS LW.RATELIMIT" \
        "" "LW.AUDITLOG QUERY COUNT 3" \
        "" "INFO lockwatch" \
        "Its log:" "$server_dir/log" \
        "$what" "$stop"
}

# Waits until the server answers with its own process id: another server may already use the port.
await_server() {
    local deadline=$((SECONDS + 20))
    while kill -0 "$server_pid" 2>/dev/null && ((SECONDS < deadline)); do
        if [[ $(info process_id 2>/dev/null) == "$server_pid" ]]; then return 0; fi
        sleep 0.05
    done
    return 1
}

# Fails if the server has logged a panic, a flood of warnings or a secret.
stop_server() {
    local faults
    kill "$server_pid" 2>/dev/null || true
    wait "$server_pid" 2>/dev/null || true
    faults=$(perl scripts/check-log.pl "$server_dir" </dev/null) || die "faults in the server's log:"$'\n'"$faults"
}

# cli WORD ...: sends a command to the server that was started last.
cli() { redis-cli -p "$server_port" "$@"; }

# info FIELD: prints one field of INFO, or nothing if there is no such field.
info() { cli info everything | tr -d '\r' | sed -n "s/^$1://p"; }

# Waits until the server has shipped all audit events that it holds.
await_shipped() {
    local deadline=$((SECONDS + 60))
    until [[ $(info lockwatch_audit_pending) == 0 ]]; do
        if ((SECONDS >= deadline)); then die "events still wait: $(info lockwatch_audit_last_error)"; fi
        sleep 0.05
    done
}

# Prints the server's name and version, like "Redis 7.0.15".
server_name() {
    local valkey
    valkey=$(info valkey_version)
    if [[ -n $valkey ]]; then echo "Valkey $valkey"; else echo "Redis $(info redis_version)"; fi
}

# Prints the directory of PostgreSQL's newest programs, which Debian keeps off the PATH.
postgres_bin() {
    local initdb
    initdb=$(printf '%s\n' /usr/lib/postgresql/*/bin/initdb | sort --version-sort | tail -n 1)
    if [[ ! -x $initdb ]]; then initdb=$(type -P initdb) || return; fi
    dirname "$(realpath "$initdb")"
}

# shellcheck disable=SC2120 # some callers have no settings
# start_postgres [NAME=VALUE ...]: makes a PostgreSQL cluster with a database named lockwatch,
# starts it with these settings on a free port of the loopback interface and waits until it answers.
# Prints why and returns an error if that fails. Sets postgres_port, postgres_pid, postgres_dir and
# postgres_url, and postgres_url_file, which only this user can read.
start_postgres() {
    local attempt password
    make_temp_dir
    postgres_dir=$(mktemp -d "$temp_dir/postgres.XXXXXX")
    password=$(head -c 18 /dev/urandom | base64 | tr +/ -_)
    make_cluster "$password" || return
    for ((attempt = 0; attempt < 20; attempt++)); do
        postgres_port=$((20000 + RANDOM % 12000))
        if run_postgres "$@"; then
            # shellcheck disable=SC2034 # used by those who source this
            postgres_url=postgres://lockwatch:$password@127.0.0.1:$postgres_port/lockwatch
            # shellcheck disable=SC2034 # as above
            postgres_url_file=$temp_dir/postgres.url
            install -m 600 /dev/stdin "$postgres_url_file" <<<"$postgres_url"
            sql postgres 'CREATE DATABASE lockwatch'
            return
        fi
        grep -q 'Address already in use' "$postgres_dir/log" || break
    done
    tail -n 20 "$postgres_dir/log" >&2
    note "PostgreSQL did not start"
    return 1
}

# The prefix of PostgreSQL's commands: they refuse to run as root.
as_postgres=()

# make_cluster PASSWORD: the password is that of the superuser, lockwatch, who needs none on the
# Unix socket.
make_cluster() {
    local user=postgres bin
    bin=$(postgres_bin) || { note "there is no PostgreSQL server on this machine" && return 1; }
    printf '%s\n' "$1" >"$postgres_dir/password"
    if ((EUID == 0)); then
        id "$user" >/dev/null 2>&1 || user=nobody
        as_postgres=(setpriv --reuid "$user" --regid "$(id -g "$user")" --clear-groups --)
        # That user needs to reach its directory.
        chmod go+x "$temp_dir"
        chown -R "$user" "$postgres_dir"
    fi
    (cd "$postgres_dir" && "${as_postgres[@]}" "$bin/initdb" --pgdata data --username lockwatch --pwfile password \
        --auth-local trust --auth-host scram-sha-256 --encoding UTF8 --locale C --no-sync) >"$postgres_dir/log" 2>&1 || {
        tail -n 20 "$postgres_dir/log" >&2
        note "initdb failed"
        return 1
    }
    rm "$postgres_dir/password"
}

# run_postgres [NAME=VALUE ...]: starts the cluster on its port, for the first time or again.
run_postgres() {
    local bin setting settings=() deadline=$((SECONDS + 20))
    bin=$(postgres_bin)
    for setting; do settings+=(-c "$setting"); done
    "${as_postgres[@]}" "$bin/postgres" -D "$postgres_dir/data" -h 127.0.0.1 -k "$postgres_dir" -p "$postgres_port" \
        "${settings[@]}" </dev/null >"$postgres_dir/log" 2>&1 &
    postgres_pid=$!
    started+=("$postgres_pid")
    while kill -0 "$postgres_pid" 2>/dev/null && ((SECONDS < deadline)); do
        if postgres_is_ready; then return 0; fi
        sleep 0.05
    done
    return 1
}

# Reads PostgreSQL's lock file: the first line is its process id, the eighth its status.
postgres_is_ready() {
    local lines
    mapfile -t lines 2>/dev/null <"$postgres_dir/data/postmaster.pid" || return
    [[ ${lines[0]:-} == "$postgres_pid" && ${lines[7]:-} == ready* ]]
}

stop_postgres() {
    stop "$postgres_pid"
    wait "$postgres_pid" 2>/dev/null || true
}

# sql DATABASE STATEMENTS: runs them in the PostgreSQL that was started last and prints rows with |
# between the fields.
sql() {
    "$(postgres_bin)/psql" -XAtq -v ON_ERROR_STOP=1 -h "$postgres_dir" -p "$postgres_port" -U lockwatch -d "$1" <<<"$2"
}

# table DATABASE STATEMENT: like sql, but prints a table for people.
table() {
    "$(postgres_bin)/psql" -Xq -v ON_ERROR_STOP=1 -h "$postgres_dir" -p "$postgres_port" -U lockwatch -d "$1" <<<"$2"
}
