#!/usr/bin/env bash
# Runs the tests that other limiters have for their stores with the stores of lockwatch.
#
#   scripts/peers.sh              all
#   scripts/peers.sh limits       the package limits, on which Flask-Limiter and slowapi build
#
# Build first: cargo build --release. The tests are downloaded into a temporary directory, in the
# versions that the clients name.

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=scripts/setup.sh
. scripts/setup.sh

peers=(limits)
python_peers=$setup_cache/peers/python-$( (pwd; cat clients/python/peers/requirements.txt clients/python/pyproject.toml) |
    sha256sum | cut -c 1-16)

main() {
    local peer
    (($# > 0)) || set -- "${peers[@]}"
    export LOCKWATCH_MODULE=${LOCKWATCH_MODULE:-$release_module}
    [[ -e $LOCKWATCH_MODULE ]] || die "there is no $LOCKWATCH_MODULE: cargo build --release"
    for peer; do
        case $peer in
            limits) check_limits ;;
            -h | --help) usage && exit ;;
            *) die "unknown peer '$peer'; see --help" ;;
        esac
    done
}

check_limits() {
    local bin=$python_peers/bin tests=$temp_dir/limits
    set_up python
    if [[ ! -e $python_peers/complete ]]; then
        install_from_pypi "$python_peers" --requirement clients/python/peers/requirements.txt -e clients/python
        touch "$python_peers/complete"
    fi
    mkdir "$tests"
    # The wheel of limits has no tests.
    "$bin/pip" download --quiet --disable-pip-version-check --no-deps --no-binary :all: --dest "$tests" \
        "$(grep '^limits==' clients/python/peers/requirements.txt)"
    tar -xf "$tests"/limits-*.tar.gz -C "$tests" --strip-components 1 --wildcards '*/tests'
    cp clients/python/peers/limits_conftest.py "$tests/tests/conftest.py"
    # Some of these tests do not bear a busy machine, so each has three attempts.
    (
        cd "$tests"
        PYTHONPATH=$repository/clients/python/tests "$bin/python" -m pytest -q -p no:cacheprovider --force-flaky --max-runs 3 --no-flaky-report \
            --asyncio-mode auto \
            tests/test_storage.py tests/test_strategy.py tests/aio/test_storage.py tests/aio/test_strategy.py \
            tests/integration
    )
}

repository=$PWD
make_temp_dir
main "$@"
