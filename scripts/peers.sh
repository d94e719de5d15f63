#!/usr/bin/env bash
# Runs the tests that other limiters have for their stores with the stores of lockwatch.
#
#   scripts/peers.sh                            all
#   scripts/peers.sh --registries               those whose tests are on PyPI or npm
#   scripts/peers.sh limits                     the package limits, on which Flask-Limiter and
#                                               slowapi build
#   scripts/peers.sh fastify-rate-limit         the tests with Redis of @fastify/rate-limit
#   scripts/peers.sh express-rate-limit         its tests, with our store in place of its own
#   scripts/peers.sh hono-rate-limiter          likewise
#   scripts/peers.sh throttler                  the end-to-end tests of @nestjs/throttler, likewise
#   scripts/peers.sh rate-limiter-flexible      the tests of its limiter on ioredis
#
# Build first: cargo build --release. The tests are downloaded into a temporary directory, in fixed
# versions: from PyPI or npm where the package has them, else from GitHub. Tests that cannot hold by
# design are named in clients/node/peers/different.json with the reason; any other failure counts.

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=scripts/setup.sh
. scripts/setup.sh

registries=(limits fastify-rate-limit)
peers=("${registries[@]}" express-rate-limit hono-rate-limiter throttler rate-limiter-flexible)
python_peers=$setup_cache/peers/python-$( (pwd; cat clients/python/peers/requirements.txt clients/python/pyproject.toml) |
    sha256sum | cut -c 1-16)
node_peers=$setup_cache/peers/node-$( (pwd; cat clients/node/peers/package-lock.json) | sha256sum | cut -c 1-16)
node_own=$PWD/clients/node/peers

main() {
    local peer
    (($# > 0)) || set -- "${peers[@]}"
    if [[ $1 == --registries ]]; then set -- "${registries[@]}"; fi
    export LOCKWATCH_MODULE=${LOCKWATCH_MODULE:-$release_module}
    [[ -e $LOCKWATCH_MODULE ]] || die "there is no $LOCKWATCH_MODULE: cargo build --release"
    for peer; do
        case $peer in
            limits) check_limits ;;
            fastify-rate-limit | express-rate-limit | hono-rate-limiter | throttler | rate-limiter-flexible) check_node "$peer" ;;
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

# check_node PEER: gets its tests, runs them in their directory, and judges the results.
check_node() {
    local tests=$temp_dir/$1 results=$temp_dir/$1.json
    use_node
    (cd clients/node && npm run --silent build)
    install_node_tools
    start_server redis-server --loadmodule "$LOCKWATCH_MODULE"
    "get_${1//-/_}" "$tests"
    ln -s "$node_peers/node_modules" "$tests/node_modules"
    # A failed test is the verdict's to judge.
    (
        cd "$tests"
        export REDIS_PORT=$server_port
        "run_${1//-/_}" "$results"
    ) >"$temp_dir/$1.log" 2>&1 || true
    stop_server
    [[ -s $results ]] || die "$1: the tests did not run:"$'\n'"$(tail -n 20 "$temp_dir/$1.log")"
    node "$node_own/verdict.mjs" "$1" "$results" || die "$1: tests failed that should not"
}

# What the tests import, and lockwatch beside it.
install_node_tools() {
    if [[ -e $node_peers/complete ]]; then return; fi
    mkdir -p "$node_peers"
    cp clients/node/peers/package.json clients/node/peers/package-lock.json "$node_peers"
    (cd "$node_peers" && npm ci --silent --no-audit --no-fund --ignore-scripts >&2) || die "could not install what the tests of the peers need"
    ln -s "$PWD/clients/node" "$node_peers/node_modules/lockwatch"
    touch "$node_peers/complete"
}

# clone REPOSITORY VERSION DIRECTORY
clone() {
    git -c advice.detachedHead=false clone --quiet --depth 1 --branch "v$2" "https://github.com/$1" "$3" ||
        die "could not get the tests of $1 in the version $2"
}

# The timers of Jest and Vitest that do not run would stop the client, too: these tests wait.
with_real_timers() {
    sed -i 's/\(jest\|vi\)\.useFakeTimers()/undefined/
        s/\(jest\|vi\)\.advanceTimersByTime(\([^)]*\))/await new Promise((resolve) => setTimeout(resolve, \2))/' "$@"
}

get_fastify_rate_limit() {
    mkdir "$1"
    (cd "$1" && npm pack --silent @fastify/rate-limit@11.2.0 >/dev/null && tar -xzf ./*.tgz --strip-components 1)
    mv "$1/index.js" "$1/plugin.js"
    cp "$node_own/fastify-rate-limit.cjs" "$1/index.js"
}

run_fastify_rate_limit() {
    node --require "$node_own/ioredis-port.cjs" --test --test-timeout=60000 \
        --test-reporter="$node_own/reporter.mjs" --test-reporter-destination="$1" test/redis-rate-limit.test.js
}

get_express_rate_limit() {
    clone express-rate-limit/express-rate-limit 8.6.2 "$1"
    cp "$node_own/express-rate-limit.mjs" "$1/source/memory-store.ts"
    # It looks into the store in memory.
    rm "$1/test/library/memory-store-test.ts"
    with_real_timers "$1"/test/library/*.ts
}

run_express_rate_limit() { run_jest "$1" test/library; }

get_throttler() {
    clone nestjs/throttler 6.5.0 "$1"
    cp "$node_own/throttler.mjs" "$1/src/throttler.service.ts"
}

run_throttler() { run_jest "$1" e2e-spec; }

# run_jest RESULTS PATTERN
run_jest() {
    npx jest --config "$node_own/jest.json" --rootDir "$PWD" --forceExit --runInBand --json --outputFile="$1" "$2"
}

get_hono_rate_limiter() {
    clone rhinobase/hono-rate-limiter 0.5.3 "$1"
    cp "$node_own/hono-rate-limiter.mjs" "$1/src/stores/memory.ts"
    with_real_timers "$1"/src/__tests__/*.ts
}

run_hono_rate_limiter() {
    npx vitest run --config /dev/null --root . --reporter=json --outputFile="$1" src/__tests__
}

get_rate_limiter_flexible() {
    clone animir/node-rate-limiter-flexible 11.1.0 "$1"
    cp "$node_own/rate-limiter-flexible.cjs" "$1/lib/RateLimiterRedis.js"
    sed -i "s/6379/$server_port/" "$1/test/RateLimiterRedis.ioredis.test.js"
}

run_rate_limiter_flexible() {
    npx mocha --exit --reporter json --reporter-option "output=$1" test/RateLimiterRedis.ioredis.test.js
}

repository=$PWD
make_temp_dir
main "$@"
