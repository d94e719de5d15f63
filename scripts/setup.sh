#!/usr/bin/env bash
# Installs what it takes to build lockwatch and to run its scripts, on Debian 12 or later: a Redis server, a PostgreSQL
# server and PgBouncer, a C compiler and libclang (the bindings to Redis's module API are generated at build time), and
# Rust.
#
#   scripts/setup.sh
#
# Says nothing if all of it is there; run it as often as you like. The other scripts begin with it. It needs root, or
# sudo, only if packages are missing. The packages of servers are kept from starting or enabling a service, and
# PostgreSQL's from making a database cluster. Rust comes from Debian's packages where they are new enough, else from
# rustup.

# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# The oldest Rust that will do.
rust_version=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)

set_up() {
    install_missing_packages
    if ! has_rust && [[ -d ${CARGO_HOME:-$HOME/.cargo}/bin ]]; then
        # Where rustup puts it; a shell that was open at the time does not look there.
        export PATH=${CARGO_HOME:-$HOME/.cargo}/bin:$PATH
    fi
    if ! has_rust; then install_rust; fi
}

install_missing_packages() {
    local missing=() services=()
    has redis-server redis-cli redis-benchmark || { services+=(redis-server) && missing+=(redis-server redis-tools); }
    has_postgres || { services+=(postgresql) && missing+=(postgresql postgresql-client); }
    # Not on everybody's PATH.
    has pgbouncer || [[ -x /usr/sbin/pgbouncer ]] || { services+=(pgbouncer) && missing+=(pgbouncer); }
    # PostgreSQL does not run as root: it gives the privileges up.
    has setpriv || missing+=(util-linux)
    has_c_compiler || missing+=(gcc libc6-dev)
    has_libclang || missing+=(libclang-dev)
    # The tests stop servers by it; the shell's own does not count.
    has kill || missing+=(procps)
    # The demo's receiver of webhooks is written in it; Debian's smallest has all it needs.
    has perl || missing+=(perl-base)
    [[ -e /etc/ssl/certs/ca-certificates.crt ]] || missing+=(ca-certificates)
    if ((${#missing[@]} == 0)); then return; fi
    without_a_cluster install_packages "${missing[@]}" || die "could not install ${missing[*]}"
    disable_services "${services[@]}"
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

# The library, and the headers that a compiler brings itself.
has_libclang() {
    [[ ${LIBCLANG_PATH:-} ]] || {
        compgen -G '/usr/lib/llvm-*/lib/libclang*.so*' >/dev/null &&
            compgen -G '/usr/lib/llvm-*/lib/clang/*/include/stddef.h' >/dev/null
    }
}

has_rust() {
    is_new_enough "$(rustc --version 2>/dev/null)" && is_new_enough "$(cargo --version 2>/dev/null)" &&
        cargo fmt --version >/dev/null 2>&1 && cargo clippy --version >/dev/null 2>&1
}

# is_new_enough 'rustc 1.85.0 (…)'
is_new_enough() {
    local version
    read -r _ version _ <<<"$1"
    [[ $version ]] && printf '%s\n' "$rust_version" "$version" | sort --check=quiet --version-sort
}

install_rust() {
    local suffix
    # Where rustup is, it stays in charge.
    if ! has rustup; then
        # Debian 12's own Rust is too old, but it has a newer one for building browsers.
        for suffix in '' -web; do
            is_new_enough "candidate $(candidate "cargo$suffix")" || continue
            # Rust that other packages depend on is left alone.
            if install_packages --no-remove "rustc$suffix" "cargo$suffix" "rustfmt$suffix" "rust$suffix-clippy"; then
                hash -r
                has_rust && return
            fi
        done
        if [[ $(candidate rustup) ]]; then install_packages rustup || true; fi
    fi
    if has rustup; then
        note "installing Rust by rustup"
        rustup toolchain install stable --profile minimal --component rustfmt,clippy >&2
        export RUSTUP_TOOLCHAIN=stable
    else
        install_rustup
    fi
    hash -r
    has_rust || die "Rust $rust_version or later, with rustfmt and clippy, could not be installed"
}

install_rustup() {
    note "installing Rust into ${CARGO_HOME:-$HOME/.cargo} by the installer from rustup.rs"
    has curl || install_packages curl || die "could not install curl"
    curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs |
        sh -s -- -y -q --no-modify-path --profile minimal --component rustfmt --component clippy >&2
    export PATH=${CARGO_HOME:-$HOME/.cargo}/bin:$PATH
}

# The version of a package that apt would install; nothing if there is none.
candidate() {
    if has apt-cache; then apt-cache policy "$1" | sed -n 's/^  Candidate: \([^(].*\)/\1/p'; fi
}

apt_is_fresh=

# install_packages [OPTION ...] PACKAGE ...
install_packages() {
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

# Debian's package scripts ask /usr/sbin/policy-rc.d, if there is one, whether they may start a service.
without_starting_services() (
    policy=/usr/sbin/policy-rc.d
    if [[ ! -e $policy ]]; then
        trap 'as_root rm -f "$policy"' EXIT
        printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
        as_root chmod +x "$policy"
    fi
    "$@"
)

# Debian's PostgreSQL makes a cluster, "main", when it is first installed, unless the administrator's settings for new
# clusters say otherwise. For as long as the command runs, they do.
without_a_cluster() (
    settings=/etc/postgresql-common/createcluster.d/lockwatch-setup.conf
    # What it leaves empty was not there before.
    trap 'as_root rm -f "$settings" && as_root rmdir -p --ignore-fail-on-non-empty "${settings%/*}"' EXIT
    as_root mkdir -p "${settings%/*}"
    echo "create_main_cluster = false" | as_root tee "$settings" >/dev/null
    "$@"
)

# disable_services NAME ...: not started now, nor at the next boot.
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

if [[ ${BASH_SOURCE[0]} == "$0" && ${1:-} == @(-h|--help) ]]; then
    usage
elif [[ ${BASH_SOURCE[0]} == "$0" && $# -gt 0 ]]; then
    die "takes no arguments; see --help"
else
    set_up
fi
