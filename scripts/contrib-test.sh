#!/usr/bin/env bash
# Checks contrib/ with real programs: a server with lockwatch under load, redis_exporter with
# lockwatch.lua, Prometheus with the configuration and rules of contrib/prometheus, and PostgreSQL.
# Every query of the Grafana dashboard has to return something, every metric of the rules has to
# exist, and the rules for the faults that the test causes have to fire.
#
#   scripts/contrib-test.sh
#
# Build first: cargo build --release. Installs what is missing (scripts/setup.sh monitoring).

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=scripts/setup.sh
. scripts/setup.sh

no_arguments "$@"

main() {
    [[ -e $release_module ]] || die "there is no $release_module: cargo build --release"
    set_up server postgres monitoring
    make_temp_dir
    (cd contrib/prometheus && promtool check config prometheus.yml && promtool test rules alerts-test.yml) >"$temp_dir/promtool" 2>&1 ||
        die "promtool: $(cat "$temp_dir/promtool")"
    start_server redis-server --loadmodule "$release_module"
    start_postgres || die "PostgreSQL did not start"
    start_exporter
    start_prometheus
    configure
    put_load_on_it
    break_it
    cli INFO lockwatch | tr -d '\r' >"$temp_dir/info"
    python3 contrib/check.py --info "$temp_dir/info" --prometheus "http://127.0.0.1:$prometheus_port" --exporter "http://127.0.0.1:$exporter_port/metrics" \
        --psql "$(postgres_bin)/psql" --postgres "$postgres_url" \
        --firing LockwatchTokenReuse LockwatchEndpointDown LockwatchJournalHalfFull LockwatchPostgresDisconnected LockwatchDeadLetters
    [[ $(cli ACL LOG) == "" ]] || die "the exporter's user lacks rights: $(cli ACL LOG)"
    stop_server
}

# await_http URL PID LOG
await_http() {
    local deadline=$((SECONDS + 30))
    until curl --silent --fail --output /dev/null "$1"; do
        if ! kill -0 "$2" 2>/dev/null || ((SECONDS >= deadline)); then die "nothing answers at $1: $(tail -n 5 "$3")"; fi
        sleep 0.05
    done
}

# Runs it as a user with the rights that README.md names.
start_exporter() {
    local rights
    exporter_port=$(free_port)
    mapfile -t rights < <(perl -0777 -ne 'print join "\n", split " ", $1 if /Its user needs no key, and `([^`]*)`/' contrib/README.md)
    ((${#rights[@]} > 0)) || die "contrib/README.md does not name the rights of the exporter's user"
    cli -e ACL SETUSER exporter on '>password' "${rights[@]}" >/dev/null
    if cli --user exporter --pass password --no-auth-warning -e CLIENT PAUSE 1 >/dev/null 2>&1; then die "the exporter's user may pause clients"; fi
    cli ACL LOG RESET >/dev/null
    REDIS_PASSWORD=password prometheus-redis-exporter -redis.user exporter -redis.addr "redis://127.0.0.1:$server_port" -web.listen-address "127.0.0.1:$exporter_port" \
        -script contrib/prometheus/lockwatch.lua >"$temp_dir/exporter.log" 2>&1 </dev/null &
    started+=($!)
    await_http "http://127.0.0.1:$exporter_port/metrics" $! "$temp_dir/exporter.log"
}

# Prometheus with the files of contrib: another target, and shorter times.
start_prometheus() {
    local dir=$temp_dir/prometheus
    mkdir "$dir"
    prometheus_port=$(free_port)
    sed "s/exporter:9121/127.0.0.1:$exporter_port/; s/_interval: 15s/_interval: 1s/" contrib/prometheus/prometheus.yml >"$dir/prometheus.yml"
    sed 's/for: [0-9]*m/for: 1s/' contrib/prometheus/alerts.yml >"$dir/alerts.yml"
    prometheus --config.file "$dir/prometheus.yml" --storage.tsdb.path "$dir/data" --web.listen-address "127.0.0.1:$prometheus_port" \
        >"$temp_dir/prometheus.log" 2>&1 </dev/null &
    started+=($!)
    await_http "http://127.0.0.1:$prometheus_port/-/ready" $! "$temp_dir/prometheus.log"
}

# Ships the audit log, and names an endpoint at which nobody listens.
configure() {
    cli -e CONFIG SET lockwatch.postgres-url-file "$postgres_url_file" lockwatch.audit-max-events 100 \
        lockwatch.webhook-allow-private yes lockwatch.webhook-urls "http://127.0.0.1:$(free_port)/" >/dev/null
}

# Calls of every kind. The numbers grow between two scrapes, so that rates are not empty.
put_load_on_it() {
    local round refresh
    # Rates need a sample from before the first call.
    await_scrape
    for ((round = 0; round < 5; round++)); do
        {
            repeat 30 "LW.RATELIMIT key 20 60"
            repeat 20 "LW.BURST burst 10 60 IP 203.0.113.9"
            echo 'LW.AUDIT USER alice IP 203.0.113.9 METHOD POST ENDPOINT /login STATUS 429 LIMITED LATENCY 5ms'
            echo "LW.VERIFY auth none"
        } | cli >/dev/null
        # A refresh token that was used twice.
        refresh=$(cli LW.ISSUE auth alice | sed -n 2p)
        cli LW.ROTATE auth "$(cli LW.ROTATE auth "$refresh" | sed -n 2p)" >/dev/null
        cli LW.ROTATE auth "$refresh" >/dev/null
        await_scrape
    done
    await_shipped
}

# repeat TIMES LINE
repeat() {
    local time
    for ((time = 0; time < $1; time++)); do echo "$2"; done
}

# await_scrape: waits until Prometheus has asked the exporter since this was called.
await_scrape() {
    local began=${EPOCHREALTIME/[^0-9]/} deadline=$((SECONDS + 30))
    until (($(last_scrape) * 1000 > began)); do
        ((SECONDS < deadline)) || die "Prometheus does not ask the exporter: $(tail -n 5 "$temp_dir/prometheus.log")"
        sleep 0.1
    done
}

# last_scrape: prints when the newest sample was taken, in milliseconds, or 0.
last_scrape() {
    curl --silent "http://127.0.0.1:$prometheus_port/api/v1/query?query=timestamp(lockwatch_panics_total)*1000" |
        python3 -c 'import json, sys; r = json.load(sys.stdin)["data"]["result"]; print(r[0]["value"][1].split(".")[0] if r else 0)'
}

# An event that Postgres refuses becomes a dead letter. Then no Postgres can be reached, and events
# fill the journal.
break_it() {
    local deadline=$((SECONDS + 30))
    sql lockwatch "ALTER TABLE lockwatch_audit_log ADD CHECK (user_id <> 'mallory')"
    cli LW.AUDIT USER mallory STATUS 200 >/dev/null
    until [[ $(info lockwatch_audit_dead) == 1 ]]; do
        ((SECONDS < deadline)) || die "no dead letter: $(info lockwatch_audit_last_error)"
        sleep 0.05
    done
    printf 'postgres://lockwatch@127.0.0.1:%d/lockwatch\n' "$(free_port)" >"$temp_dir/nowhere.url"
    cli -e CONFIG SET lockwatch.postgres-url-file "$temp_dir/nowhere.url" >/dev/null
    repeat 60 "LW.AUDIT USER bob STATUS 200" | cli >/dev/null
}

main
