#!/usr/bin/env bash
# Shows lockwatch at work: builds it, starts a Redis with it on a free port and plays a few scenes.
# Checks each outcome and fails if one is wrong.
#
#   scripts/demo.sh                  stops the server at the end
#   scripts/demo.sh --keep           leaves it running and says how to connect and to stop it
#   scripts/demo.sh --postgres       ships the audit log to a PostgreSQL of its own
#   scripts/demo.sh --app            shows the example applications instead, over HTTP
#   scripts/demo.sh --web            shows the operators' page instead, of a shop whose login is being
#                                    attacked, until you press Ctrl-C
#   scripts/demo.sh --no-install     fails if something is missing, instead of installing it
#
# Installs and builds what is missing and says so first. On two cores and a fast line, the first run
# takes about a minute, and half a minute more if it installs Rust; later ones play their
# first scene within two seconds. Leaves servers that already run alone.

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=scripts/module.sh
. scripts/module.sh

keep=
postgres=
app=
web=
for word; do
    case $word in
        --keep) keep=1 ;;
        --postgres) postgres=1 ;;
        --app) app=1 ;;
        --web) web=1 ;;
        --no-install) export LOCKWATCH_NO_INSTALL=1 ;;
        -h | --help) usage && exit ;;
        *) die "unknown argument '$word'; see --help" ;;
    esac
done

wrong=0

main() {
    ready_module demo
    if [[ $web ]]; then
        # shellcheck source=scripts/web.sh
        . scripts/web.sh
        show_web
    fi
    if [[ $postgres ]]; then set_up postgres; fi
    start_server "${LOCKWATCH_SERVER:-redis-server}" --loadmodule "$module"
    if [[ $app ]]; then
        introduce "a minute the first time"
        # shellcheck source=scripts/app.sh
        . scripts/app.sh
        show_apps
        conclude
        return
    fi
    introduce "about ten seconds"
    show_one_client
    show_top
    show_burst
    show_several_windows
    show_settlement
    show_several_keys
    show_memory
    show_alert
    show_guard
    show_tokens
    if [[ $postgres ]]; then
        # shellcheck disable=SC2119 # no settings
        start_postgres || exit
        show_audit_with_postgres
    else
        show_audit
    fi
    conclude
}

if [[ -t 1 ]]; then
    bold=$'\e[1m' faint=$'\e[2m' red=$'\e[31m' plain=$'\e[0m'
else
    bold='' faint='' red='' plain=''
fi

say() { printf '%s\n' "${@:-}"; }
title() { printf '\n%s%s%s\n\n' "$bold" "$*" "$plain"; }

# check CONDITION: counts and reports an outcome as wrong unless the arithmetic condition holds.
check() {
    if (($1)); then return; fi
    wrong=$((wrong + 1))
    say "  ${red}WRONG: expected $1${plain}"
}

