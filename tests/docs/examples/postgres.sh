#!/usr/bin/env bash
# Starts a PostgreSQL for a page: database lockwatch, user lockwatch, no password on this machine.
# Prints its port, and stops it when standard input ends.

# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../../scripts/lib.sh"

start_postgres fsync=off >&2
sed -i 's/scram-sha-256/trust/' "$postgres_dir/data/pg_hba.conf"
kill -HUP "$postgres_pid"
while ! "$(postgres_bin)/psql" -XAtqw -h 127.0.0.1 -p "$postgres_port" -U lockwatch -d lockwatch -c '' 2>/dev/null; do sleep 0.05; done
echo "$postgres_port"
cat >/dev/null
