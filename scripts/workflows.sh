#!/usr/bin/env bash
# Checks the workflows in .github/workflows with actionlint, and their scripts with shellcheck.
#
#   scripts/workflows.sh
#
# Installs what is missing (scripts/setup.sh workflows).

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=scripts/setup.sh
. scripts/setup.sh

no_arguments "$@"

set_up workflows
"$setup_cache/workflows/actionlint" .github/workflows/*.yml
printf '%s\n' .github/workflows/*.yml | wc -l | sed 's/$/ workflows without a fault/'
