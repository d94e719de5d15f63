#!/usr/bin/env bash
# Checks the operators' page in Debian's Chromium, against the program, a server with the module and
# a PostgreSQL; and lints these tests (cli/tests/browser).
#
#   scripts/browser.sh              all tests
#   scripts/browser.sh WORD ...     passes WORD ... to pytest
#
# Build first: cargo build --profile program -p lockwatch-cli, and the module for the tests, cargo
# build --profile it --features debug-commands, which shortens the delays of webhooks. Another program
# or module may be named by LOCKWATCH_PROGRAM and LOCKWATCH_MODULE. Installs what is missing
# (scripts/setup.sh browser).

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=scripts/setup.sh
. scripts/setup.sh

case ${1:-} in -h | --help) usage && exit ;; esac

export LOCKWATCH_MODULE=${LOCKWATCH_MODULE:-$target_dir/it/liblockwatch.so} LOCKWATCH_PROGRAM=${LOCKWATCH_PROGRAM:-$release_program}
[[ -e $LOCKWATCH_MODULE ]] || die "there is no $LOCKWATCH_MODULE: cargo build --profile it --features debug-commands"
[[ -e $LOCKWATCH_PROGRAM ]] || die "there is no $LOCKWATCH_PROGRAM: cargo build --profile program -p lockwatch-cli"
set_up browser
export PATH=$browser_venv/bin:$PATH
cd cli/tests/browser
ruff check .
ruff format --check .
mypy
pytest -q "$@"
