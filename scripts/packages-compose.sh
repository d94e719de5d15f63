# shellcheck shell=bash
# Checks compose.yaml without a container engine: its schema, the files that it mounts, and its
# server, Postgres and receiver, which run here as the file configures them.
#
# shellcheck disable=SC2154 # variables of packages.sh, setup.sh and lib.sh

check_compose() {
    local path
    set_up packages build
    lint_compose
    "$build_venv/bin/check-jsonschema" --quiet --builtin-schema vendor.compose-spec compose.yaml
    while read -r path; do [[ -e $path ]] || die "compose.yaml uses $path, which does not exist"; done < <(compose_part paths)
    compose_services_work_together
    note "compose: the schema is right, and the server ships to Postgres and alerts the receiver"
}

lint_compose() {
    (
        use_python
        ruff check --config clients/python/pyproject.toml packaging/compose
        ruff format --config clients/python/pyproject.toml --check packaging/compose
        mypy --strict packaging/compose/receiver.py
    ) >&2
}

compose_part() { "$build_venv/bin/python" packaging/compose/parts.py compose.yaml "$@"; }

compose_services_work_together() {
    local words pid port secret=$temp_dir/webhook.secret log=$temp_dir/receiver.log
    port=$(free_port)
    compose_part config webhook-secret >"$secret"
    python3 packaging/compose/receiver.py "$secret" "$port" >"$log" 2>&1 </dev/null &
    pid=$!
    started+=("$pid")
    start_postgres || die "could not start Postgres"
    sql lockwatch "$(compose_part config grafana-user)"
    mapfile -t words < <(compose_part command redis)
    words=("${words[@]/#\/etc\/lockwatch\/postgres.url/$postgres_url_file}")
    words=("${words[@]/#\/etc\/lockwatch\/webhook.secret/$secret}")
    words=("${words[@]/#http:\/\/receiver:9000/http://127.0.0.1:$port}")
    # shellcheck disable=SC2034 # lib.sh uses it
    server_options=()
    start_server redis-server "${words[@]}" --loadmodule "$module"
    cli LW.ALERT hello '{"from":"me"}' >/dev/null
    cli LW.AUDIT USER alice >/dev/null
    await "the receiver gets the alert" grep -q '"type": "hello"' "$log"
    await "Grafana's user sees the audit event" grafana_sees_events
    stop_server
    kill "$pid"
    wait "$pid" 2>/dev/null || true
    stop_postgres
}

grafana_sees_events() {
    [[ $(sql lockwatch "SET ROLE grafana; SELECT count(*) FROM lockwatch_audit_log WHERE user_id = 'alice'" 2>/dev/null) == 1 ]]
}

# await WHAT COMMAND [ARGUMENT ...]: waits until the command succeeds.
await() {
    local what=$1 deadline=$((SECONDS + 20))
    shift
    until "$@"; do
        ((SECONDS < deadline)) || die "$what: not within 20 seconds"
        sleep 0.1
    done
}
