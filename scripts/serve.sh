#!/usr/bin/env bash
# Starts a Redis server with lockwatch and leaves it running to try things out. Prints how to
# connect to it and how to stop it.
#
#   scripts/serve.sh                 on a free port, with data in a temporary directory
#   scripts/serve.sh --port PORT     on that port
#   scripts/serve.sh --dir DIR       keeps data in DIR, and goes on with what is there
#   scripts/serve.sh --release       with the release build, to measure; it takes two to three
#                                    minutes the first time
#   scripts/serve.sh --no-install    fails if something is missing, instead of installing it
#   scripts/serve.sh … -- WORD …     passes WORD … to the module, like: -- window-max-entries 1000
#
# Installs and builds what is missing and says so first. On two cores and a fast line, the first run
# takes about a minute, and half a minute more if it installs Rust; later ones take less than two
# seconds. With LOCKWATCH_SERVER=PATH it starts that server instead of redis-server. The server
# listens on the loopback interface alone.

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=scripts/module.sh
. scripts/module.sh

port=
profile=demo
arguments=()

main() {
    read_options "$@"
    ready_module "$profile"
    local command=("${LOCKWATCH_SERVER:-redis-server}" --loadmodule "$module" "${arguments[@]}")
    if [[ $given_dir ]]; then
        lock_dir
        server_options=(--save '3600 1' --appendonly yes)
    fi
    if [[ $port ]]; then start_server_at "$port" "${command[@]}"; else start_server "${command[@]}"; fi
    leave_server
    printf '%s\n' "$(server_name) with lockwatch $(info lockwatch_version), $build_name, runs on port $server_port." ""
    how_to_use ""
}

read_options() {
    while (($# > 0)); do
        case $1 in
            --port)
                port=${2:-}
                [[ $port =~ ^[1-9][0-9]{0,4}$ && $port -lt 65536 ]] || die "--port needs a number from 1 to 65535"
                shift
                ;;
            --dir)
                [[ ${2:-} ]] || die "--dir needs a directory"
                given_dir=$(from_caller "$2")
                mkdir -p "$given_dir"
                shift
                ;;
            --release) profile=release ;;
            --no-install) export LOCKWATCH_NO_INSTALL=1 ;;
            --)
                arguments=("${@:2}")
                break
                ;;
            -h | --help) usage && exit ;;
            *) die "unknown argument '$1'; see --help" ;;
        esac
        shift
    done
}

# Holds a lock on the directory for as long as the server runs, which inherits the descriptor: two
# servers would destroy each other's files.
lock_dir() {
    exec {lock}>"$given_dir/lock"
    flock --nonblock "$lock" || die "a server already runs in $given_dir"
}

main "$@"
