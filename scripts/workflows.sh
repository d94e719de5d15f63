#!/usr/bin/env bash
# Checks the workflows in .github/workflows with actionlint, and their scripts with shellcheck.
# Every action has to be named by its commit, because a tag can be moved to other code.
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
unpinned=$(grep -n 'uses:' .github/workflows/*.yml | grep -vE 'uses: [^@ ]+@[0-9a-f]{40} # v[0-9.]+$') || true
[[ ! $unpinned ]] || die "not named by a commit, with its version in a comment:"$'\n'"$unpinned"
printf '%s\n' .github/workflows/*.yml | wc -l | sed 's/$/ workflows without a fault/'
