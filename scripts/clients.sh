#!/usr/bin/env bash
# Checks the clients against real servers with the release build of the module: types, lints, tests,
# and whether each can be installed from this directory alone.
#
#   scripts/clients.sh              all
#   scripts/clients.sh python       clients/python: ruff, mypy --strict, pytest
#   scripts/clients.sh node         clients/node: eslint, tsc, node --test, npm pack
#   scripts/clients.sh go           clients/go: gofmt, go vet, golangci-lint, go test -race
#
# Build first: cargo build --release. Installs what is missing (scripts/setup.sh python node go).

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=scripts/setup.sh
. scripts/setup.sh

main() {
    local client
    (($# > 0)) || set -- python node go
    [[ -e $release_module ]] || die "there is no $release_module: cargo build --release"
    export LOCKWATCH_MODULE=$release_module
    scripts/version.sh --check
    for client; do
        case $client in
            python | node | go) "check_$client" ;;
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

# Each directory with a go.mod is a module: the client, and what needs other libraries.
check_go() {
    local module
    use_go
    while read -r module; do
        (
            cd "${module%/go.mod}"
            note "${module%/go.mod}"
            fail_on_output "gofmt -w changes" gofmt -l .
            fail_on_output "go mod tidy changes" go mod tidy -diff
            go vet ./...
            golangci-lint run --allow-parallel-runners ./...
            go test -race ./...
        )
    done < <(find clients/go -name go.mod | sort)
    install_go_client
}

# fail_on_output WHAT COMMAND [ARGUMENT ...]
fail_on_output() {
    local output what=$1
    shift
    output=$("$@") || true
    [[ ! $output ]] || die "$what: $output"
}

# Builds a program that has only the client, in a directory of its own.
install_go_client() {
    local here=$PWD
    mkdir "$temp_dir/program"
    (
        cd "$temp_dir/program"
        go mod init example 2>/dev/null
        go mod edit -require=lockwatch@v0.0.0 -replace="lockwatch=$here/clients/go"
        cat >main.go <<'EOF'
package main

import "lockwatch"

func main() {
	if _, err := lockwatch.Open("redis://localhost:6379", lockwatch.Options{}); err != nil {
		panic(err)
	}
}
EOF
        go mod tidy 2>/dev/null
        go run .
    )
}

make_temp_dir
main "$@"
