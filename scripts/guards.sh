# shellcheck shell=bash disable=SC2154 # bench.sh and lib.sh set the other variables
# The part of bench.sh about guards: the server's CPU for a call beside LW.RATELIMIT and GET, and the
# latency of LW.RATELIMIT during a flood of attempts. bench.sh sources this after tokens.sh.

guard_rows=(ratelimit get attempt failure success check full)
declare -A guard_label=(
    [ratelimit]="LW.RATELIMIT, admitted"
    [get]="GET"
    [attempt]="LW.ATTEMPT, admitted"
    [failure]="LW.EVENT failure"
    [success]="LW.EVENT success"
    [check]="LW.CHECK"
    [full]="LW.ATTEMPT, ever new users, full guard"
)
# As in calls.pl: the number of keys or users, and the words. The built-in rules admit five attempts
# of a user, so a row has a call that prepares each user and at most four more.
guard_users=10000
declare -A guard_prepared=(
    [ratelimit]="LW.RATELIMIT k:%d 1000000000 60"
    [get]="SET k:%d some-value"
    [attempt]="LW.ATTEMPT login IP %i USER user-%d"
    [failure]="LW.EVENT login failure IP %i USER user-%d"
    [success]="LW.EVENT login success IP %i USER user-%d"
    [check]="LW.ATTEMPT login IP %i USER user-%d"
    [full]="LW.ATTEMPT login IP %i USER old-%d"
)
declare -A guard_counted=(
    [ratelimit]="LW.RATELIMIT k:%d 1000000000 60"
    [get]="GET k:%d"
    [attempt]="LW.ATTEMPT login IP %i USER user-%d"
    [failure]="LW.EVENT login failure IP %i USER user-%d"
    [success]="LW.EVENT login success IP %i USER user-%d"
    [check]="LW.CHECK login IP %i USER user-%d"
    [full]="LW.ATTEMPT login IP %i USER user-%d"
)
# Nanoseconds of the server's CPU for a call, by ROW.ROUND; microseconds of latency by round.
declare -A guard_cost=()
guard_p99_alone=() guard_p99_attempts=() guard_p99_ratelimit=()

# measure_guards ROUNDS
measure_guards() {
    local rounds=$1 round row
    start_server taskset -c "$server_core" "$server" --loadmodule "$module"
    for ((round = 0; round < rounds; round++)); do
        for row in "${guard_rows[@]}"; do
            note "guards: round $((round + 1)) of $rounds: ${guard_label[$row]}"
            measure_guard_row "$row" "$round"
        done
        note "guards: round $((round + 1)) of $rounds: latency"
        cli FLUSHALL >/dev/null
        guard_p99_alone[round]=$(p99_of_ratelimit)
        guard_p99_attempts[round]=$(p99_beside_flood LW.ATTEMPT login IP %i USER user-%d)
        guard_p99_ratelimit[round]=$(p99_beside_flood LW.RATELIMIT k:%d 1000000000 60)
    done
    stop_server
}

# guard_calls CALLS USERS WORD ...
guard_calls() { taskset -c "$load_core" scripts/calls.pl "$server_port" "$@" >/dev/null; }

measure_guard_row() {
    local row=$1 round=$2 prepared=$guard_users calls=$((4 * guard_users)) users=$guard_users cpu
    if [[ $row == full ]]; then prepared=60000 users=$calls; fi
    cli FLUSHALL >/dev/null
    # shellcheck disable=SC2086 # words on purpose
    {
        guard_calls "$prepared" "$prepared" ${guard_prepared[$row]}
        cpu=$(cpu_time)
        guard_calls "$calls" "$users" ${guard_counted[$row]}
    }
    guard_cost[$row.$round]=$((($(cpu_time) - cpu) / calls))
    (($(info lockwatch_guard_attempts_challenged_total) + $(info lockwatch_guard_attempts_denied_total) == 0)) ||
        die "guards: attempts were not admitted"
}

# p99_beside_flood WORD ...: the latency of LW.RATELIMIT while four connections send calls about ever
# new users, or on new keys, as fast as they are answered.
p99_beside_flood() {
    local flood=() n
    for n in 1 2 3 4; do
        scripts/calls.pl "$server_port" 100000000 1000000 "${@//%d/$n-%d}" >/dev/null 2>&1 &
        flood+=("$!")
        started+=("$!")
    done
    p99_of_ratelimit
    for n in "${flood[@]}"; do stop "$n"; done
    wait "${flood[@]}" 2>/dev/null || true
}

guard_cost_of() {
    local round
    for ((round = 0; round < rounds; round++)); do echo "${guard_cost[$1.$round]}"; done | median
}

guard_table() {
    local row cost ratelimit get
    ratelimit=$(guard_cost_of ratelimit) get=$(guard_cost_of get)
    printf '\n%-42s %9s %14s %9s\n' "guards, pipeline 16" "CPU ns" "x LW.RATELIMIT" "x GET"
    for row in "${guard_rows[@]}"; do
        cost=$(guard_cost_of "$row")
        printf '%-42s %9d %14s %9s\n' "${guard_label[$row]}" "$cost" "$(ratio "$ratelimit" "$cost")" "$(ratio "$get" "$cost")"
    done
    printf '%-42s %9d\n' "p99 of LW.RATELIMIT alone, us" "$(median_of "${guard_p99_alone[@]}")" \
        "the same beside a flood of LW.ATTEMPT, us" "$(median_of "${guard_p99_attempts[@]}")" \
        "the same beside one of LW.RATELIMIT, us" "$(median_of "${guard_p99_ratelimit[@]}")"
    echo "$guard_users users, each at an address, and as many keys; the flood is four connections, 16 calls in a write."
}

guard_targets() {
    local row ratelimit
    ratelimit=$(guard_cost_of ratelimit)
    for row in attempt failure success; do
        is_at_least 0.50 "${guard_label[$row]}, of LW.RATELIMIT" "$(ratio "$ratelimit" "$(guard_cost_of "$row")")"
    done
    is_at_least 1.00 "LW.CHECK, of GET, by CPU" "$(ratio "$(guard_cost_of get)" "$(guard_cost_of check)")"
}
