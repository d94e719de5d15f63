#!/usr/bin/env bash
# Measures what a call costs and what a key takes, beside what is used today: tables of speed with
# and without pipelining, of memory, of shipping to Postgres and of tokens, and whether each target
# is met. A missed target does not change the exit code.
#
#   scripts/bench.sh                  about ten minutes, on a machine that is otherwise idle
#   scripts/bench.sh --quick          one short round with rough numbers
#   scripts/bench.sh --rounds N       N rounds instead of 5; the median of each row counts
#   scripts/bench.sh --server PATH    with another server: Redis 7.0 or later, or Valkey
#   scripts/bench.sh --module PATH    with another build of the module; given more than once, only
#                                     compares the builds: the CPU time of each row, in turn
#   scripts/bench.sh --redis-cell PATH
#                                     compares CL.THROTTLE alone: first redis-cell, then the module
#   scripts/bench.sh --json FILE      writes the numbers to FILE as well
#   scripts/bench.sh --clients        measures the middleware instead, beside other limiters: FastAPI,
#                                     Flask, Express, Fastify, Go; some twelve minutes
#   scripts/bench.sh --guards         measures guards instead
#   scripts/bench.sh --no-install     fails if something is missing, instead of installing it
#
# The server has one core and redis-benchmark another; nothing is persisted. Within a round every
# row runs once, so that a machine whose speed drifts slows all rows alike. After each row the
# script checks that no call failed, and that the calls were denied if the row is about denials, and
# admitted otherwise. The table shows the server's CPU time of a call beside requests a second,
# because it depends less on what else the machine does.

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=scripts/load.sh
. scripts/load.sh
# shellcheck source=scripts/shipping.sh
. scripts/shipping.sh
# shellcheck source=scripts/tokens.sh
. scripts/tokens.sh
# shellcheck source=scripts/guards.sh
. scripts/guards.sh

server="redis-server"
rounds=5
json=
quick=
clients_only=
guards_only=
# A redis-cell to compare with.
redis_cell=
# The builds to measure: the release build of this directory, unless --module is given.
modules=()

# The usual sliding window in Lua: a sorted set with a member for each call.
lua_window='
local limit, window = tonumber(ARGV[1]), tonumber(ARGV[2])
local time = redis.call("TIME")
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call("ZREMRANGEBYSCORE", KEYS[1], "-inf", now - window)
local used = redis.call("ZCARD", KEYS[1])
if used >= limit then
    local oldest = redis.call("ZRANGE", KEYS[1], 0, 0, "WITHSCORES")
    return {1, 0, oldest[2] + window - now}
end
redis.call("ZADD", KEYS[1], now, time[1] .. "." .. time[2])
redis.call("PEXPIRE", KEYS[1], window)
return {0, limit - used - 1, 0}'

