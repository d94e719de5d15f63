#!/usr/bin/env bash
# Builds the packages that carry the release builds of the module and of the program for operators.
#
#   scripts/packages.sh server-wheel [DIR]   the wheel lockwatch-server (packaging/python-server),
#                                            with the program
#   scripts/packages.sh server-npm [DIR]     the npm packages lockwatch-server
#                                            (packaging/npm-server) and
#                                            lockwatch-server-linux-x64-gnu, which has the module
#   scripts/packages.sh deb [DIR]            the Debian package lockwatch (packaging/debian), with the
#                                            program, its manual pages and completions
#   scripts/packages.sh licences [DIR]       third-party-licences: those of the crates in the
#                                            modules and programs of a release; each package has such
#                                            a file for what it carries
#   scripts/packages.sh image                the container image lockwatch (packaging/container), with
#                                            the program, by docker, podman or buildah;
#                                            LOCKWATCH_BASE=IMAGE is its base
#   scripts/packages.sh module-2.28          the module itself, for glibc 2.28 and later
#   scripts/packages.sh program-2.28         the program itself, for the same
#   scripts/packages.sh --check [PART ...]   lints, builds, installs and tries them: server-wheel,
#                                            server-npm, deb, image, compose and, only if they are
#                                            named, module-2.28 and program-2.28
#
# Prints the paths of the packages, which are put into DIR (target/packages). The version is that of
# Cargo.toml. The packages' names or dependencies say which C library they need. To support older
# ones, make the packages from the builds for glibc 2.28, in the directory that is printed:
#
#   scripts/packages.sh module-2.28
#   scripts/packages.sh program-2.28
#   CARGO_TARGET_DIR=target/glibc-2.28/x86_64-unknown-linux-gnu scripts/packages.sh deb
#
# The check installs without a compiler and, where it is run by root, as the user nobody. It reaches
# PyPI for the server of the extra [server]; with LOCKWATCH_NO_INSTALL=1 it leaves that out. The
# Debian package and the image are tried in a Debian system, which root alone can make; others only
# build the package.
#
# Build first: cargo build --release, and, except for npm, cargo build --profile program -p
# lockwatch-cli. Installs what is missing (scripts/setup.sh packages python
# node roots glibc).

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=scripts/setup.sh
. scripts/setup.sh
# shellcheck source=scripts/packages-check.sh
. scripts/packages-check.sh
# shellcheck source=scripts/packages-debian.sh
. scripts/packages-debian.sh
# shellcheck source=scripts/packages-image.sh
. scripts/packages-image.sh
# shellcheck source=scripts/packages-compose.sh
. scripts/packages-compose.sh
# shellcheck source=scripts/packages-glibc.sh
. scripts/packages-glibc.sh
# shellcheck source=scripts/packages-licences.sh
. scripts/packages-licences.sh
# shellcheck source=scripts/packages-program.sh
. scripts/packages-program.sh

crate_version=$(scripts/version.sh)

main() {
    local part command=${1:-}
    case $command in
        -h | --help) usage && exit ;;
        module-2.28) build_module_for_old_glibc && exit ;;
        program-2.28) build_program_for_old_glibc && exit ;;
        server-wheel | server-npm | deb | licences | image | --check) shift ;;
        *) die "unknown command '$command'; see --help" ;;
    esac
    make_temp_dir
    if [[ "$command $*" =~ ^"--check"(" "(module|program)-2.28)+$ ]]; then
        for part; do "check_${part%-2.28}_for_old_glibc"; done
        return
    fi
    [[ $command == licences ]] || prepare_module
    [[ $command == licences || $command == server-npm || "$command $*" == "--check server-npm" ]] || prepare_program
    if [[ $command != --check ]]; then
        output=$(from_caller "${1:-$PWD/target/packages}")
        mkdir -p "$output"
        "build_${command//-/_}"
        return
    fi
    output=$temp_dir/packages
    mkdir "$output"
    # Another user installs them.
    chmod go+rx "$temp_dir" "$output"
    hide_compilers
    (($# > 0)) || set -- server-wheel server-npm deb image compose
    for part; do
        case $part in
            server-wheel | server-npm | deb | image | compose) "check_${part//-/_}" ;;
            module-2.28 | program-2.28) "check_${part%-2.28}_for_old_glibc" ;;
            *) die "unknown part '$part'; see --help" ;;
        esac
    done
}

