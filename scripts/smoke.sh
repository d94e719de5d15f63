#!/usr/bin/env bash
# Checks that the release build loads into a server, answers, reports its version, and lacks the
# debug commands of the test build.
#
#   scripts/smoke.sh [SERVER]      SERVER is redis-server unless given
#
# Build first: cargo build --release

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

case ${1:-} in
    -h | --help) usage && exit ;;
    -*) die "unknown option '$1'; see --help" ;;
esac

# expect WHAT EXPECTED ACTUAL
expect() { [[ $2 == "$3" ]] || die "$1: expected '$2', got '$3'"; }

main() {
    local version answer tokens
    [[ -e $release_module ]] || die "there is no $release_module: cargo build --release"
    if grep --quiet --text 'LW\.DEBUG' "$release_module"; then die "$release_module contains LW.DEBUG"; fi
    start_server "$1" --loadmodule "$release_module"
    answer=$(cli LW.RATELIMIT key 5 60 | paste -sd ' ')
    expect "LW.RATELIMIT key 5 60" "0 5 4 0 60000" "$answer"
    answer=$(cli LW.PEEK key 5 60 COST 0 | cut -d ' ' -f 1 | head -n 3 | paste -sd ' ')
    expect "LW.PEEK key 5 60 COST 0" "0 5 4" "$answer"
    answer=$(cli LW.AUDIT USER alice STATUS 200)
    [[ $answer =~ ^[0-9]{13}-[0-9a-f]{16}-1$ ]] || die "LW.AUDIT answered: $answer"
    expect "LW.AUDITLOG QUERY" "$answer" "$(cli LW.AUDITLOG QUERY | sed -n 2p)"
    mapfile -t tokens < <(cli LW.ISSUE auth alice)
    [[ ${#tokens[@]} == 5 && ${tokens[1]} == lwr_* ]] || die "LW.ISSUE answered: ${tokens[*]}"
    [[ $(cli LW.VERIFY auth "${tokens[0]}") == *'"sub":"alice"'* ]] || die "LW.VERIFY refused what LW.ISSUE made"
    version=$(scripts/version.sh)
    expect "the version in INFO lockwatch" "$version" "$(info lockwatch_version)"
    answer=$(cli LW.DEBUG PANIC)
    [[ $answer == *"unknown command"* ]] || die "LW.DEBUG answered: $answer"
    expect "panics" 0 "$(info lockwatch_panics_total)"
    local loaded_into
    loaded_into=$(server_name)
    stop_server
    echo "${release_module##*/} $version loads into $loaded_into and answers"
}

main "${1:-redis-server}"
