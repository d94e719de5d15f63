#!/usr/bin/env bash
# Checks every crate of the dependency tree, including those for building and testing: deny.toml
# must allow its licence and must not ban the crate. Uses only what a build has already downloaded.
#
#   scripts/licences.sh

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

no_arguments "$@"

declare -A allowed=() banned=()

main() {
    local name version licence crates wrong=0
    read_lists
    crates=$(list_crates)
    while IFS='|' read -r name licence; do
        read -r name version _ <<<"$name"
        if [[ ${banned[$name]:-} ]]; then
            note "$name $version is banned: ${banned[$name]}"
            wrong=1
        fi
        if ! is_allowed "$licence"; then
            note "$name $version has a licence that deny.toml does not allow: ${licence:-none}"
            wrong=1
        fi
    done <<<"$crates"
    ((wrong == 0)) || exit 1
    echo "$(wc -l <<<"$crates") crates, each with an allowed licence, none banned"
}

list_crates() {
    cargo tree --workspace --locked --offline --all-features --prefix none --format '{p}|{l}' | sed 's/ (\*)$//; /^$/d' | sort -u
}

read_lists() {
    local word crate reason
    while read -r word; do
        allowed[$(one_word "$word")]=1
    done < <(sed -n '/^allow = \[/,/^]/s/^ *"\(.*\)",$/\1/p' deny.toml)
    while IFS='|' read -r crate reason; do
        banned[$crate]=$reason
    done < <(sed -n 's/^ *{ crate = "\(.*\)", reason = "\(.*\)" },$/\1|\2/p' deny.toml)
    ((${#allowed[@]} > 0 && ${#banned[@]} > 0)) || die "can't read deny.toml"
}

# one_word LICENCE: joins a licence and its exception into one word.
one_word() { echo "${1// WITH /+}"; }

# is_allowed 'MIT OR (Apache-2.0 AND Zlib)': replaces each name by 1 if it is allowed, else 0, and
# evaluates the result.
is_allowed() {
    local word sum=
    # Cargo's older notation for OR is a slash.
    for word in $(one_word "$1" | sed 's#/# OR #g; s#[()]# & #g'); do
        case $word in
            AND) sum+=' && ' ;;
            OR) sum+=' || ' ;;
            '(' | ')') sum+=$word ;;
            *) sum+=${allowed[$word]:-0} ;;
        esac
    done
    [[ $sum ]] && ((sum))
}

main
