# shellcheck shell=bash
# The program for operators in the packages, with its manual pages and its completions.
#
# shellcheck disable=SC2154,SC2034 # variables of packages.sh and lib.sh

# Copies the program without its symbols. Sets `program`, and `glibc_of_both`, the C library that
# the module and the program need.
prepare_program() {
    local needs
    [[ -e $release_program ]] || die "there is no $release_program: cargo build --profile program -p lockwatch-cli"
    program=$temp_dir/lockwatch
    install -m 755 "$release_program" "$program"
    strip "$program"
    needs=$(needed_glibc "$program")
    [[ $needs ]] || die "$release_program does not need glibc, and there are no packages for other C libraries"
    glibc_of_both=$(printf '%s\n' "$glibc" "$needs" | sort --version-sort | tail -n 1)
}

# write_share DIR: what the Debian package puts into /usr/share for shells and `man`.
write_share() {
    mkdir -p "$1"/{man/man1,bash-completion/completions,zsh/vendor-completions,fish/vendor_completions.d}
    "$program" man --dir "$1/man/man1"
    gzip -9 --no-name "$1"/man/man1/*
    "$program" completions bash >"$1/bash-completion/completions/lockwatch"
    "$program" completions zsh >"$1/zsh/vendor-completions/_lockwatch"
    "$program" completions fish >"$1/fish/vendor_completions.d/lockwatch.fish"
}

# check_version PROGRAM ...: the words run the installed program, which has to print its version.
check_version() {
    local printed
    printed=$("$@" --version) || die "$* --version ended with $?"
    [[ $printed == "lockwatch $crate_version" ]] || die "$* --version printed: $printed"
}

# check_doctor PORT PROGRAM ...: the program, run by these words, examines the server at this port and
# finds no error. That others can reach it without a password does not count.
check_doctor() {
    local port=$1 status=0 found
    shift
    found=$("$@" doctor --json --skip exposed --redis "redis://127.0.0.1:$port" 2>&1) || status=$?
    ((status <= 1)) || die "$* doctor ended with $status: $found"
    # A server without the module would be an error; this shows that the checks have run.
    [[ $found == *'"checks"'* ]] || die "$* doctor --json printed: $found"
}

# check_share DIR PROGRAM ...: `man` shows the pages below this directory without a warning, and bash
# completes the command.
check_share() {
    local page warnings name
    for page in "$1"/man/man1/lockwatch*.1.gz; do
        warnings=$(man --warnings -l "$page" 2>&1 >/dev/null | grep -v "can't open the manpath" || true)
        [[ ! $warnings ]] || die "man has warnings about ${page##*/}: $warnings"
        name=$(basename "$page" .1.gz)
        MANWIDTH=100 man -l "$page" 2>/dev/null | grep -q "^NAME" || die "man does not show $name"
    done
    for name in '' -doctor -metrics -top -web -hunt; do
        [[ -e $1/man/man1/lockwatch$name.1.gz ]] || die "there is no manual page of lockwatch$name"
    done
    # shellcheck disable=SC2016 # for that bash
    bash --norc -c '. "$1" && complete -p lockwatch && COMP_WORDS=(lockwatch doc) COMP_CWORD=1 &&
        "$(complete -p lockwatch | sed "s/.*-F \([^ ]*\).*/\1/")" lockwatch doc lockwatch && [[ " ${COMPREPLY[*]} " == *" doctor "* ]]' \
        bash "$1/bash-completion/completions/lockwatch" >/dev/null || die "bash does not complete lockwatch"
    grep -q '^#compdef lockwatch' "$1/zsh/vendor-completions/_lockwatch" || die "the completions for zsh are none"
    grep -q '^complete -c lockwatch' "$1/fish/vendor_completions.d/lockwatch.fish" || die "the completions for fish are none"
}
