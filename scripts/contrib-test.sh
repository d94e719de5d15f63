#!/usr/bin/env bash
# Checks contrib/ with real programs: a server with lockwatch and its replica under load, `lockwatch
# metrics`, Prometheus with the configuration and rules of contrib/prometheus, PostgreSQL, and
# redis_exporter with the files of contrib/exporter. Both text formats of the metrics have to be
# valid, every query of the Grafana dashboard has to return something, every metric of the rules has
# to exist, and the rules for the faults that the test causes have to fire.
#
#   scripts/contrib-test.sh
#
# Build first: cargo build --release and cargo build --profile program -p lockwatch-cli, or name
# builds by LOCKWATCH_MODULE and LOCKWATCH_PROGRAM. Installs what is missing (scripts/setup.sh
# monitoring).

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=scripts/setup.sh
. scripts/setup.sh

no_arguments "$@"

# shellcheck disable=SC2154 # lib.sh sets them
module=${LOCKWATCH_MODULE:-$release_module} program=${LOCKWATCH_PROGRAM:-$release_program}

main() {
    [[ -e $module ]] || die "there is no $module: cargo build --release"
    [[ -x $program ]] || die "there is no $program: cargo build --profile program -p lockwatch-cli"
    set_up server postgres monitoring
    make_temp_dir
    check_files
    start_servers
    start_postgres || die "PostgreSQL did not start"
    start_program
    start_exporter
    start_prometheus lockwatch contrib/prometheus "metrics:9600" "$program_port"
    prometheus_port=$started_port
    start_prometheus exporter contrib/exporter "exporter:9121" "$exporter_port"
    exporter_prometheus_port=$started_port
    configure
    put_load_on_it
    check_formats
    break_it
    cli INFO lockwatch | tr -d '\r' >"$temp_dir/info"
    python3 contrib/check.py --info "$temp_dir/info" --prometheus "http://127.0.0.1:$prometheus_port" \
        --exporter "http://127.0.0.1:$exporter_port/metrics" --exporter-prometheus "http://127.0.0.1:$exporter_prometheus_port" \
        --psql "$(postgres_bin)/psql" --postgres "$postgres_url" \
        --firing LockwatchTokenReuse LockwatchEndpointDown LockwatchJournalHalfFull LockwatchPostgresDisconnected LockwatchDeadLetters
    [[ $(cli ACL LOG) == "" ]] || die "a monitoring user lacks rights: $(cli ACL LOG)"
    stop_server
}

check_files() {
    (
        cd contrib/prometheus
        promtool check config prometheus.yml
        promtool check config ../exporter/prometheus.yml
        promtool test rules alerts-test.yml
    ) >"$temp_dir/promtool" 2>&1 || die "promtool: $(cat "$temp_dir/promtool")"
}

# Starts a server that issues tokens, and its replica. Later functions mean the first of them.
start_servers() {
    local port pid dir
    openssl genpkey -algorithm ed25519 -out "$temp_dir/key.pem"
    openssl rand -base64 48 >"$temp_dir/refresh.secret"
    chmod 600 "$temp_dir/key.pem" "$temp_dir/refresh.secret"
    start_keyed_server
    port=$server_port pid=$server_pid dir=$server_dir
    start_keyed_server --replicaof 127.0.0.1 "$port"
    replica_port=$server_port
    server_port=$port server_pid=$pid server_dir=$dir
}

# start_keyed_server [ARGUMENT ...]
start_keyed_server() {
    start_server redis-server "$@" --loadmodule "$module" jwt-keys "$temp_dir/key.pem" refresh-secret-file "$temp_dir/refresh.secret"
}

# await_http URL PID LOG
await_http() {
    local deadline=$((SECONDS + 30))
    until curl --silent --fail --output /dev/null "$1"; do
        if ! kill -0 "$2" 2>/dev/null || ((SECONDS >= deadline)); then die "nothing answers at $1: $(tail -n 5 "$3")"; fi
        sleep 0.05
    done
}

# rights_in FILE BEGINNING: prints the rights that the file names between backticks after BEGINNING,
# one a line.
rights_in() {
    perl -0777 -ne 'BEGIN { $beginning = shift } print join "\n", split " ", $1 if /\Q$beginning\E `([^`]*)`/' "$2" "$1"
}

