#!/usr/bin/env bash
# Installs what the tests check tokens with: PyJWT (Debian's python3-jwt), jose for Node.js (from npm), and openssl, whose
# command makes keys. Prints the directory in which Node.js finds jose. Says nothing else if all of it is there.
#
#   scripts/interop.sh
#
# jose is put into ${XDG_CACHE_HOME:-~/.cache}/lockwatch/interop, or into $LOCKWATCH_CACHE/interop.

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=scripts/setup.sh
. scripts/setup.sh

cache=${LOCKWATCH_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/lockwatch}/interop
# The last that runs on the Node.js of Debian 12.
jose=jose@5.10.0

main() {
    local missing=()
    /usr/bin/python3 -c 'import jwt, cryptography' 2>/dev/null || missing+=(python3-jwt python3-cryptography)
    has node || missing+=(nodejs)
    has npm || [[ -d $cache/node_modules/jose ]] || missing+=(npm)
    has openssl || missing+=(openssl)
    if ((${#missing[@]} > 0)); then
        install_packages "${missing[@]}" >&2 || die "could not install ${missing[*]}"
    fi
    if [[ ! -d $cache/node_modules/jose ]]; then
        mkdir -p "$cache"
        note "fetching $jose"
        npm install --silent --no-audit --no-fund --prefix "$cache" "$jose" >&2 || die "could not install $jose"
    fi
    echo "$cache"
}

main
