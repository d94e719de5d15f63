#!/usr/bin/env bash
# Checks that scripts/setup.sh --no-install installs nothing, fails, and names the package that is
# missing and why.
#
#   scripts/setup-test.sh

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

hidden=(redis-server valgrind)

# Sets $path to a PATH with everything but the hidden programs, and an apt-get that only records
# that it was called.
hide_programs() {
    local dir
    make_temp_dir
    path=$temp_dir/path
    mkdir "$path"
    # The first directory with a program wins, as on PATH itself.
    for dir in ${PATH//:/ }; do ln -s -t "$path" "$dir"/* 2>/dev/null || true; done
    for program in "${hidden[@]}" apt-get; do rm -f "$path/$program"; done
    printf '#!/bin/sh\ntouch %q\n' "$temp_dir/apt-get-was-called" >"$path/apt-get"
    chmod +x "$path/apt-get"
}

# expect_refusal PACKAGE COMMAND [ARGUMENT ...]
expect_refusal() {
    local package=$1 output
    shift
    if output=$(PATH=$path "$@" 2>&1); then die "$* succeeded without $package"; fi
    grep -q "^  $package  *[a-z]" <<<"$output" || die "$* does not say that $package is missing and why: $output"
    grep -q -- "--no-install" <<<"$output" || die "$* does not say why it installs nothing: $output"
    [[ ! -e $temp_dir/apt-get-was-called ]] || die "$* called apt-get"
}

hide_programs
expect_refusal redis-server scripts/setup.sh --no-install
expect_refusal valgrind scripts/setup.sh --no-install valgrind
expect_refusal redis-server env LOCKWATCH_NO_INSTALL=1 scripts/setup.sh
for script in test demo serve bench; do expect_refusal redis-server "scripts/$script.sh" --no-install; done
output=$(PATH=$path scripts/setup.sh --list build 2>&1) || die "--list failed"
grep -q "^  redis-server " <<<"$output" || die "--list does not name redis-server: $output"
echo "setup.sh, test.sh, demo.sh, serve.sh and bench.sh refuse to install what is missing, and name it"
