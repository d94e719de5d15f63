#!/usr/bin/env bash
# Installs the JWT implementations that the tests verify tokens with (scripts/setup.sh interop), and
# prints the directory in which Node.js finds jose.
#
#   scripts/interop.sh

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=scripts/setup.sh
. scripts/setup.sh

# Tests run this in parallel, and two installations of one package damage each other.
mkdir -p "$setup_cache"
exec 9>"$setup_cache/interop.lock"
flock 9
set_up interop
echo "$setup_cache/interop"
