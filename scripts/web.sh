# shellcheck shell=bash disable=SC2154 # demo.sh and lib.sh set the other variables
# The part of demo.sh about the operators' page: a server that ships to a PostgreSQL and alerts a
# receiver, traffic with an attack, and `lockwatch web`. demo.sh sources this after module.sh and
# its own functions.

# How long the page is given to start.
web_seconds=20

show_web() {
    local web_pid traffic_pid link
    set_up postgres
    has python3 || set_up app
    ready_program
    # Ctrl-C is how this ends, and it ends well.
    trap end_web INT
    # shellcheck disable=SC2119 # no settings
    start_postgres || exit
    start_server "${LOCKWATCH_SERVER:-redis-server}" --loadmodule "$module"
    configure_shop
    "$program" web --allow-actions --listen "127.0.0.1:$(free_port)" --redis "redis://127.0.0.1:$server_port" \
        >"$temp_dir/web.out" 2>"$temp_dir/web.log" </dev/null &
    web_pid=$!
    started+=("$web_pid")
    scripts/traffic.py "$server_port" >"$temp_dir/traffic.log" 2>&1 </dev/null &
    traffic_pid=$!
    started+=("$traffic_pid")
    await_link
    title "The operators' page of a shop whose login is being attacked"
    say "  $link" "" \
        "  The link works once and for 60 seconds. Another one:  kill -USR1 $web_pid" \
        "  $(server_name) with lockwatch $(info lockwatch_version), $build_name, runs on port $server_port. About" \
        "  250 calls a second come from scripts/traffic.py, a part of them from attackers. Bans follow within" \
        "  half a minute." "" \
        "  Other views of it:    ${program#"$PWD/"} top --redis redis://127.0.0.1:$server_port" \
        "                        ${program#"$PWD/"} doctor --redis redis://127.0.0.1:$server_port" \
        "  Stop all of it:       Ctrl-C"
    # What it prints for another link.
    tail --lines=+4 --follow "$temp_dir/web.out" &
    started+=("$!")
    open_page "$link"
    # The first that ends by itself ends the others.
    wait -n "$server_pid" "$web_pid" "$traffic_pid" || true
    cat "$temp_dir/web.log" "$temp_dir/traffic.log" >&2
    tail -n 5 "$server_dir/log" >&2
    die "the server, the page or the traffic has ended by itself"
}

# The signing secret and the rules are read from files, and new guards enforce at once.
configure_shop() {
    local port
    printf 'whsec_%s\n' "$(head -c 32 /dev/urandom | base64 | tr -d '\n')" >"$temp_dir/webhook.secret"
    perl scripts/receiver.pl "$(<"$temp_dir/webhook.secret")" >"$temp_dir/received" 2>&1 </dev/null &
    started+=("$!")
    await_lines 1 "$temp_dir/received" || die "the receiver did not start"
    port=$(head -n 1 "$temp_dir/received")
    # A scanner is banned too, where the built-in rule only observes it.
    cli --raw LW.RULES | sed 's/^\(http probe .*\) observe$/\1 enforce/' >"$temp_dir/guard.rules"
    cli CONFIG SET lockwatch.guard-rules-file "$temp_dir/guard.rules" lockwatch.postgres-url-file "$postgres_url_file" \
        lockwatch.webhook-allow-private yes lockwatch.webhook-secret-file "$temp_dir/webhook.secret" \
        lockwatch.webhook-urls "http://127.0.0.1:$port/alerts" >/dev/null
}

# Sets `link` to the one that the page prints.
await_link() {
    local deadline=$((SECONDS + web_seconds))
    until link=$(grep -m 1 -o 'http://[^ ]*/login?token=[^ ]*' "$temp_dir/web.out" 2>/dev/null); do
        if ! kill -0 "$web_pid" 2>/dev/null || ((SECONDS >= deadline)); then
            cat "$temp_dir/web.log" >&2
            die "the page did not start"
        fi
        sleep 0.05
    done
}

# open_page LINK: on a desktop, in its browser.
open_page() {
    if [[ ${DISPLAY:-}${WAYLAND_DISPLAY:-} ]] && has xdg-open; then xdg-open "$1" >/dev/null 2>&1 </dev/null || true; fi
}

# Stops everything, and says what the traffic was.
end_web() {
    local pid
    trap '' INT
    say "" "Stopping."
    # All are stopped before one is waited for: in a trap, `wait` may miss that a process has ended, and
    # return with the next one that does.
    for pid in "${started[@]}"; do
        if [[ $pid != "$server_pid" ]]; then stop "$pid"; fi
    done
    for pid in "${started[@]}"; do
        if [[ $pid != "$server_pid" ]]; then wait "$pid" 2>/dev/null || true; fi
    done
    if [[ -e ${server_dir:-}/log ]]; then stop_server; fi
    cat "$temp_dir/traffic.log" 2>/dev/null || true
    exit 0
}
