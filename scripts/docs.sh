#!/usr/bin/env bash
# Checks the documentation.
#
#   scripts/docs.sh examples [PAGE ...]    runs the examples of the pages, by default of all
#
# Build first: cargo build --release. Installs what is missing (scripts/setup.sh).
#
# How examples are written is in tests/docs/README.md.

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=scripts/setup.sh
. scripts/setup.sh

main() {
    case ${1:-} in
        examples) run_examples "${@:2}" ;;
        -h | --help) usage && exit ;;
        *) die "unknown task '${1:-}'; see --help" ;;
    esac
}

# run_examples [PAGE ...]: without one it also checks the code that runs them.
run_examples() {
    local page tests=(test_pages.py)
    export LOCKWATCH_MODULE=${LOCKWATCH_MODULE:-$release_module}
    [[ -e $LOCKWATCH_MODULE ]] || die "there is no $LOCKWATCH_MODULE: cargo build --release"
    set_up server postgres python node app
    export PATH=$venv/bin:$PATH
    for page; do tests+=(--page "$(realpath "$page")"); done
    cd tests/docs
    if (($# == 0)); then
        ruff check .
        ruff format --check .
        mypy
        tests=()
    fi
    pytest -q "${tests[@]}"
}

main "$@"
