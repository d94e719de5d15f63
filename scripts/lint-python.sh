#!/usr/bin/env bash
# Lints the Python programs in scripts/ and contrib/: ruff, mypy --strict. The clients, the packages and
# tests/docs have settings and a step of their own.

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=scripts/setup.sh
. scripts/setup.sh

case ${1:-} in
    '') ;;
    -h | --help) usage && exit ;;
    *) die "takes no arguments; see --help" ;;
esac

use_python
ruff format --config clients/python/pyproject.toml --check scripts contrib
ruff check --isolated --select B,E4,E7,E9,F,I,PT,SIM,UP --line-length 120 scripts contrib
mypy --strict scripts/*.py contrib/*.py