# The rows: label in the table, preparation of the keys, and command. redis-benchmark replaces
# __rand_int__ by the number of a random key.
row_ids=(
    incr setex lua admitted denied hot hot_full_100 hot_full_1m three policy two_keys four_keys peek refund refund_missing
    cell cell_denied burst xadd audit
)
declare -A label=(
    [incr]="INCR, on keys with a TTL"
    [setex]="SET with EX"
    [lua]="sorted set in Lua, admitted"
    [admitted]="LW.RATELIMIT, admitted"
    [denied]="LW.RATELIMIT, denied"
    [hot]="LW.RATELIMIT, one hot key, admitted"
    [hot_full_100]="LW.RATELIMIT, one hot key, full at 100"
    [hot_full_1m]="LW.RATELIMIT, one hot key, full at 1000000"
    [three]="LW.RATELIMIT, three windows, admitted"
    [policy]="LW.RATELIMIT by a policy, admitted"
    [two_keys]="LW.MRATELIMIT, two keys, admitted"
    [four_keys]="LW.MRATELIMIT, four keys, admitted"
    [peek]="LW.PEEK"
    [refund]="LW.REFUND, one hot key, units go back"
    [refund_missing]="LW.REFUND, none go back"
    [cell]="CL.THROTTLE, admitted"
    [cell_denied]="CL.THROTTLE, denied"
    [burst]="LW.BURST, no burst"
    [xadd]="XADD, the fields of an event"
    [audit]="LW.AUDIT"
)
declare -A prepare=(
    [incr]="fill 1 SET k:%012d 1 EX 3600"
    [setex]="fill 1 SET k:%012d some-value EX 3600"
    [lua]="fill 1 EVALSHA LUA_SHA 1 k:%012d 1000000000 60000"
    [admitted]="fill 1 LW.RATELIMIT k:%012d 1000000000 60"
    [denied]="fill 10 LW.RATELIMIT k:%012d 10 3600"
    [hot]="hammer 1000 LW.RATELIMIT hot 1000000000 60"
    [hot_full_100]="hammer 1000 LW.RATELIMIT hot 100 3600"
    [hot_full_1m]="hammer 1000200 LW.RATELIMIT hot 1000000 3600"
    [three]="fill 1 LW.RATELIMIT k:%012d 1000000 1s 1000000 1m 1000000 1h"
    [policy]="fill_by_policy"
    [two_keys]="fill 1 LW.RATELIMIT k:%012d 1000000000 60"
    [four_keys]="fill 1 LW.RATELIMIT k:%012d 1000000000 60"
    [peek]="fill 10 LW.RATELIMIT k:%012d 1000000000 60"
    [refund]="reserve hot"
    [refund_missing]="fill 10 LW.RATELIMIT k:%012d 1000000000 3600"
    [cell]="fill 1 CL.THROTTLE k:%012d 1000000 1000000 60"
    [cell_denied]="fill 10 CL.THROTTLE k:%012d 9 10 36000"
    [burst]="fill 1 LW.BURST k:%012d 1000000000 60"
    [xadd]="true"
    [audit]="true"
)
declare -A command=(
    [incr]="INCR k:__rand_int__"
    [setex]="SET k:__rand_int__ some-value EX 60"
    [lua]="EVALSHA LUA_SHA 1 k:__rand_int__ 1000000000 60000"
    [admitted]="LW.RATELIMIT k:__rand_int__ 1000000000 60"
    [denied]="LW.RATELIMIT k:__rand_int__ 10 3600"
    [hot]="LW.RATELIMIT hot 1000000000 60"
    [hot_full_100]="LW.RATELIMIT hot 100 3600"
    [hot_full_1m]="LW.RATELIMIT hot 1000000 3600"
    [three]="LW.RATELIMIT k:__rand_int__ 1000000 1s 1000000 1m 1000000 1h"
    [policy]="LW.RATELIMIT k:__rand_int__ @bench"
    [two_keys]="LW.MRATELIMIT k:__rand_int__ 1000000000 60 1 k:__rand_int__ 1000000000 60 1"
    [four_keys]="LW.MRATELIMIT k:__rand_int__ 1000000000 60 1 k:__rand_int__ 1000000000 60 1 k:__rand_int__ 1000000000 60 1 k:__rand_int__ 1000000000 60 1"
    [peek]="LW.PEEK k:__rand_int__ 1000000000 60"
    [refund]="LW.REFUND hot 1 AT RESERVED_AT"
    [refund_missing]="LW.REFUND k:__rand_int__ 1 AT 1700000000000"
    [cell]="CL.THROTTLE k:__rand_int__ 1000000 1000000 60"
    [cell_denied]="CL.THROTTLE k:__rand_int__ 9 10 36000"
    [burst]="LW.BURST k:__rand_int__ 1000000000 60"
    [xadd]="XADD s * user_id user:42 ip 203.0.113.9 method GET endpoint /api/v1/items status_code 200 latency_ms 12"
    [audit]="${audit_call[*]}"
)
is_denied() { [[ $1 == *denied || $1 == hot_full_* ]]; }

# Requests a second in rate[ROW.PIPELINE.ROUND], nanoseconds of the server's CPU for a call in
# cost[ROW.PIPELINE.ROUND], and the medians over the rounds in median_rate[ROW.PIPELINE] and
# median_cost[ROW.PIPELINE]. A comparison of builds puts "BUILD/" in front of ROW.
# shellcheck disable=SC2034 # rate and cost are read by name
declare -A rate=() cost=() median_rate=() median_cost=()
# Bytes of a key by MEMORY USAGE in bytes[KIND.HITS], and what a key takes of used_memory beyond
# that, in the server's hash tables of keys and expiries, in beside[KIND].
declare -A bytes=() beside=()
kinds=(lockwatch timestamps uuids)
hit_counts=(1 2 5 10 100 1000)
keys_of_a_kind=10
# Less than the window of 60 seconds, so that the first call still counts at the last one.
memory_seconds=55

