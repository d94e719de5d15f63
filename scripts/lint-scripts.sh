#!/usr/bin/env bash
# Lints the programs in scripts/, contrib/, clients/bench and packaging/container: shellcheck for
# shell, ruff and mypy for Python. The clients, the packages and tests/docs have settings and a step
# of their own.
#
#   scripts/lint-scripts.sh

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=scripts/setup.sh
. scripts/setup.sh

no_arguments "$@"

set_up workflows
shellcheck -x scripts/*.sh packaging/container/lockwatch-* .ci/run
use_python
ruff format --config clients/python/pyproject.toml --check scripts contrib clients/bench
ruff check --isolated --select B,E4,E7,E9,F,I,PT,SIM,UP --line-length 120 scripts contrib clients/bench
mypy --strict scripts/*.py contrib/*.py
mypy --strict clients/bench/*.py
