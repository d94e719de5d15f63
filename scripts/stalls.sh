#!/usr/bin/env bash
# Prints how long other clients wait while one client calls a command or sets a directive, for every
# command and directive, beside as much data as the default bounds allow and a million sessions in
# one token store. Rows above 20 ms of computing time are marked.
#
#   scripts/stalls.sh                  about ten minutes; takes 1 GB of memory
#   scripts/stalls.sh --quick          with a tenth of the data
#   scripts/stalls.sh --server PATH    with another server: Redis 7.0 or later, or Valkey
#   scripts/stalls.sh --module PATH    with another build of the module
#
# A wait depends on what else the machine does. The computing time of the server's main thread in it
# hardly does. The table of rows is tests/it/stalls/scenes.rs; the tests run it with little data.
# Installs what is missing, unless LOCKWATCH_NO_INSTALL=1 is set (scripts/setup.sh).

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=scripts/setup.sh
. scripts/setup.sh

module=
divisor=1
while (($# > 0)); do
    case $1 in
        --server | --module)
            [[ -e ${2:-} ]] || die "$1 needs a path"
            if [[ $1 == --server ]]; then LOCKWATCH_SERVER=$(realpath "$2"); else module=$(realpath "$2"); fi
            shift
            ;;
        --quick) divisor=10 ;;
        -h | --help) usage && exit ;;
        *) die "unknown option '$1'; see --help" ;;
    esac
    shift
done

main() {
    set_up build
    if [[ ! $module ]]; then
        module=$release_module
        cargo build --release --locked --quiet
    fi
    export LOCKWATCH_SERVER=${LOCKWATCH_SERVER:-redis-server} LOCKWATCH_MODULE=$module LOCKWATCH_STALLS=$divisor
    cargo test --profile it --features debug-commands --locked --quiet --test it -- \
        stalls::no_command_and_no_directive --nocapture
}

main