main() {
    read_options "$@"
    # shellcheck source=scripts/setup.sh
    . scripts/setup.sh
    set_up
    if ((${#modules[@]} == 0)); then
        cargo build --release --locked --quiet
        modules=("$release_module")
    fi
    if [[ ! $guards_only && ! $clients_only ]]; then cargo build --release --locked --quiet --examples; fi
    if [[ $redis_cell ]]; then
        modules=("$redis_cell" "${modules[@]}")
        row_ids=(cell cell_denied)
    fi
    module=${modules[0]}
    if [[ $clients_only ]]; then
        measure_clients
        return
    fi
    choose_cores
    if [[ $guards_only ]]; then
        measure_guards "$rounds"
        guard_table
        printf '\n%-42s %10s %17s\n' "targets, by CPU" measured target
        guard_targets
        return
    fi
    if ((${#modules[@]} > 1)); then
        compare_modules
        return
    fi
    start_server taskset -c "$server_core" "$server" --loadmodule "$module" cl-throttle yes
    lua_sha=$(cli SCRIPT LOAD "$lua_window")
    introduce
    local round row
    major=$(server_name | sed 's/[^0-9]*\([0-9]*\).*/\1/')
    version=$(info lockwatch_version) name=$(server_name)
    for ((round = 1; round <= rounds; round++)); do
        for row in "${row_ids[@]}"; do
            note "round $round of $rounds: ${label[$row]}"
            measure "$row" "$round"
        done
    done
    take_medians
    speed_table 16
    speed_table 1
    measure_leases
    measure_groups
    group_table
    measure_memory
    memory_table
    stop_server
    if [[ $quick ]]; then measure_shipping 1 100000; else measure_shipping 3 500000; fi
    if ((${#shipped[@]} > 0)); then shipping_table; fi
    if [[ $quick ]]; then measure_tokens 1 2 100000; else measure_tokens 3 5 1000000; fi
    token_table
    measure_guards "$rounds"
    guard_table
    targets
    if [[ $json ]]; then write_json >"$json"; fi
}

# Runs each client's own benchmark, which prints its tables and whether its targets are met.
measure_clients() {
    local given=(--rounds "$rounds")
    set_up peers
    export LOCKWATCH_MODULE=$module LOCKWATCH_BENCH_GO=$temp_dir/app
    if [[ $quick ]]; then given=(--rounds 1 --seconds 1); fi
    if [[ $json ]]; then given+=(--json "$json"); fi
    (cd clients/node && npm run --silent build)
    (cd clients/go/bench && go build -o "$LOCKWATCH_BENCH_GO" .)
    "$bench_venv/bin/python" clients/bench/run.py "${given[@]}"
}

# Runs a server for each build and prints the CPU time of each row side by side.
compare_modules() {
    local servers=() round row build pipeline with
    for module in "${modules[@]}"; do
        with=(cl-throttle yes)
        # A redis-cell has the command without an argument, and an older build lacks it.
        grep -qa "${with[0]}" "$module" || with=()
        if ((${#with[@]} == 0)) && [[ $module != "$redis_cell" ]]; then
            mapfile -t row_ids < <(printf '%s\n' "${row_ids[@]}" | grep -v '^cell')
        fi
        start_server taskset -c "$server_core" "$server" --loadmodule "$module" "${with[@]}"
        servers+=("$server_port")
        lua_sha=$(cli SCRIPT LOAD "$lua_window")
    done
    for ((round = 1; round <= rounds; round++)); do
        for row in "${row_ids[@]}"; do
            note "round $round of $rounds: ${label[$row]}"
            for build in "${!modules[@]}"; do
                server_port=${servers[build]}
                measure "$row" "$round" "$build/"
                cli FLUSHALL >/dev/null
            done
        done
    done
    take_medians "${!modules[@]}"
    echo "$(server_name), the median of $rounds round(s). The builds:"
    for build in "${!modules[@]}"; do echo "  $((build + 1)): ${modules[build]}"; done
    for pipeline in 16 1; do comparison_table "$pipeline"; done
}

# comparison_table PIPELINE
comparison_table() {
    local row build
    printf '\n%-42s' "CPU ns, pipeline $1"
    for build in "${!modules[@]}"; do printf ' %9s' "build $((build + 1))"; done
    printf ' %9s\n' "last/first"
    for row in "${row_ids[@]}"; do
        printf '%-42s' "${label[$row]}"
        for build in "${!modules[@]}"; do printf ' %9d' "${median_cost[$build/$row.$1]}"; done
        printf ' %9s\n' "$(ratio "${median_cost[$build/$row.$1]}" "${median_cost[0/$row.$1]}")"
    done
}

read_options() {
    while (($# > 0)); do
        case $1 in
            --clients) clients_only=1 ;;
            --guards) guards_only=1 ;;
            --quick) quick=1 rounds=1 memory_seconds=6 ;;
            --rounds)
                [[ ${2:-} =~ ^[1-9][0-9]*$ ]] || die "--rounds needs a number"
                rounds=$2
                shift
                ;;
            --server)
                server=$(command -v "${2:-}") || die "--server needs the path of a server"
                server=$(realpath --no-symlinks "$server")
                shift
                ;;
            --module)
                [[ -e ${2:-} ]] || die "--module needs the path of a build of the module"
                modules+=("$(realpath "$2")")
                shift
                ;;
            --redis-cell)
                [[ -e ${2:-} ]] || die "--redis-cell needs the path of libredis_cell.so"
                redis_cell=$(realpath "$2")
                shift
                ;;
            --no-install) export LOCKWATCH_NO_INSTALL=1 ;;
            --json)
                json=${2:-}
                [[ $json ]] || die "--json needs a file"
                shift
                ;;
            -h | --help) usage && exit ;;
            *) die "unknown option '$1'; see --help" ;;
        esac
        shift
    done
}

introduce() {
    local cpu version
    cpu=$(sed -n 's/^model name\s*: //p' /proc/cpuinfo | head -n 1)
    version=$(info lockwatch_version)
    echo "$(server_name) with lockwatch $version on ${cpu:-$(uname -m)}"
    echo "Server on core $server_core, load on core $load_core; $clients connections, $keys keys, no persistence."
    echo "The median of $rounds round(s); the spread is between the slowest and the fastest."
}

# measure ROW ROUND [PREFIX]: makes the row's keys, then runs it with and without pipelining. PREFIX
# comes before the row in the indices of the results.
measure() {
    local row=$1 round=$2 prefix=${3:-} pipeline
    cli FLUSHALL >/dev/null
    # shellcheck disable=SC2086 # words on purpose
    ${prepare[$row]//LUA_SHA/$lua_sha}
    for pipeline in 16 1; do
        read -r rate["$prefix$row.$pipeline.$round"] cost["$prefix$row.$pipeline.$round"] <<<"$(verified_run "$row" "$pipeline")"
    done
}

# The limits of the row `admitted`, by a policy.
fill_by_policy() {
    cli LW.POLICY SET bench 1000000000 60 >/dev/null
    fill 1 LW.RATELIMIT k:%012d @bench
}

# hammer TIMES COMMAND: calls it TIMES times.
hammer() { load "$1" 16 "${@:2}" >/dev/null; }

# reserve KEY: records more units than any row takes back. Sets reserved_at to their
# time.
reserve() {
    reserved_at=$(cli LW.RATELIMIT "$1" 9007199254740991 3600 COST 4294967295 WITHTIME | tail -n 1)
}
reserved_at=

# verified_run ROW PIPELINE: prints requests a second and nanoseconds of CPU for a call. Ends the
# run if a call failed or was denied or admitted against expectation.
verified_run() {
    local row=$1 pipeline=$2 requests=1000000 words denied errors stats calls result cpu
    result=${command[$row]//LUA_SHA/$lua_sha}
    read -ra words <<<"${result//RESERVED_AT/$reserved_at}"
    if ((pipeline == 1)); then requests=200000; fi
    if [[ $quick ]]; then requests=$((requests / 5)); fi
    cli CONFIG RESETSTAT >/dev/null
    denied=$(denials)
    cpu=$(cpu_time)
    result=$(load "$requests" "$pipeline" "${words[@]}")
    cpu=$(($(cpu_time) - cpu))
    denied=$(($(denials) - denied))
    errors=$(cli INFO errorstats | grep -c '^errorstat' || true)
    # calls=1000,usec=…,usec_per_call=…,rejected_calls=0,failed_calls=0
    stats=$(cli INFO commandstats | tr -d '\r' | sed -n "s/^cmdstat_${words[0]}://Ip")
    calls=${stats#calls=} calls=${calls%%,*}
    [[ $errors == 0 && $stats == *,rejected_calls=0,failed_calls=0 ]] || die "${label[$row]}: calls failed: $stats $(cli INFO errorstats)"
    ((calls >= requests)) || die "${label[$row]}: $calls calls of $requests arrived"
    if [[ ! $(info lockwatch_version) ]]; then
        : # redis-cell counts nothing
    elif is_denied "$row"; then
        ((denied == calls)) || die "${label[$row]}: $denied of $calls calls were denied, not all"
    else
        ((denied == 0)) || die "${label[$row]}: $denied of $calls calls were denied, not none"
    fi
    echo "$result $((cpu / calls))"
}

# Prints how many calls of the limiters were denied.
denials() {
    cli INFO lockwatch | tr -d '\r' |
        awk -F: '/^lockwatch_(ratelimit|mratelimit|cell)_denied_total:/ { sum += $2 } END { print sum + 0 }'
}

# A group is a call on several keys, or a transaction with a call for each of them. redis-benchmark
# runs no transactions, so groups are written to the server in one stream. Nanoseconds of the
# server's CPU for a group are in group_cost[WAY.KEYS.ROUND].
declare -A group_cost=()
group_sizes=(2 4)

measure_groups() {
    local round size way cpu number=200000
    if [[ $quick ]]; then number=50000; fi
    for ((round = 1; round <= rounds; round++)); do
        for size in "${group_sizes[@]}"; do
            for way in together transaction; do
                note "round $round of $rounds: groups of $size keys, $way"
                cli FLUSHALL >/dev/null
                fill 1 LW.RATELIMIT k:%012d 1000000000 60
                group_calls "$way" "$size" "$number" >"$temp_dir/groups"
                cpu=$(cpu_time)
                redis-cli -p "$server_port" --pipe <"$temp_dir/groups" | grep -q '^errors: 0,' || die "groups: a call failed"
                group_cost[$way.$size.$round]=$((($(cpu_time) - cpu) / number))
            done
        done
    done
}

# group_calls together|transaction KEYS GROUPS: prints groups on random keys in the server's
# protocol.
group_calls() {
    awk -v way="$1" -v size="$2" -v groups="$3" -v keys="$keys" '
        function word(text) { printf "$%d\r\n%s\r\n", length(text), text }
        function call(name, words) { printf "*%d\r\n", words + 1; word(name) }
        function tuple() { word(sprintf("k:%012d", int(rand() * keys))); word("1000000000"); word("60") }
        BEGIN {
            srand(1)
            for (group = 0; group < groups; group++) {
                if (way == "together") {
                    call("LW.MRATELIMIT", 4 * size)
                    for (i = 0; i < size; i++) { tuple(); word("1") }
                } else {
                    call("MULTI", 0)
                    for (i = 0; i < size; i++) { call("LW.RATELIMIT", 3); tuple() }
                    call("EXEC", 0)
                }
            }
        }'
}

median_group() {
    local round
    for ((round = 1; round <= rounds; round++)); do echo "${group_cost[$1.$2.$round]}"; done | median
}

group_table() {
    local size together transaction
    printf '\n%-42s %16s %16s %10s\n' "CPU ns, admitted, in one stream" "LW.MRATELIMIT" "MULTI and EXEC" "x faster"
    for size in "${group_sizes[@]}"; do
        together=$(median_group together "$size") transaction=$(median_group transaction "$size")
        printf '%-42s %16d %16d %10s\n' "$size keys" "$together" "$transaction" "$(ratio "$transaction" "$together")"
    done
}

# Prints the nanoseconds of CPU that the server has used.
cpu_time() {
    cli INFO cpu | tr -d '\r' | awk -F: '/^used_cpu_(user|sys):/ { sum += $2 } END { printf "%.0f", sum * 1000000000 }'
}

# take_medians [BUILD ...]
take_medians() {
    local row pipeline rows=("${row_ids[@]}")
    if (($# > 0)); then mapfile -t rows < <(for build; do printf "$build/%s\n" "${row_ids[@]}"; done); fi
    for row in "${rows[@]}"; do
        for pipeline in 16 1; do
            median_rate[$row.$pipeline]=$(of_rounds rate "$row.$pipeline" | median)
            median_cost[$row.$pipeline]=$(of_rounds cost "$row.$pipeline" | median)
        done
    done
}

# of_rounds rate|cost ROW.PIPELINE: prints the values, one a line.
of_rounds() {
    local -n values=$1
    local round
    for ((round = 1; round <= rounds; round++)); do echo "${values[$2.$round]}"; done
}

median() {
    sort -n | awk '{ value[NR] = $1 } END { printf "%d", (value[int((NR + 1) / 2)] + value[int(NR / 2) + 1]) / 2 }'
}

# ratio A B: prints A / B with two decimals.
ratio() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f", a / b }'; }

speed_table() {
    local pipeline=$1 row spread
    printf '\n%-42s %10s %7s %9s %9s %7s %6s\n' \
        "pipeline $pipeline" requests/s spread "CPU ns" "x SET EX" "x INCR" "x Lua"
    for row in "${row_ids[@]}"; do
        spread=$(of_rounds rate "$row.$pipeline" | sort -n | awk -v median="${median_rate[$row.$pipeline]}" '
            NR == 1 { least = $1 } { most = $1 } END { printf "%.0f%%", 100 * (most - least) / median }')
        printf '%-42s %10d %7s %9d %9s %7s %6s\n' "${label[$row]}" "${median_rate[$row.$pipeline]}" "$spread" \
            "${median_cost[$row.$pipeline]}" \
            "$(ratio "${median_rate[$row.$pipeline]}" "${median_rate[setex.$pipeline]}")" \
            "$(ratio "${median_rate[$row.$pipeline]}" "${median_rate[incr.$pipeline]}")" \
            "$(ratio "${median_rate[$row.$pipeline]}" "${median_rate[lua.$pipeline]}")"
    done
}

# Takes a lease and gives it back, beside SET with NX and DEL, which is a lock for one holder. One
# client sends the pairs in a pipeline. Prints the server's CPU for a pair.
measure_leases() {
    local pairs=500000 name cpu first=0
    if [[ $quick ]]; then pairs=100000; fi
    printf '\n%-42s %12s %8s\n' "A lock, taken and given back" "CPU ns" "ratio"
    for name in "SET with NX and EX, DEL" "LW.ACQUIRE, LW.RELEASE" "the same, beside 1000 other leases"; do
        cli FLUSHALL >/dev/null
        if [[ $name == *1000* ]]; then hammer 1000 LW.ACQUIRE busy 1000000 3600; fi
        lease_pairs "$name" "$pairs" >"$server_dir/pairs"
        cpu=$(cpu_time)
        cli --pipe <"$server_dir/pairs" | grep --quiet "errors: 0, replies: $((2 * pairs))" || die "a call failed: $name"
        cpu=$((($(cpu_time) - cpu) / pairs))
        if ((first == 0)); then first=$cpu; fi
        printf '%-42s %12d %8s\n' "$name" "$cpu" "$(ratio "$cpu" "$first")"
    done
}

# lease_pairs NAME COUNT: writes the calls of COUNT pairs, each on a random key.
lease_pairs() {
    awk -v name="$1" -v count="$2" -v keys="$keys" '
        function call(line,    words, n, i) {
            n = split(line, words, " ")
            printf "*%d\r\n", n
            for (i = 1; i <= n; i++) printf "$%d\r\n%s\r\n", length(words[i]), words[i]
        }
        BEGIN {
            srand(1)
            for (n = 0; n < count; n++) {
                key = sprintf("k:%012d", int(rand() * keys))
                if (name ~ /^SET/) { call("SET " key " some-value NX EX 60"); call("DEL " key); continue }
                if (name ~ /1000/) key = "busy"
                id = "job-" n
                call("LW.ACQUIRE " key " 2000 60 ID " id); call("LW.RELEASE " key " " id)
            }
        }'
}

# Calls are spread over real time, because the size of a key depends on the gaps between its hits.
measure_memory() {
    local hits=1000 pace hit count kind
    note "memory: $memory_seconds seconds of calls"
    cli FLUSHALL >/dev/null
    pace=$((memory_seconds * 1000000 / hits))
    exec {never}<> <(:)
    local start=${EPOCHREALTIME/[^0-9]/}
    for ((hit = 0; hit < hits; hit++)); do
        wait_until $((start + hit * pace))
        for count in "${hit_counts[@]}"; do
            if ((hit % (hits / count) == 0)); then hit_keys "$count"; fi
        done
    done | cli >/dev/null
    exec {never}<&-
    for count in "${hit_counts[@]}"; do take_bytes "$count"; done
    for kind in "${kinds[@]}"; do measure_beside "$kind"; done
}

# measure_beside KIND: makes keys with one hit, and compares used_memory with MEMORY USAGE.
measure_beside() {
    local kind=$1 before after key sum=0 sample=100
    cli FLUSHALL SYNC >/dev/null
    before=$(info used_memory)
    case $kind in
        lockwatch) fill 1 LW.RATELIMIT k:%012d 1000000 60m ;;
        timestamps) fill 1 ZADD k:%012d 1700000000000 1700000000000000 ;;
        uuids) fill 1 ZADD k:%012d 1700000000000 1b4e28ba-2fa1-41d2-883f-0016d3cca427 ;;
    esac
    if [[ $kind != lockwatch ]]; then fill 1 PEXPIRE k:%012d 3600000; fi
    # A hash table that grows moves its entries step by step, and frees the old one afterwards.
    after=0
    until ((after == $(info used_memory))); do
        after=$(info used_memory)
        sleep 1
    done
    for ((key = 0; key < sample; key++)); do
        sum=$((sum + $(cli MEMORY USAGE "$(printf 'k:%012d' "$key")" SAMPLES 0)))
    done
    beside[$kind]=$(((after - before) / keys - sum / sample))
}

# wait_until MICROSECONDS
wait_until() {
    local left=$(($1 - ${EPOCHREALTIME/[^0-9]/}))
    if ((left > 0)); then read -rt "$(printf '%d.%06d' $((left / 1000000)) $((left % 1000000)))" -u "$never" || true; fi
}

# hit_keys COUNT: prints a call for each key that will have COUNT hits in the end.
hit_keys() {
    local key now uuid
    for ((key = 0; key < keys_of_a_kind; key++)); do
        now=${EPOCHREALTIME/[^0-9]/}
        read -r uuid </proc/sys/kernel/random/uuid
        echo "LW.RATELIMIT lockwatch:$1:$key $1 60"
        echo "ZADD timestamps:$1:$key $((now / 1000)) $now"
        echo "ZADD uuids:$1:$key $((now / 1000)) $uuid"
    done
}

take_bytes() {
    local count=$1 kind key sum remaining
    remaining=$(cli LW.PEEK "lockwatch:$count:0" 1000000 60 COST 0 | sed -n 3p)
    ((remaining == 1000000 - count)) || die "memory: the key holds $((1000000 - remaining)) hits, not $count"
    for kind in "${kinds[@]}"; do
        sum=0
        for ((key = 0; key < keys_of_a_kind; key++)); do
            sum=$((sum + $(cli MEMORY USAGE "$kind:$count:$key" SAMPLES 0)))
        done
        bytes[$kind.$count]=$((sum / keys_of_a_kind))
    done
}

memory_table() {
    local kind count
    printf '\n%-44s' "bytes a key, by hits: MEMORY USAGE/used_memory"
    for count in "${hit_counts[@]}"; do printf ' %13d' "$count"; done
    echo
    for kind in "${kinds[@]}"; do
        case $kind in
            lockwatch) printf '%-44s' "lockwatch" ;;
            timestamps) printf '%-44s' "sorted set, a timestamp a call" ;;
            uuids) printf '%-44s' "sorted set, a UUID a call" ;;
        esac
        for count in "${hit_counts[@]}"; do
            printf ' %13s' "${bytes[$kind.$count]}/$((${bytes[$kind.$count]} + ${beside[$kind]}))"
        done
        echo
    done
    echo "The average of $keys_of_a_kind keys, after real calls spread evenly over $memory_seconds seconds of a window of 60. MEMORY USAGE"
    echo "leaves out the server's hash tables of keys and expiries, which used_memory counts: measured with $keys keys."
}

targets() {
    local of_set=0.80 of_incr=0.50 size
    if ((major >= 8)); then of_set=0.60 of_incr=0.45; fi
    printf '\n%-42s %10s %17s %8s\n' "targets (pipeline 16 unless said)" measured target "by CPU"
    at_least $of_set "admitted, of SET with EX" admitted.16 setex.16
    at_least $of_incr "admitted, of INCR" admitted.16 incr.16
    at_least 5.00 "admitted, of the sorted set in Lua" admitted.16 lua.16
    at_least 1.15 "denied, of admitted" denied.16 admitted.16
    at_least 1.30 "denied, of admitted, one hot key" hot_full_100.16 hot.16
    at_least 0.95 "limit 1000000, of limit 100, one hot key" hot_full_1m.16 hot_full_100.16
    at_least 0.97 "by a policy, of admitted" policy.16 admitted.16
    at_least 0.95 "admitted, of INCR, pipeline 1" admitted.1 incr.1
    at_least 0.90 "LW.BURST, of LW.RATELIMIT admitted" burst.16 admitted.16
    at_least 0.80 "LW.AUDIT, of XADD" audit.16 xadd.16
    # Finding the keys takes the same time in both ways, and most of it.
    for size in "${group_sizes[@]}"; do
        is_at_least 1.15 "LW.MRATELIMIT on $size keys, of MULTI, by CPU" \
            "$(ratio "$(median_group transaction "$size")" "$(median_group together "$size")")"
    done
    if ((${#shipped[@]} > 0)); then
        is_at_least 0.80 "events shipped, of the bare loop" "$(ratio "$(median_of "${shipped[@]}")" "$(median_of "${bare[@]}")")"
        is_at_most 2 "p99 of LW.RATELIMIT while it ships, of alone" \
            "$(ratio "$(median_of "${p99_beside[@]}")" "$(median_of "${p99_alone[@]}")")"
    fi
    token_targets
    guard_targets
    at_most 600 "bytes a key at 100 hits" "${bytes[lockwatch.100]}"
    at_most 5120 "bytes a key at 1000 hits" "${bytes[lockwatch.1000]}"
}

at_least() {
    local measured by_cpu
    measured=$(ratio "${median_rate[$3]}" "${median_rate[$4]}")
    by_cpu=$(ratio "${median_cost[$4]}" "${median_cost[$3]}")
    printf '%-42s %10s   at least %5s %8s   %s\n' "$2" "$measured" "$1" "$by_cpu" \
        "$(awk -v a="$measured" -v b="$1" 'BEGIN { print (a >= b) ? "pass" : "miss" }')"
}

# is_at_least TARGET WHAT RATIO; is_at_most likewise.
is_at_least() {
    printf '%-42s %10s   at least %5s %8s   %s\n' "$2" "$3" "$1" "" \
        "$(awk -v a="$3" -v b="$1" 'BEGIN { print (a >= b) ? "pass" : "miss" }')"
}

is_at_most() {
    printf '%-42s %10s   at most  %5s %8s   %s\n' "$2" "$3" "$1" "" \
        "$(awk -v a="$3" -v b="$1" 'BEGIN { print (a <= b) ? "pass" : "miss" }')"
}

at_most() {
    printf '%-42s %10d   at most  %5d %8s   %s\n' "$2" "$3" "$1" "" "$( (($3 <= $1)) && echo pass || echo miss)"
}

write_json() {
    local row pipeline kind count comma=
    printf '{"server": "%s", "lockwatch": "%s", "rounds": %d,\n "requests_per_second": [' \
        "$name" "$version" "$rounds"
    for row in "${row_ids[@]}"; do
        for pipeline in 16 1; do
            printf '%s\n  {"row": "%s", "pipeline": %d, "median": %d, "rounds": [%s], "cpu_ns": %d}' \
                "$comma" "$row" "$pipeline" "${median_rate[$row.$pipeline]}" "$(of_rounds rate "$row.$pipeline" | paste -sd ,)" \
                "${median_cost[$row.$pipeline]}"
            comma=,
        done
    done
    comma=
    printf '],\n "bytes_per_key": ['
    for kind in "${kinds[@]}"; do
        for count in "${hit_counts[@]}"; do
            printf '%s\n  {"kind": "%s", "hits": %d, "bytes": %d, "beside": %d}' "$comma" "$kind" "$count" "${bytes[$kind.$count]}" "${beside[$kind]}"
            comma=,
        done
    done
    printf ']}\n'
}

main "$@"
