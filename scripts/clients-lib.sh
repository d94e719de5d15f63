# shellcheck shell=bash
# What the scripts that use the clients share: environments in which they are installed. Sourced after lib.sh, never run.

# shellcheck source=scripts/setup.sh
. scripts/setup.sh

clients_cache=${LOCKWATCH_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/lockwatch}/clients

# A Python environment with clients/python and all that its tests need, first on PATH.
use_python() {
    local venv
    python3 -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))' 2>/dev/null ||
        install_packages python3 python3-venv >&2 || die "could not install python3-venv"
    # One for each state of what it is to hold, and each place of the sources.
    venv=$clients_cache/python-$( (pwd; cat clients/python/pyproject.toml) | sha256sum | cut -c 1-16)
    if [[ ! -e $venv/complete ]]; then
        note "installing what the Python client's tests need"
        rm -rf "$venv"
        mkdir -p "$clients_cache"
        python3 -m venv "$venv"
        "$venv/bin/pip" install --quiet --disable-pip-version-check -e 'clients/python[test]' >&2 ||
            die "could not install the Python client"
        touch "$venv/complete"
    fi
    export PATH=$venv/bin:$PATH
}

# Node.js, and clients/node with all that its tests need.
use_node() {
    local missing=()
    is_node_new_enough || install_node
    has npm || missing+=(npm)
    if ((${#missing[@]} > 0)); then install_packages "${missing[@]}" >&2 || die "could not install ${missing[*]}"; fi
    if [[ ! -e clients/node/node_modules/.package-lock.json || clients/node/package-lock.json -nt clients/node/node_modules/.package-lock.json ]]; then
        note "installing what the Node client's tests need"
        (cd clients/node && npm ci --silent --no-audit --no-fund >&2) || die "could not install the Node client"
    fi
}

is_node_new_enough() { has node && node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)'; }

# Debian 12's is older than the client and its tests need; npm's package of the same name brings a newer one.
install_node() {
    local prefix=$clients_cache/node
    has npm || install_packages npm >&2 || die "could not install npm"
    if [[ ! -x $prefix/node_modules/.bin/node ]]; then
        mkdir -p "$prefix"
        npm install --silent --no-audit --no-fund --prefix "$prefix" node@20 >&2 || die "could not install Node.js 20"
    fi
    export PATH=$prefix/node_modules/.bin:$PATH
}
