#!/usr/bin/env bash
# Makes the golden files of this version again: tests/data/golden/README.md says when, and what they
# are. Deletes those that are there.
#
#   scripts/golden.sh
#
# Takes the installed redis-server, which has to be Redis 7.0, and the servers of scripts/servers.sh.
# Builds the tests first. Needs PostgreSQL, as the tests do.

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

no_arguments "$@"

version=$(sed -n '/^\[workspace.package\]/,/^\[/ s/^version = "\([0-9]*\.[0-9]*\)\..*/\1/p' Cargo.toml)
files=$PWD/tests/data/golden/$version
[[ -e $files/guard.rules ]] || die "there is no $files/guard.rules: copy it from the version before, and name the directory in set.rs"

# name_of SERVER: prints the name of its directory, like redis-7.0.
name_of() { "$1" --version | sed -n 's/^\([A-Za-z]*\) server v=\([0-9]*\.[0-9]*\).*/\L\1-\2/p'; }

# make TEST SERVER DIRECTORY: runs the test that makes files, and checks them, in DIRECTORY.
make() {
    note "making ${3##*/}"
    LOCKWATCH_SERVER=$2 LOCKWATCH_GOLDEN=$3 cargo test --quiet --profile it --features debug-commands --locked --test it \
        -- --exact "golden::$1"
}

oldest=redis-server
command -v "$oldest" >/dev/null || die "needs redis-server"
[[ $(name_of "$oldest") == redis-7.0 ]] || die "the installed redis-server is not Redis 7.0"
mapfile -t servers < <(scripts/servers.sh)
cargo build --quiet --profile it --features debug-commands --locked
rm -rf "${files:?}"/*/
for server in "$oldest" "${servers[@]}"; do
    make files_made_now_load_to_the_state_of_the_server_that_made_them "$server" "$files/$(name_of "$server")"
done
make files_of_large_values_made_now_load_to_the_state_of_the_server_that_made_them "$oldest" "$files/large"
note "made $(find "$files" -type f -printf '%s\n' | awk '{ bytes += $1 } END { print int(bytes / 1000) }') KB in $files"