# Copies the module without its symbols. Sets `module`, and `machine` and `glibc`, which it needs.
prepare_module() {
    [[ -e $release_module ]] || die "there is no $release_module: cargo build --release"
    has strip objdump || die "needs strip and objdump: apt-get install binutils"
    if grep --quiet --text 'LW\.DEBUG' "$release_module"; then die "$release_module contains LW.DEBUG"; fi
    module=$temp_dir/liblockwatch.so
    install -m 755 "$release_module" "$module"
    strip --strip-unneeded "$module"
    machine=$(objdump -f "$module" | sed -n 's/^architecture: \([^,]*\),.*/\1/p')
    case $machine in
        i386:x86-64) machine=x86_64 npm_cpu=x64 ;;
        aarch64) npm_cpu=arm64 ;;
        *) die "there are no packages for $machine" ;;
    esac
    glibc=$(needed_glibc "$module")
    [[ $glibc ]] || die "$release_module does not need glibc, and there are no packages for other C libraries"
}

build_server_wheel() {
    set_up packages
    collect_licences
    # shellcheck disable=SC2154 # of setup.sh
    (
        cd packaging/python-server
        LOCKWATCH_PACKAGE_VERSION=$crate_version LOCKWATCH_PACKAGE_MODULE=$module LOCKWATCH_PACKAGE_MACHINE=$machine \
            LOCKWATCH_PACKAGE_PROGRAM=$program LOCKWATCH_PACKAGE_GLIBC=$glibc_of_both LOCKWATCH_PACKAGE_LICENCES=$licences \
            "$build_venv/bin/python" -m hatchling build -t wheel -d "$output" >&2
    )
    wheel=$(printf '%s\n' "$output/lockwatch_server-$crate_version-"*"_${glibc_of_both/./_}_$machine.whl")
    echo "$wheel"
}

build_server_npm() {
    has npm || set_up node
    collect_module_licences
    local platform=lockwatch-server-linux-$npm_cpu-gnu dir cpu optional=()
    dir=$(mktemp -d "$temp_dir/npm.XXXXXX")
    mkdir "$dir/$platform"
    cp -R packaging/npm-server "$dir/lockwatch-server"
    cp packaging/npm-server/LICENSE "$module" "$module_licences" "$dir/$platform/"
    cat >"$dir/$platform/README.md" <<END
# $platform

The compiled module of lockwatch for Linux on $machine with glibc $glibc or later. The package \`lockwatch-server\` uses it.
It contains code of other projects, whose licences are in \`third-party-licences\`.
END
    # `preferUnplugged`: the server cannot load the module out of a zip file of Yarn.
    cat >"$dir/$platform/package.json" <<END
{
  "name": "$platform",
  "version": "$crate_version",
  "description": "The lockwatch module for Linux on $machine with glibc $glibc or later",
  "license": "MIT",
  "os": ["linux"],
  "cpu": ["$npm_cpu"],
  "libc": ["glibc"],
  "preferUnplugged": true,
  "files": ["liblockwatch.so", "third-party-licences"],
  "lockwatch": { "glibc": "$glibc" }
}
END
    # A release names the packages of all processors in the one package that uses them.
    for cpu in ${LOCKWATCH_NPM_CPUS:-$npm_cpu}; do
        optional+=("optionalDependencies.lockwatch-server-linux-$cpu-gnu=$crate_version")
    done
    (cd "$dir/lockwatch-server" && npm pkg set "version=$crate_version" "${optional[@]}")
    npm_packages=()
    local name
    for name in "$platform" lockwatch-server; do
        (cd "$dir/$name" && npm pack --silent --ignore-scripts --pack-destination "$output" >/dev/null)
        npm_packages+=("$output/$name-$crate_version.tgz")
    done
    printf '%s\n' "${npm_packages[@]}"
}

# Sets `bare_path` to a directory with the machine's programs except compilers and servers.
hide_compilers() {
    local dir name
    bare_path=$temp_dir/bin
    mkdir "$bare_path"
    for dir in /bin /usr/bin; do ln -s -t "$bare_path" "$dir"/* 2>/dev/null || true; done
    for name in cc c++ c89 c99 gcc g++ clang clang++ ld as rustc cargo make cmake redis-server valkey-server; do
        rm -f "$bare_path/$name" "$bare_path/$name"-[0-9]*
    done
    rm -f "$bare_path"/*-linux-gnu-{gcc,g++,cpp}* "$bare_path"/python3* "$bare_path"/python "$bare_path"/pip*
}

main "$@"
