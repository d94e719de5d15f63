#!/usr/bin/env bash
# Checks the clients against real servers with the release build of the module: types, lints, tests,
# and whether each can be installed from this directory alone.
#
#   scripts/clients.sh              both
#   scripts/clients.sh python       clients/python: ruff, mypy --strict, pytest
#   scripts/clients.sh node         clients/node: eslint, tsc, node --test, npm pack
#
# Build first: cargo build --release. Installs what is missing (scripts/setup.sh python node).

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=scripts/setup.sh
. scripts/setup.sh

main() {
    local client
    (($# > 0)) || set -- python node
    [[ -e $release_module ]] || die "there is no $release_module: cargo build --release"
    export LOCKWATCH_MODULE=$release_module
    scripts/version.sh --check
    for client; do
        case $client in
            python | node) "check_$client" ;;
            -h | --help) usage && exit ;;
            *) die "unknown client '$client'; see --help" ;;
        esac
    done
}

check_python() {
    use_python
    (
        cd clients/python
        ruff check .
        ruff format --check .
        mypy
        pytest -q -p no:cacheprovider
    )
    # Installs it as its README says into an empty environment: the client itself depends on no
    # framework.
    python3 -m venv "$temp_dir/empty"
    "$temp_dir/empty/bin/pip" install --quiet --disable-pip-version-check ./clients/python
    "$temp_dir/empty/bin/python" -c 'import lockwatch; lockwatch.LockWatch; lockwatch.LockWatchMiddleware'
}

check_node() {
    use_node
    (
        cd clients/node
        # Tests and lints import the built package, as users do.
        npm run --silent build
        npm run --silent lint
        npm test --silent
    )
}

make_temp_dir
main "$@"