# make_user NAME FILE BEGINNING: makes a user with these rights on the server.
make_user() {
    local rights
    mapfile -t rights < <(rights_in "$2" "$3")
    ((${#rights[@]} > 0)) || die "$2 does not name the rights of the user $1"
    cli -e ACL SETUSER "$1" on '>password' "${rights[@]}" >/dev/null
    if cli --user "$1" --pass password --no-auth-warning -e CLIENT PAUSE 1 >/dev/null 2>&1; then die "the user $1 may pause clients"; fi
    cli ACL LOG RESET >/dev/null
}

# Runs it as a user with the rights that README.md names.
start_program() {
    program_port=$(free_port)
    make_user metrics contrib/README.md "Its user needs no key, and"
    redis-cli -p "$replica_port" -e ACL SETUSER metrics on '>password' +info >/dev/null
    LOCKWATCH_REDIS_PASSWORD=password "$program" metrics --listen "127.0.0.1:$program_port" --user metrics \
        --redis "redis://127.0.0.1:$server_port" >"$temp_dir/program.log" 2>&1 </dev/null &
    started+=($!)
    await_http "http://127.0.0.1:$program_port/metrics" $! "$temp_dir/program.log"
}

# Runs it as a user with the rights that README.md names.
start_exporter() {
    exporter_port=$(free_port)
    make_user exporter contrib/README.md "The exporter's user needs no key, and"
    REDIS_PASSWORD=password prometheus-redis-exporter -redis.user exporter -redis.addr "redis://127.0.0.1:$server_port" -web.listen-address "127.0.0.1:$exporter_port" \
        -script contrib/exporter/lockwatch.lua >"$temp_dir/exporter.log" 2>&1 </dev/null &
    started+=($!)
    await_http "http://127.0.0.1:$exporter_port/metrics" $! "$temp_dir/exporter.log"
}

# start_prometheus NAME DIRECTORY TARGET PORT: runs Prometheus with the directory's files: another
# target, and shorter times. Sets started_port.
start_prometheus() {
    local dir=$temp_dir/prometheus-$1
    mkdir "$dir"
    started_port=$(free_port)
    sed "s/$3/127.0.0.1:$4/; s/_interval: 15s/_interval: 1s/" "$2/prometheus.yml" >"$dir/prometheus.yml"
    if [[ -e $2/alerts.yml ]]; then sed 's/for: [0-9]*[mh]/for: 1s/' "$2/alerts.yml" >"$dir/alerts.yml"; fi
    prometheus --config.file "$dir/prometheus.yml" --storage.tsdb.path "$dir/data" --web.listen-address "127.0.0.1:$started_port" \
        >"$temp_dir/prometheus-$1.log" 2>&1 </dev/null &
    started+=($!)
    await_http "http://127.0.0.1:$started_port/-/ready" $! "$temp_dir/prometheus-$1.log"
}

# Ships the audit log, and names an endpoint at which nobody listens.
configure() {
    cli -e CONFIG SET lockwatch.postgres-url-file "$postgres_url_file" lockwatch.audit-max-events 100 \
        lockwatch.webhook-allow-private yes lockwatch.webhook-urls "http://127.0.0.1:$(free_port)/" >/dev/null
}

# Calls of every kind. The numbers grow between two scrapes, so that rates are not empty.
put_load_on_it() {
    local round refresh
    cli -e LW.POLICY SET login 5 60 >/dev/null
    # Rates need a sample from before the first call.
    await_sample
    for ((round = 0; round < 4; round++)); do
        {
            repeat 30 "LW.RATELIMIT key 20 60"
            repeat 10 "LW.RATELIMIT key:$round @login"
            repeat 5 "LW.MRATELIMIT other 2 60 1"
            repeat 20 "LW.BURST burst 10 60 IP 203.0.113.9"
            repeat 9 "LW.ATTEMPT login IP 203.0.113.9 USER alice$round"
            repeat 20 "LW.EVENT login failure IP 203.0.113.9 USER alice$round"
            repeat 20 "LW.EVENT http 404 IP 203.0.113.9 VALUE /$round"
            echo "LW.ACQUIRE lease 5 60"
            echo 'LW.AUDIT USER alice IP 203.0.113.9 METHOD POST ENDPOINT /login STATUS 429 LIMITED LATENCY 5ms'
            echo "LW.VERIFY auth none"
        } | cli >/dev/null
        # A refresh token that was used twice.
        refresh=$(cli LW.ISSUE auth alice | sed -n 2p)
        cli LW.ROTATE auth "$(cli LW.ROTATE auth "$refresh" | sed -n 2p)" >/dev/null
        cli LW.ROTATE auth "$refresh" >/dev/null
        await_sample
    done
    await_shipped
}

# repeat TIMES LINE
repeat() {
    local time
    for ((time = 0; time < $1; time++)); do echo "$2"; done
}

# await_sample: waits until Prometheus has numbers that the program got after this was called. The
# server's number of commands tells: it is at most five seconds old.
await_sample() {
    local wanted deadline=$((SECONDS + 30))
    wanted=$(info total_commands_processed)
    until (($(commands_in_prometheus) >= wanted)); do
        ((SECONDS < deadline)) || die "Prometheus gets no new numbers: $(tail -n 5 "$temp_dir/prometheus-lockwatch.log" "$temp_dir/program.log")"
        sleep 0.1
    done
}

commands_in_prometheus() {
    curl --silent --get --data-urlencode "query=lockwatch_server_commands_total{node=\"127.0.0.1:$server_port\"}" \
        "http://127.0.0.1:$prometheus_port/api/v1/query" |
        python3 -c 'import json, sys; r = json.load(sys.stdin)["data"]["result"]; print(r[0]["value"][1].split(".")[0] if r else 0)'
}

# promtool reads the format of Prometheus, Debian's client for Python reads OpenMetrics strictly, and
# Prometheus has to have read it without a fault.
check_formats() {
    local url=http://127.0.0.1:$program_port/metrics faults
    faults=$(curl --silent --fail "$url" | promtool check metrics 2>&1) || die "promtool check metrics: $faults"
    [[ ! $faults ]] || die "promtool check metrics: $faults"
    curl --silent --fail --header 'Accept: application/openmetrics-text; version=1.0.0' "$url" >"$temp_dir/openmetrics"
    [[ $(tail -n 1 "$temp_dir/openmetrics") == "# EOF" ]] || die "the metrics are not in the format OpenMetrics"
    /usr/bin/python3 -c 'import sys
from prometheus_client.openmetrics.parser import text_fd_to_metric_families
print(len(list(text_fd_to_metric_families(sys.stdin))), "metrics are valid in both formats")' <"$temp_dir/openmetrics" ||
        die "the metrics are not valid OpenMetrics"
    [[ $(curl --silent "http://127.0.0.1:$prometheus_port/api/v1/targets" | grep -c '"lastError":""') == 1 ]] ||
        die "Prometheus can't read the metrics: $(curl --silent "http://127.0.0.1:$prometheus_port/api/v1/targets")"
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