# ratelimit WORD ...: calls LW.RATELIMIT. Sets limited, limit, remaining, retry_after and
# reset_after.
ratelimit() {
    local answer
    mapfile -t answer < <(cli LW.RATELIMIT "$@")
    [[ ${#answer[@]} == 5 ]] || die "LW.RATELIMIT $* answered: ${answer[*]}"
    limited=${answer[0]} limit=${answer[1]} remaining=${answer[2]} retry_after=${answer[3]} reset_after=${answer[4]}
}

# The header of a table of calls, and a row in it.
head_row() {
    printf '  %s%-20s %7s %6s %9s %11s %11s%s\n' \
        "$faint" "" limited limit remaining retry_after reset_after "$plain"
}
row() {
    printf '  %-20s %s%7d %6d %9d %8d ms %8d ms%s   %s\n' \
        "$1" "$faint" "$limited" "$limit" "$remaining" "$retry_after" "$reset_after" "$plain" "$2"
}

pause_ms() { sleep "$(printf '%d.%03d' $(($1 / 1000)) $(($1 % 1000)))"; }

introduce() {
    say "$(server_name) runs on port $server_port with lockwatch $(info lockwatch_version), $build_name." "The scenes take $1."
}

show_one_client() {
    title "One client: at most 5 calls in any 3 seconds"
    say "  The command is  LW.RATELIMIT user:42 5 3  and answers five numbers:" ""
    head_row
    local call wait
    for call in 1 2 3 4 5; do
        ratelimit user:42 5 3
        row "call $call" "admitted"
        check "$limited == 0 && $remaining == 5 - $call"
        pause_ms 150
    done
    ratelimit user:42 5 3
    wait=$retry_after
    row "call 6" "denied, and told when to come back"
    check "$limited == 1 && 0 < $wait && $wait <= 3000"
    pause_ms $((wait / 2))
    ratelimit user:42 5 3
    row "after half the wait" "denied"
    check "$limited == 1 && 0 < $retry_after && $retry_after <= $wait - $wait / 2"
    wait=$retry_after
    pause_ms "$wait"
    ratelimit user:42 5 3
    row "after exactly all" "admitted: call 1 is now 3 seconds ago"
    check "$limited == 0"
}

show_top() {
    title "Who is being limited? The keys that were denied most often lately"
    local key calls call top first=0
    for key in mallory:9 alice:2 bob:1; do
        calls=${key#*:}
        for ((call = 0; call < calls; call++)); do
            cli LW.RATELIMIT "search:${key%:*}" 0 60 >/dev/null
        done
    done
    say "  The command is  LW.TOP COUNT 3  and answers, of each key, among others:" ""
    mapfile -t top < <(cli LW.TOP COUNT 3)
    # Six fields a key: names and values in turn.
    for ((call = 0; call < ${#top[@]}; call += 12)); do
        printf '  %-20s denied %d\n' "${top[call + 3]}" "${top[call + 5]}"
    done
    if [[ ${top[3]:-} == search:mallory ]]; then first=1; fi
    check "$first && ${#top[@]} == 36 && ${top[5]:-0} == 9"
}

# Every client first waits for an element of the list `gate`, so that all of them call at once.
show_burst() {
    local clients=40 calls=50 limit=100 client answers=() pids=() admitted denied winners started_at took
    title "A burst: $clients clients at once, $((clients * calls)) calls, a limit of $limit a minute"
    mkdir "$temp_dir/burst"
    for ((client = 1; client <= clients; client++)); do
        {
            echo "BLPOP gate 20"
            yes "LW.RATELIMIT login:alice $limit 60" | head -n $calls
        } | cli >"$temp_dir/burst/$client" &
        pids+=($!)
    done
    for ((client = 0; client < 200; client++)); do
        if [[ $(info blocked_clients) == "$clients" ]]; then break; fi
        sleep 0.05
    done
    started_at=${EPOCHREALTIME/[^0-9]/}
    seq $clients | xargs redis-cli -p "$server_port" RPUSH gate >/dev/null
    wait "${pids[@]}" || true
    took=$(((${EPOCHREALTIME/[^0-9]/} - started_at) / 1000))
    # A file holds the two lines that BLPOP answered, then five lines a call, the first of which is
    # `limited`.
    mapfile -t answers < <(awk 'FNR > 2 && (FNR - 2) % 5 == 1' "$temp_dir"/burst/*)
    admitted=$(printf '%s\n' "${answers[@]}" | grep -cx 0 || true)
    denied=$(printf '%s\n' "${answers[@]}" | grep -cx 1 || true)
    winners=$(awk 'FNR > 2 && (FNR - 2) % 5 == 1 && $1 == "0" { print FILENAME }' "$temp_dir"/burst/* | sort -u | wc -l)
    printf '  %-10s %5d calls in %d ms\n' answered "${#answers[@]}" "$took"
    printf '  %-10s %5d   calls of %d different clients\n' admitted "$admitted" "$winners"
    printf '  %-10s %5d\n' denied "$denied"
    check "$admitted == $limit && $denied == $clients * $calls - $limit"
    if ((admitted == limit)); then
        say "" "  Exactly $limit were admitted: not one more, not one less."
    fi
}

show_several_windows() {
    title "Several windows in one call: 3 a second and 5 in ten seconds"
    say "  The command is  LW.RATELIMIT api:7 3 1s 5 10s  and answers about the window that binds:" ""
    head_row
    local call
    for call in 1 2 3; do
        ratelimit api:7 3 1s 5 10s
        row "call $call" "admitted"
        check "$limited == 0 && $limit == 3"
    done
    ratelimit api:7 3 1s 5 10s
    row "call 4" "denied by the 3 a second"
    check "$limited == 1 && $limit == 3 && $retry_after <= 1000"
    pause_ms "$reset_after"
    for call in 5 6; do
        ratelimit api:7 3 1s 5 10s
        row "call $call, a second on" "admitted"
        check "$limited == 0"
    done
    ratelimit api:7 3 1s 5 10s
    row "call 7" "denied by the 5 in ten seconds"
    check "$limited == 1 && $limit == 5 && 1000 < $retry_after && $retry_after <= 10000"
}

show_settlement() {
    local at answer
    title "A cost that is known only afterwards: 1000 tokens in a minute"
    say "  Reserve the most that the answer may take, and settle what it really took:" ""
    mapfile -t answer < <(cli LW.RATELIMIT llm:acme 1000 60 COST 800 WITHTIME)
    at=${answer[5]}
    say "  LW.RATELIMIT llm:acme 1000 60 COST 800 WITHTIME    $faint${answer[2]} remain; reserved at $at$plain"
    check "${answer[0]} == 0 && ${answer[2]} == 200 && $at > 0"
    mapfile -t answer < <(cli LW.SETTLE llm:acme 800 650 AT "$at")
    ratelimit llm:acme 1000 60
    say "  LW.SETTLE llm:acme 800 650 AT $at       $faint${answer[0]} units go back$plain"
    check "${answer[0]} == 150 && $remaining == 349"
    say "  LW.REFUND llm:acme 650 AT $at           $faint$(cli LW.REFUND llm:acme 650 AT "$at") more, because the call failed after all$plain"
    ratelimit llm:acme 1000 60
    check "$remaining == 998"
    ratelimit llm:acme 1000 60 COST 1500 FORCE
    say "  LW.RATELIMIT llm:acme 1000 60 COST 1500 FORCE      ${faint}recorded beyond the limit; the next call waits $retry_after ms$plain"
    check "$limited == 1 && $remaining == 0 && 0 < $retry_after && $retry_after <= 60000"
}

# Each tuple has three numbers behind the first four: limit, remaining and reset_after.
show_several_keys() {
    title "A user and the user's tenant in one call: recorded for both or for none"
    say "  The command is  LW.MRATELIMIT user:alice 3 60 1 tenant:acme 4 60 1" ""
    printf '  %-20s %s%7s %8s %12s %14s%s\n' "" "$faint" limited binding "user left" "tenant left" "$plain"
    local call user answer users=(alice alice bob bob bob) notes=(
        "admitted" "admitted" "admitted" "admitted: the tenant's fourth"
        "denied by the tenant, and bob keeps his unit")
    for call in 1 2 3 4 5; do
        user=${users[call - 1]}
        mapfile -t answer < <(cli LW.MRATELIMIT "user:$user" 3 60 1 tenant:acme 4 60 1)
        [[ ${#answer[@]} == 10 ]] || die "LW.MRATELIMIT answered: ${answer[*]}"
        printf '  %-20s %s%7d %8d %12d %14d%s   %s\n' "$user, call $call" "$faint" "${answer[0]}" "${answer[1]}" \
            "${answer[5]}" "${answer[8]}" "$plain" "${notes[call - 1]}"
        check "${answer[0]} == (call == 5) && ${answer[8]} == (call < 5 ? 4 - call : 0)"
    done
    check "${answer[1]} == 1 && 0 < ${answer[2]} && ${answer[2]} <= 60000 && ${answer[5]} == 1"
}

show_memory() {
    title "Memory: a key that holds 100 calls, one about every 10 ms"
    local call ours theirs
    for ((call = 0; call < 100; call++)); do
        echo "LW.RATELIMIT memory:lockwatch 100 60"
        printf 'ZADD memory:zset %d %d\n' "${EPOCHREALTIME/[^0-9]/}" "${EPOCHREALTIME/[^0-9]/}"
        sleep 0.01
    done | cli >/dev/null
    ours=$(cli MEMORY USAGE memory:lockwatch)
    theirs=$(cli MEMORY USAGE memory:zset)
    printf '  %-40s %5d bytes\n' "lockwatch" "$ours"
    printf '  %-40s %5d bytes\n' "a sorted set with a timestamp a call" "$theirs"
    check "$ours < $theirs"
}

# Alerts go to a webhook receiver on this machine, which prints them.
show_alert() {
    local secret port pid call burst count alerted line lines=()
    title "A burst raises an alert: the 5th failed login within 10 seconds"
    secret=whsec_$(head -c 32 /dev/urandom | base64 | tr -d '\n')
    printf '%s\n' "$secret" >"$temp_dir/webhook.secret"
    perl scripts/receiver.pl "$secret" >"$temp_dir/received" 2>&1 </dev/null &
    pid=$!
    started+=("$pid")
    await_lines 1 "$temp_dir/received" || die "the receiver did not start"
    port=$(head -n 1 "$temp_dir/received")
    cli CONFIG SET lockwatch.webhook-allow-private yes lockwatch.webhook-secret-file "$temp_dir/webhook.secret" \
        lockwatch.webhook-urls "http://127.0.0.1:$port/alerts" >/dev/null
    say "  A webhook receiver listens on port $port; lockwatch.webhook-urls names it. The command is" \
        "  LW.BURST login:203.0.113.9 5 10s IP 203.0.113.9 ENDPOINT /login  and answers burst, count, alerted:" ""
    for call in 1 2 3 4 5 6; do
        mapfile -t lines < <(cli LW.BURST login:203.0.113.9 5 10s IP 203.0.113.9 ENDPOINT /login)
        burst=${lines[0]} count=${lines[1]} alerted=${lines[2]}
        printf '  call %d   burst %d   count %d   alerted %d\n' "$call" "$burst" "$count" "$alerted"
        check "$burst == ($call >= 5) && $count == $call && $alerted == ($call == 5)"
    done
    await_lines 8 "$temp_dir/received" || true
    say "" "  The receiver got, once, signed as Standard Webhooks describes:" ""
    tail -n +2 "$temp_dir/received" | fold -w 100 | sed "s/^/    /"
    mapfile -t lines <"$temp_dir/received"
    line=${lines[6]:-nothing}
    check "$(grep -c '^POST /alerts' "$temp_dir/received") == 1 && $([[ $line == *WRONG* || $line == nothing ]] && echo 0 || echo 1)"
    cli CONFIG SET lockwatch.webhook-urls "" >/dev/null
    kill "$pid"
}

# guard COMMAND WORD ...: calls LW.ATTEMPT or LW.EVENT. Sets verdict, retry_after, rule and alerted.
guard() {
    local answer
    mapfile -t answer < <(cli "$@")
    [[ ${#answer[@]} == 6 ]] || die "$* answered: ${answer[*]}"
    verdict=${answer[0]} retry_after=${answer[1]} rule=${answer[2]} alerted=${answer[5]}
}

guard_row() {
    local words=(allow challenge deny)
    printf '  %-26s %s%-9s %8d ms  %-9s%s  %s\n' "$1" "$faint" "${words[verdict]}" "$retry_after" "${rule:--}" "$plain" "${2:-}"
}

show_guard() {
    local verdict retry_after rule alerted user at="IP 192.0.2.66" why
    title "A guard: one address tries a leaked list, with one password for each user"
    say "  Before the password is checked  LW.ATTEMPT login $at USER u1, afterwards" \
        "  LW.EVENT login failure $at USER u1.  Both answer verdict, retry_after, rule and more:" ""
    # A new guard challenges for a day where it would ban.
    cli CONFIG SET lockwatch.guard-learn 0 >/dev/null
    for ((user = 1; user <= 12; user++)); do
        # shellcheck disable=SC2086 # two words
        guard LW.ATTEMPT login $at USER "u$user"
        check "$verdict == ($user == 12 ? 2 : 0)"
        if ((user == 1 || user >= 11)); then guard_row "LW.ATTEMPT USER u$user"; fi
        if ((verdict > 0)); then continue; fi
        # shellcheck disable=SC2086
        guard LW.EVENT login failure $at USER "u$user"
        check "$verdict == ($user == 11 ? 2 : 0) && $alerted == ($user == 11)"
        if ((user == 1)); then guard_row "LW.EVENT failure USER u1" "and so on"; fi
        if ((user == 11)); then guard_row "LW.EVENT failure USER u11" "the eleventh user: banned, with an alert"; fi
    done
    check "$([[ $rule == stuffing ]] && echo 1 || echo 0)"
    guard LW.ATTEMPT login IP 198.51.100.7 USER u1
    guard_row "USER u1 from elsewhere" "not affected"
    check "$verdict == 0"
    cli LW.EVENT login success IP 192.0.2.10 USER carol >/dev/null
    # shellcheck disable=SC2086
    guard LW.ATTEMPT login $at USER carol
    guard_row "USER carol from there" "has logged in from that network before"
    check "$verdict == 0"
    mapfile -t why < <(cli LW.WHY login IP 192.0.2.66)
    say "" "  LW.WHY login $at        $faint${why[5]:-nothing} by the rule ${why[7]:-}, for ${why[9]:-0} ms$plain"
    check "$([[ ${why[5]:-} == deny && ${why[7]:-} == stuffing ]] && echo 1 || echo 0)"
    user=$(cli LW.LIFT login IP 192.0.2.66 BY demo)
    # shellcheck disable=SC2086
    guard LW.ATTEMPT login $at USER u12
    say "  LW.LIFT login $at BY demo   $faint$user ban has ended; the next attempt is allowed$plain"
    check "$user == 1 && $verdict == 0"
}

# tokens COMMAND WORD ...: calls LW.ISSUE or LW.ROTATE. Sets access and refresh, and refused to the
# code of an error or ''.
tokens() {
    local answer
    mapfile -t answer < <(cli "$@" 2>&1)
    refused=
    if [[ ${#answer[@]} -lt 5 ]]; then
        refused=${answer[0]%% *}
        return
    fi
    access=${answer[0]} refresh=${answer[1]}
}

# verify TOKEN: prints the claims of a valid access token, or the code of the error.
verify() {
    local answer
    answer=$(cli LW.VERIFY auth "$1" 2>&1 | head -n 1)
    if [[ $answer == LW* ]]; then echo "${answer%% *}"; else echo "$answer"; fi
}

# Shortens a token to its beginning and end.
short() { echo "${1:0:12}…${1: -6}"; }

token_row() { printf '  %-34s access %s   refresh %s\n' "$1" "$(short "$access")" "$(short "$refresh")"; }

show_tokens() {
    local first second third stolen access refresh refused claims known
    title "Tokens: a login, a refresh, a lost reply, a stolen token"
    say "  A login is  LW.ISSUE auth carol CLAIMS '{\"role\":\"admin\"}'  (the first one makes the keys)," \
        "  a refresh  LW.ROTATE auth <refresh token>, and each request to the API  LW.VERIFY auth <access token>." ""
    tokens LW.ISSUE auth carol CLAIMS '{"role":"admin"}' META '{"device":"phone"}'
    check "${#refused} == 0"
    first=$refresh stolen=$refresh
    token_row "login"
    claims=$(verify "$access")
    printf '  %s\n' "the API verifies"
    fold -w 96 <<<"$claims" | sed 's/^/      /'
    check "$([[ $claims == *'"role":"admin"'* ]] && echo 1 || echo 0)"
    known=$(cli LW.JWKS)
    printf '  %-34s %s…\n' "others verify by LW.JWKS" "${known:0:72}"
    tokens LW.ROTATE auth "$first"
    second=$refresh
    token_row "refresh"
    tokens LW.ROTATE auth "$first"
    token_row "its reply was lost: asked again"
    check "$([[ $refresh == "$second" ]] && echo 1 || echo 0)"
    tokens LW.ROTATE auth "$second"
    third=$access
    token_row "refresh"
    tokens LW.ROTATE auth "$stolen"
    printf '  %-34s %s\n' "a thief shows the first one" "${refused:-accepted}"
    check "$([[ $refused == LWREUSED ]] && echo 1 || echo 0)"
    printf '  %-34s %s\n' "the session is over, for both" "$(verify "$third")"
    check "$([[ $(verify "$third") == LWREVOKED ]] && echo 1 || echo 0)"
    say "" "  An alert has been raised, and the audit log has it:" ""
    cli LW.AUDITLOG QUERY KIND token.reuse COUNT 1 | grep '^{' | fold -w 100 | sed 's/^/    /'
    check "$(ids KIND token.reuse) == 1"
}

# Records what happened at an API: requests by alice, and a client that was rate limited.
record_events() {
    local call
    cli LW.AUDIT USER alice IP 198.51.100.7 METHOD GET ENDPOINT /v1/items STATUS 200 LATENCY 12.5ms >/dev/null
    cli LW.AUDIT USER alice IP 198.51.100.7 METHOD POST ENDPOINT /v1/items STATUS 201 LATENCY 31ms \
        DATA '{"item":42}' >/dev/null
    for call in 1 2 3; do
        cli LW.AUDIT IP 203.0.113.9 METHOD POST ENDPOINT /login STATUS 429 LIMITED LATENCY 0.2ms >/dev/null
    done
    cli LW.AUDIT KIND logout USER alice IP 198.51.100.7 >/dev/null
}

# ids WORD ...: prints how many events LW.AUDITLOG QUERY lists.
ids() { cli LW.AUDITLOG QUERY "$@" | grep -cx id || true; }

show_query() {
    say "" "  Who came from 203.0.113.0/24?  LW.AUDITLOG QUERY IP 203.0.113.0/24 COUNT 1" ""
    cli LW.AUDITLOG QUERY IP 203.0.113.0/24 COUNT 1 | paste - - |
        awk -F '\t' -v faint="$faint" -v plain="$plain" '{ printf "    %s%-17s%s %s\n", faint, $1, plain, $2 }'
    check "$(ids IP 203.0.113.0/24) == 3 && $(ids USER alice) == 3 && $(ids LIMITED ENDPOINT /log) == 3"
}

show_audit() {
    title "An audit log: who did what, and when"
    say "  Without a database the journal in Redis is the log, bounded, kept in RDB and AOF. Recorded is with" \
        "  LW.AUDIT USER alice IP 198.51.100.7 METHOD GET ENDPOINT /v1/items STATUS 200 LATENCY 12.5ms"
    record_events
    check "$(ids KIND request) == 5"
    show_query
}

show_audit_with_postgres() {
    local call count
    title "An audit log: who did what, and when, shipped to Postgres exactly once, as long as Redis does not lose it"
    cli CONFIG SET lockwatch.postgres-url-file "$postgres_url_file" >/dev/null
    say "  A Postgres of its own runs on port $postgres_port; lockwatch.postgres-url-file names its URL. Recorded is with" \
        "  LW.AUDIT USER alice IP 198.51.100.7 METHOD GET ENDPOINT /v1/items STATUS 200 LATENCY 12.5ms"
    record_events
    await_shipped
    say "" "  and this is what psql shows:" ""
    table lockwatch "SELECT to_char(\"timestamp\", 'HH24:MI:SS.MS') AS time, kind, user_id, ip, method, endpoint, status_code AS status, \
        rate_limit_hit AS limited, latency_ms AS ms, data FROM lockwatch_audit_log WHERE kind !~ '^(token|guard)' ORDER BY seq" | sed 's/^/    /'
    show_query
    say "" "  Now Postgres is stopped, 1000 events come meanwhile, and it is started again:" ""
    stop_postgres
    for ((call = 0; call < 1000; call++)); do echo "LW.AUDIT USER bob STATUS 200"; done | cli >/dev/null
    printf '    %-34s %5d events wait in Redis, %d were refused\n' "while Postgres was away" \
        "$(info lockwatch_audit_pending)" "$(info lockwatch_audit_refused_total)"
    check "$(info lockwatch_audit_pending) == 1000"
    run_postgres || die "Postgres did not start again"
    await_shipped
    count=$(sql lockwatch "SELECT count(*), count(DISTINCT seq) FROM lockwatch_audit_log WHERE user_id = 'bob'")
    printf '    %-34s %5d rows of them, %d different ones\n' "afterwards" "${count%|*}" "${count#*|}"
    check "${count%|*} == 1000 && ${count#*|} == 1000"
    if [[ ! $keep ]]; then cli CONFIG SET lockwatch.postgres-url-file "" >/dev/null; fi
}

# await_lines N FILE: waits until it has N lines, for 10 seconds at most.
await_lines() {
    local deadline=$((SECONDS + 10))
    until (($(wc -l <"$2") >= $1)); do
        if ((SECONDS >= deadline)); then return 1; fi
        sleep 0.05
    done
}

conclude() {
    title "Done"
    if [[ $keep ]]; then
        leave_server
        say "  The server keeps running." ""
        how_to_use "${postgres_pid:+kill -INT $postgres_pid}"
        if [[ $postgres_pid ]]; then printf '  %-28s %s\n' "The audit log:" "psql $postgres_url"; fi
    else
        stop_server
        say "  The server is stopped. A server to play with:  scripts/serve.sh" \
            "  To load it into a Redis of yours (7.0 on):     cargo build --release" \
            "                                                 redis-server --loadmodule ${release_module#"$PWD/"}"
    fi
    if ((wrong > 0)); then
        say "" "${red}$wrong of the outcomes above are wrong.${plain}"
        exit 1
    fi
}

main
