# shellcheck shell=bash disable=SC2154 # demo.sh and lib.sh set the other variables
# The part of demo.sh about applications: runs the FastAPI and the Express example on one Redis and
# sends requests to both. demo.sh sources this after setup.sh and its own functions.

start_apps() {
    set_up app
    use_python
    use_node
    (cd clients/node && npm run --silent build) || die "could not build the Node client"
    start_app python clients/python/examples uvicorn --no-proxy-headers --no-access-log --log-level warning fastapi_app:app --port PORT
    start_app node clients/node/examples node express-app.mjs
    say "  The same shop twice on one Redis: in FastAPI on port ${app_port[python]} (clients/python/examples/fastapi_app.py)," \
        "  in Express on port ${app_port[node]} (clients/node/examples/express-app.mjs). Both limit a client to 100 requests a minute."
}

declare -A app_port=()

# start_app NAME DIRECTORY COMMAND [WORD ...]: starts it on a free port, which replaces PORT in
# COMMAND. Sets app_port[NAME].
start_app() {
    local name=$1 directory=$2 attempt port words pid
    shift 2
    make_temp_dir
    for ((attempt = 0; attempt < 20; attempt++)); do
        port=$((20000 + RANDOM % 12000))
        words=("${@/#PORT/$port}")
        (cd "$directory" && exec env REDIS_URL="redis://127.0.0.1:$server_port" PORT="$port" "${words[@]}") \
            </dev/null >"$temp_dir/$name.log" 2>&1 &
        pid=$!
        started+=("$pid")
        if await_app "$port" "$pid"; then
            app_port[$name]=$port
            return
        fi
    done
    cat "$temp_dir/$name.log" >&2
    die "the example app in $name did not start"
}

# await_app PORT PID: returns an error if the process ends, or 20 seconds pass, before it answers.
await_app() {
    local deadline=$((SECONDS + 20))
    until curl -fsS -o /dev/null "http://127.0.0.1:$1/health" 2>/dev/null; do
        if ! kill -0 "$2" 2>/dev/null || ((SECONDS >= deadline)); then return 1; fi
        sleep 0.1
    done
}

# statuses NAME PATH TIMES: requests PATH that many times, ten at a time, and prints the status
# codes, one a line.
statuses() {
    seq "$3" | xargs -P 10 -I {} curl -s -o /dev/null -w '%{http_code}\n' "http://127.0.0.1:${app_port[$1]}$2"
}

# post NAME PATH JSON: prints the body of the answer.
post() {
    curl -s -H 'Content-Type: application/json' -d "$3" "http://127.0.0.1:${app_port[$1]}$2"
}

# member NAME: prints a string member of the JSON object on standard input.
member() { sed -n "s/.*\"$1\": *\"\([^\"]*\)\".*/\1/p"; }

show_apps() {
    local admitted denied access refresh next answer
    title "Two applications, one limit: 60 requests to each, ten at a time"
    start_apps
    say ""
    statuses python /items 60 >"$temp_dir/statuses" &
    statuses node /items 60 >"$temp_dir/statuses.node"
    wait "$!"
    cat "$temp_dir/statuses.node" >>"$temp_dir/statuses"
    admitted=$(grep -cx 200 "$temp_dir/statuses" || true)
    denied=$(grep -cx 429 "$temp_dir/statuses" || true)
    printf '  %-34s %d admitted, %d denied\n' "120 requests to both" "$admitted" "$denied"
    check "$admitted == 100 && $denied == 20"
    say "" "  The answer to a denied request:" ""
    curl -si "http://127.0.0.1:${app_port[node]}/items" | tr -d '\r' | grep -iE '^HTTP|^retry-after|^x-ratelimit|^ratelimit|error' |
        sed 's/^/    /'
    # Empty the limiter's keys, as if a minute had passed.
    cli --scan --pattern 'lw:*' | xargs redis-cli -p "$server_port" UNLINK >/dev/null
    title "Log in at one, use the token at the other"
    answer=$(post python /auth/login '{"user":"alice","password":"wonderland"}')
    access=$(member access_token <<<"$answer") refresh=$(member refresh_token <<<"$answer")
    check "$([[ $access && $refresh ]] && echo 1 || echo 0)"
    printf '  %-34s %s\n' "FastAPI: POST /auth/login" "access $(short "$access")   refresh $(short "$refresh")"
    answer=$(curl -s -H "Authorization: Bearer $access" "http://127.0.0.1:${app_port[node]}/orders")
    printf '  %-34s %s\n' "Express: GET /orders" "$answer"
    check "$([[ $answer == *alice* ]] && echo 1 || echo 0)"
    answer=$(post node /auth/refresh "{\"refresh_token\":\"$refresh\"}")
    next=$(member refresh_token <<<"$answer")
    printf '  %-34s %s\n' "Express: POST /auth/refresh" "refresh $(short "$next")"
    check "$([[ $next && $next != "$refresh" ]] && echo 1 || echo 0)"
    answer=$(curl -s -o /dev/null -w '%{http_code}' "http://127.0.0.1:${app_port[python]}/orders")
    printf '  %-34s %s\n' "FastAPI: GET /orders, no token" "$answer"
    check "$answer == 401"
    await_audit 100
    printf '  %-34s %d\n' "events in the audit log" "$(ids COUNT 10000)"
}

# await_audit N: waits for N audit events, which the clients record after they have answered.
await_audit() {
    local deadline=$((SECONDS + 10))
    until (($(ids COUNT 10000) >= $1 || SECONDS >= deadline)); do sleep 0.1; done
    check "$(ids COUNT 10000) >= $1"
}
