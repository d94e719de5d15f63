#!/usr/bin/env bash
# The version of the module, which is that of the clients too. Its source is Cargo.toml.
#
#   scripts/version.sh               prints it
#   scripts/version.sh --set X.Y.Z   writes another one into every file that has it
#   scripts/version.sh --check       fails if a file has a different one
#
# Besides the files below, documents name packages with their version, like lockwatch-X.Y.Z.tgz.
# CHANGELOG.md and docs/decisions/ are history and stay as they are.

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

# Pairs: a file, and a Perl expression for what is before the version in it.
places=(
    Cargo.toml '^\[workspace\.package\]\n(?:(?!\[).*\n)*?version = "'
    README.md '\bVersion '
    Cargo.lock '^name = "lockwatch(?:-cli|-common|-test-support)?"\nversion = "'
    clients/python/src/lockwatch/__init__.py '^__version__ = "'
    clients/node/package.json '^  "version": "'
    clients/node/package-lock.json '"name": "lockwatch",\n\s*"version": "'
    clients/go/version.go '^const Version = "'
)
# A package's name, before the version: lockwatch-1.2.3.tgz, lockwatch_server-1.2.3-py3,
# lockwatch:1.2.3.
package='\blockwatch[a-z_-]*[-_@:]v?'

main() {
    case ${1:-} in
        '') versions_in Cargo.toml "${places[1]}" ;;
        --set) set_version "${2:-}" ;;
        --check) check ;;
        -h | --help) usage ;;
        *) die "unknown argument '$1'; see --help" ;;
    esac
}

# versions_in FILE BEFORE: prints each version behind BEFORE in a file, one a line.
versions_in() {
    BEFORE=$2 perl -0777 -ne 'print "$1\n" while /$ENV{BEFORE}(\d+\.\d+\.\d+)/gm' "$1"
}

# Prints the paths of the documents, which may name packages.
documents() {
    find . \( -name node_modules -o -name target -o -name .git -o -path ./docs/decisions \) -prune -o \
        -name '*.md' -not -path ./CHANGELOG.md -print -o -name '*.yaml' -print -o -name '*.yml' -print
}

set_version() {
    local index file
    [[ $1 =~ ^[0-9]+\.[0-9]+\.[0-9]+$ ]] || die "'$1' is no version: write X.Y.Z"
    for ((index = 0; index < ${#places[@]}; index += 2)); do replace "${places[index]}" "${places[index + 1]}" "$1"; done
    while read -r file; do
        if [[ $(versions_in "$file" "$package") ]]; then replace "$file" "$package" "$1"; fi
    done < <(documents)
    check
}

# replace FILE BEFORE VERSION
replace() {
    BEFORE=$2 VERSION=$3 perl -0777 -i -pe 's/$ENV{BEFORE}\K\d+\.\d+\.\d+/$ENV{VERSION}/gm' "$1"
}

check() {
    local version index file found wrong=
    version=$(versions_in Cargo.toml "${places[1]}")
    [[ $version =~ ^[0-9.]+$ ]] || die "Cargo.toml has no version of a package"
    for ((index = 0; index < ${#places[@]}; index += 2)); do
        file=${places[index]}
        found=$(versions_in "$file" "${places[index + 1]}" | sort -u)
        if [[ $found != "$version" ]]; then
            note "$file has version ${found:-none}"
            wrong=1
        fi
    done
    while read -r file; do
        for found in $(versions_in "$file" "$package" | sort -u); do
            if [[ $found != "$version" ]]; then
                note "$file names a package of version $found"
                wrong=1
            fi
        done
    done < <(documents)
    [[ ! $wrong ]] || die "the version in Cargo.toml is $version: scripts/version.sh --set $version writes it everywhere"
}

main "$@"
