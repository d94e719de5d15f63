# shellcheck shell=bash disable=SC2154 # bench.sh and lib.sh set the other variables
# The part of bench.sh about Postgres: how many events a second are shipped, compared with a bare
# loop of the same statement, and how shipping changes the latency of LW.RATELIMIT. bench.sh sources
# this after load.sh.

# redis-benchmark repeats this call.
audit_call=(LW.AUDIT USER user:42 IP 203.0.113.9 METHOD GET ENDPOINT /api/v1/items STATUS 200 LATENCY 12ms)

# By round: events a second, and microseconds of latency without and during shipping.
shipped=()
bare=()
p99_alone=()
p99_beside=()

# measure_shipping ROUNDS EVENTS: starts a server and a Postgres of its own. They may use all cores,
# so that the shipper's thread does not share the server's.
measure_shipping() {
    local rounds=$1 events=$2 round
    note "shipping: $rounds round(s) of $events events"
    start_postgres max_wal_size=4GB shared_buffers=256MB || return
    start_server "$server" --loadmodule "$module" audit-max-events 10000000 audit-max-bytes 4gb
    for ((round = 0; round < rounds; round++)); do
        bare[round]=$(bare_loop "$events")
        p99_alone[round]=$(p99_of_ratelimit)
        ship "$round" "$events"
    done
    stop_server
    stop_postgres
}

# bare_loop EVENTS: prints events a second.
bare_loop() {
    sql postgres "DROP DATABASE IF EXISTS bare" 2>/dev/null
    sql postgres "CREATE DATABASE bare"
    "${release_module%/*}/examples/insert_loop" "${postgres_url%/*}/bare" "$1" 1000
}

# ship ROUND EVENTS: records the events while shipping is off, then turns it on and measures.
ship() {
    local began took
    sql lockwatch "DROP SCHEMA public CASCADE; CREATE SCHEMA public" 2>/dev/null
    cli CONFIG SET lockwatch.ship no lockwatch.postgres-url-file "$postgres_url_file" >/dev/null
    redis-benchmark -p "$server_port" -c 50 -n "$2" -P 16 -q "${audit_call[@]}" >/dev/null 2>&1
    # redis-benchmark may send more, because it sends whole pipelines.
    (($(info lockwatch_audit_pending) >= $2)) || die "shipping: $(info lockwatch_audit_pending) events of $2 were recorded"
    began=${EPOCHREALTIME/[^0-9]/}
    cli CONFIG SET lockwatch.ship yes >/dev/null
    p99_beside[$1]=$(p99_of_ratelimit)
    (($(info lockwatch_audit_pending) > 0)) || note "shipping ended before the latency was measured"
    until [[ $(info lockwatch_audit_pending) == 0 ]]; do sleep 0.05; done
    took=$((${EPOCHREALTIME/[^0-9]/} - began))
    shipped[$1]=$(($2 * 1000000 / took))
    [[ $(sql lockwatch "SELECT count(*) FROM lockwatch_audit_log") -ge $2 ]] || die "shipping: the table lacks events"
    cli CONFIG SET lockwatch.postgres-url-file "" >/dev/null
}

# Prints microseconds. The load is two connections that wait for each answer, as those of an API do.
p99_of_ratelimit() {
    redis-benchmark -p "$server_port" -c 2 -r 100000 -n 60000 --csv LW.RATELIMIT k:__rand_int__ 1000000000 60 \
        2>/dev/null | tail -n 1 | awk -F '","' '{ printf "%d", $6 * 1000 }'
}

shipping_table() {
    printf '\n%-42s %10s\n' "audit events to Postgres" median
    printf '%-42s %10d\n' "shipped, events/s" "$(median_of "${shipped[@]}")" \
        "a bare loop of the same INSERT, events/s" "$(median_of "${bare[@]}")" \
        "p99 of LW.RATELIMIT alone, us" "$(median_of "${p99_alone[@]}")" \
        "p99 of LW.RATELIMIT while it ships, us" "$(median_of "${p99_beside[@]}")"
    echo "Postgres $(postgres_version) beside the server and the load on the same cores; synchronous_commit on."
}

median_of() { printf '%s\n' "$@" | median; }

postgres_version() { "$(postgres_bin)/postgres" --version | sed 's/[^0-9]*\([0-9.]*\).*/\1/'; }
