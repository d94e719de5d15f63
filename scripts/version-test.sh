#!/usr/bin/env bash
# Checks scripts/version.sh in a copy of the files that it reads.
#
#   scripts/version-test.sh

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

files=(Cargo.toml Cargo.lock README.md scripts/lib.sh scripts/version.sh)
files+=(clients/python/src/lockwatch/__init__.py clients/node/{package.json,package-lock.json,README.md})
files+=(clients/go/version.go)

main() {
    local version file
    scripts/version.sh --check
    version=$(scripts/version.sh)
    make_temp_dir
    cp --parents "${files[@]}" "$temp_dir"
    cd "$temp_dir"
    scripts/version.sh --set 9.8.7
    [[ $(scripts/version.sh) == 9.8.7 ]] || die "--set did not change what version.sh prints"
    for file in README.md Cargo.lock clients/python/src/lockwatch/__init__.py clients/node/{package.json,package-lock.json,README.md} \
        clients/go/version.go; do
        grep -qF 9.8.7 "$file" || die "--set did not change $file"
        sed "s/9\.8\.7/$version/" "$file" >"$file.other"
        refuses "$file" "$version"
    done
    # Versions of dependencies stay.
    expect_count 1 Cargo.toml
    expect_count 4 Cargo.lock
    expect_count 2 clients/node/package-lock.json
    if scripts/version.sh --set 1.2 2>message; then die "--set accepted 1.2"; fi
    grep -qF "'1.2' is no version" message || die "the error of --set 1.2 is: $(cat message)"
}

# expect_count NUMBER FILE: checks how many lines of a file have the new version.
expect_count() {
    [[ $(grep -cF 9.8.7 "$2") == "$1" ]] || die "--set changed $(grep -cF 9.8.7 "$2") lines of $2 instead of $1"
}

# refuses FILE VERSION: checks that --check names a file that has another version.
refuses() {
    mv "$1" "$1.kept"
    mv "$1.other" "$1"
    if scripts/version.sh --check 2>message; then die "--check accepted $2 in $1"; fi
    grep -qF "$1 " message || die "--check did not name $1: $(cat message)"
    grep -qF "$2" message || die "--check did not name $2: $(cat message)"
    mv "$1.kept" "$1"
}

main "$@"
