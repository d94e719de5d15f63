# shellcheck shell=bash
# The licences of the crates whose code is in the module and in the program. Every package that carries
# one of both carries them too, because most of these ask for it.
#
# shellcheck disable=SC2154 # variables of packages.sh and lib.sh

# What a release builds the module and the program for.
released_targets=({x86_64,aarch64}-{unknown-linux-gnu,unknown-linux-musl,apple-darwin})

# Sets `licences` to a file about the module and the program that the packages carry.
collect_licences() {
    licences=$temp_dir/third-party-licences
    [[ -e $licences ]] || write_licences "$licences" "lockwatch lockwatch-cli" "$machine-unknown-linux-gnu"
}

# Sets `module_licences` to one about the module alone.
collect_module_licences() {
    module_licences=$temp_dir/module/third-party-licences
    mkdir -p "${module_licences%/*}"
    [[ -e $module_licences ]] || write_licences "$module_licences" lockwatch "$machine-unknown-linux-gnu"
}

# Prints the path of a file about all modules and programs of a release.
build_licences() {
    write_licences "$output/third-party-licences" "lockwatch lockwatch-cli" "${released_targets[@]}"
    echo "$output/third-party-licences"
}

# write_licences FILE PACKAGES TARGET ...: writes what cargo's copy of the sources says, for the crates
# that are linked into these packages of the workspace for one of these targets.
write_licences() {
    local file=$1 name version licence crates package target options=()
    set_up rust
    if [[ ! ${LOCKWATCH_NO_INSTALL:-} ]]; then cargo fetch --locked --quiet; fi
    for package in $2; do options+=(-p "$package"); done
    for target in "${@:3}"; do options+=(--target "$target"); done
    crates=$(cargo tree --locked --offline --edges normal,no-proc-macro "${options[@]}" --prefix none --format '{p}|{l}' |
        sed 's/ (\*)//; /^$/d' | sort -u)
    while IFS='|' read -r name licence; do
        read -r name version _ <<<"$name"
        if [[ $name == lockwatch* ]]; then continue; fi
        printf '%s\n%s %s: %s\n\n' "$(printf '=%.0s' {1..80})" "$name" "${version#v}" "$licence"
        print_texts "$name-${version#v}" "$licence"
    done <<<"$crates" >"$file.new"
    mv "$file.new" "$file"
}

# print_texts CRATE-VERSION LICENCE: the terms of MIT stand in for texts that a crate does not have.
print_texts() {
    local text found=
    for text in "${CARGO_HOME:-$HOME/.cargo}/registry/src/"*"/$1"/{LICEN[CS]E,COPYING,COPYRIGHT,NOTICE}*; do
        if [[ -f $text ]]; then cat "$text" && echo && found=1; fi
    done
    if [[ $found ]]; then return; fi
    [[ $2 =~ (^| )MIT( |$) && $2 != *AND* ]] || die "cargo's copy of $1 has no text of its licence, $2"
    printf '%s\n\n' "Its sources have no text of a licence. It is used under the terms of MIT:" "$(sed -n '/^Permission/,$p' LICENSE)"
}
