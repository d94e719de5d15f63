#!/usr/bin/env bash
# Measures what the capacity model needs (docs/guides/operate/size.md) on one server, and checks the
# model against a cluster: three primaries with a replica each, under a mix of calls. Prints tables
# in Markdown. Takes about a minute on an idle machine with two cores.
#
#   scripts/capacity.sh                 with redis-server and the release build
#   scripts/capacity.sh --server PATH   with another server: Redis 7.0 or later, or Valkey
#   scripts/capacity.sh --module PATH   with another build of the module
#   scripts/capacity.sh --rounds N      measures the cluster N times (3)
#   scripts/capacity.sh --no-postgres   leaves shipping out
#
# All servers share the machine's cores with the load and whatever else runs, so the tables show the
# CPU time of the servers and no calls a second of wall time. Compare the ratios.

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=scripts/load.sh
. scripts/load.sh

server=redis-server
module=$release_module
rounds=3
with_postgres=1
keys=60000
calls=200000
# In the cluster: random numbers for each of the 16384 slots.
keys_per_slot=6

audit_call=(LW.AUDIT USER user:42 IP 203.0.113.9 METHOD GET ENDPOINT /api/v1/items STATUS 200 LATENCY 12.345ms)
# Of 28 bytes on the single server, and of 22 in the cluster, where redis-benchmark replaces {tag}.
single_key='lw:{ip:__rand_int__}:default' single_length=28
cluster_key='api:{tag}:__rand_int__' cluster_length=22

# By kind of call (admitted, denied, burst, audit): CPU in nanoseconds with pipelines of 16 and 1,
# bytes in the AOF, bytes of the replication stream, and the replica's CPU in nanoseconds.
declare -A cpu16 cpu1 aof stream replica_cpu
# Bytes of used_memory: of a key with one hit, of each further hit, of a burst key, of an event.
declare -A memory

main() {
    read_options "$@"
    [[ -e $module ]] || die "there is no $module: cargo build --release"
    has_programs redis-benchmark redis-cli
    make_temp_dir
    server_options=(--save '' --appendonly yes --appendfsync everysec --auto-aof-rewrite-percentage 0)
    measure_units
    measure_cluster
    print_units
    print_check
}

read_options() {
    while (($# > 0)); do
        case $1 in
            --server | --module | --rounds)
                [[ ${2:-} ]] || die "$1 needs a value"
                printf -v "${1#--}" '%s' "$2"
                shift
                ;;
            --no-postgres) with_postgres= ;;
            -h | --help) usage && exit ;;
            *) die "unknown argument '$1'; see --help" ;;
        esac
        shift
    done
}

has_programs() {
    local program
    for program; do
        command -v "$program" >/dev/null || die "needs $program"
    done
}

# probe PORT ...: prints sums over these servers: CPU in microseconds, bytes of the AOF, of the
# replication stream and of memory without buffers, and calls of each kind.
probe() {
    local port
    for port; do redis-cli -p "$port" INFO everything; done | tr -d '\r' | awk -F : '
        { sum[$1] += $2 }
        END {
            printf "%d ", (sum["used_cpu_sys"] + sum["used_cpu_user"]) * 1000000
            printf "%d %d ", sum["aof_current_size"], sum["master_repl_offset"]
            printf "%d ", sum["used_memory"] - sum["mem_clients_normal"] - sum["mem_aof_buffer"] - \
                sum["mem_total_replication_buffers"]
            denied = sum["lockwatch_ratelimit_denied_total"]
            printf "%d %d ", sum["lockwatch_ratelimit_calls_total"] - denied, denied
            printf "%d %d %d\n", sum["lockwatch_burst_calls_total"], sum["lockwatch_audit_appended_total"], sum["lockwatch_audit_bytes"]
        }'
}

# Sets `change` to the difference of two probes, field by field.
set_change() {
    local i before after
    read -ra before <<<"$1"
    read -ra after <<<"$2"
    change=()
    for i in "${!after[@]}"; do change[i]=$((after[i] - before[i])); done
}

# await_replica PORT PORT: waits until the replica at the second port has what the primary has.
await_replica() {
    local deadline=$((SECONDS + 30))
    until [[ $(field "$2" master_link_status) == up && $(field "$1" master_repl_offset) == "$(field "$2" master_repl_offset)" ]]; do
        ((SECONDS < deadline)) || die "the replica on port $2 does not follow"
        sleep 0.1
    done
}

# field PORT NAME
field() {
    local server_port=$1
    info "$2"
}

# bench PIPELINE CALLS WORD ...: sends calls to the single server.
bench() {
    redis-benchmark -p "$primary" -c "$clients" -P "$1" -n "$2" -r "$keys" -q "${@:3}" >/dev/null 2>&1
}

# measure_units: the model's numbers, from one server with a replica.
measure_units() {
    note "one server with a replica: $calls calls of each kind"
    start_server "$server" --loadmodule "$module" audit-max-events 10000000 audit-max-bytes 4gb
    primary=$server_port unit_name="$(server_name), module $(info lockwatch_version)"
    start_server "$server" --loadmodule "$module" audit-max-events 10000000 audit-max-bytes 4gb
    replica=$server_port
    cli REPLICAOF 127.0.0.1 "$primary" >/dev/null
    await_replica "$primary" "$replica"
    server_port=$primary
    measure_memory
    measure_kind admitted LW.RATELIMIT "$single_key" 1000000000 600
    measure_kind denied LW.RATELIMIT "$single_key" 1 600
    measure_kind burst LW.BURST "lw:{ip:__rand_int__}:burst" 50 600 ENDPOINT /api/v1/items
    measure_kind audit "${audit_call[@]}"
    if [[ $with_postgres ]]; then measure_shipping; fi
    redis-cli -p "$replica" SHUTDOWN NOSAVE
    redis-cli -p "$primary" SHUTDOWN NOSAVE
}

measure_memory() {
    local before after further=10
    before=$(probe "$primary")
    fill 1 LW.RATELIMIT 'lw:{ip:%012d}:default' 1000000000 600
    after=$(settled_probe)
    set_change "$before" "$after"
    memory[key]=$((change[3] / keys))
    before=$after
    fill $further LW.RATELIMIT 'lw:{ip:%012d}:default' 1000000000 600
    after=$(settled_probe)
    set_change "$before" "$after"
    memory[hit]=$(awk -v bytes="${change[3]}" -v hits=$((keys * further)) 'BEGIN { printf "%.2f", bytes / hits }')
    fill 1 LW.BURST 'lw:{ip:%012d}:burst' 50 600 ENDPOINT /api/v1/items
    set_change "$after" "$(settled_probe)"
    memory[burst]=$((change[3] / keys))
}

# A probe after the clients of the load are gone and the replica has everything.
settled_probe() {
    await_replica "$primary" "$replica"
    probe "$primary"
}

# measure_kind KIND WORD ...
measure_kind() {
    local kind=$1 before after replica_before pipeline index
    local -A index_of=([admitted]=4 [denied]=5 [burst]=6 [audit]=7)
    index=${index_of[$kind]}
    for pipeline in 1 16; do
        replica_before=$(probe "$replica")
        before=$(settled_probe)
        bench "$pipeline" $((pipeline == 1 ? calls / 4 : calls)) "${@:2}"
        after=$(settled_probe)
        set_change "$before" "$after"
        ((change[index] > 0)) || die "no call of the kind $kind was counted"
        if ((pipeline == 1)); then
            cpu1[$kind]=$((change[0] * 1000 / change[index]))
            continue
        fi
        cpu16[$kind]=$((change[0] * 1000 / change[index]))
        aof[$kind]=$((change[1] / change[index]))
        stream[$kind]=$((change[2] / change[index]))
        if [[ $kind == audit ]]; then
            memory[event]=$((change[3] / change[index]))
            memory[journal]=$((change[8] / change[index]))
        fi
        local of_call=${change[index]}
        set_change "$replica_before" "$(probe "$replica")"
        replica_cpu[$kind]=$((change[0] * 1000 / of_call))
    done
}

# Ships the events of measure_kind.
measure_shipping() {
    local began took lsn before
    start_postgres max_wal_size=4GB shared_buffers=256MB checkpoint_timeout=1h
    lsn=$(sql lockwatch 'SELECT pg_current_wal_lsn()')
    before=$(probe "$primary")
    began=${EPOCHREALTIME/[^0-9]/}
    redis-cli -p "$primary" CONFIG SET lockwatch.postgres-url-file "$postgres_url_file" >/dev/null
    await_shipped
    took=$((${EPOCHREALTIME/[^0-9]/} - began))
    set_change "$before" "$(probe "$primary")"
    rows=$(sql lockwatch 'SELECT count(*) FROM lockwatch_audit_log')
    shipped_rate=$((rows * 1000000 / took))
    shipping_cpu=$((change[0] * 1000 / rows))
    wal_bytes=$(($(sql lockwatch "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '$lsn')::bigint") / rows))
    row_bytes=$(bytes_a_row)
}

# Prints the bytes that a row takes with its indexes.
bytes_a_row() {
    sql lockwatch "SELECT (sum(pg_total_relation_size(inhrelid)) / (SELECT count(*) FROM lockwatch_audit_log))::bigint
        FROM pg_inherits WHERE inhparent = 'lockwatch_audit_log'::regclass"
}

primaries=()
replicas=()

measure_cluster() {
    local i nodes=() round
    note "a cluster of three primaries with a replica each: $rounds round(s) of mixed calls"
    for ((i = 0; i < 6; i++)); do
        start_server "$server" --loadmodule "$module" audit-max-events 10000000 audit-max-bytes 4gb --cluster-enabled yes
        nodes+=("127.0.0.1:$server_port")
    done
    redis-cli --cluster create "${nodes[@]}" --cluster-replicas 1 --cluster-yes >"$temp_dir/create" || {
        tail -n 20 "$temp_dir/create" >&2
        die "the cluster was not made"
    }
    find_roles "${nodes[@]}"
    for ((round = 0; round < rounds; round++)); do cluster_round "$round"; done
}

# Sets `primaries` and `replicas`, in the same order, once all follow.
find_roles() {
    local node port deadline=$((SECONDS + 30))
    while :; do
        primaries=() replicas=()
        for node; do
            port=${node#*:}
            if [[ $(field "$port" role) == slave && $(field "$port" master_link_status) == up ]]; then
                replicas+=("$port")
                primaries+=("$(field "$port" master_port)")
            fi
        done
        if ((${#replicas[@]} == 3)) && all_ok "$@"; then return; fi
        ((SECONDS < deadline)) || die "the cluster is not complete"
        sleep 0.2
    done
}

all_ok() {
    local node
    for node; do
        [[ $(redis-cli -p "${node#*:}" CLUSTER INFO | tr -d '\r' | sed -n 's/^cluster_state://p') == ok ]] || return 1
    done
}

# cluster_bench CALLS WORD ...
cluster_bench() {
    redis-benchmark -p "${primaries[0]}" --cluster -c "$clients" -P 16 -n "$1" -r "$keys_per_slot" -q "${@:2}" >/dev/null 2>&1
}

# Fields of the probes of each round, whose medians count.
measured=()
predicted=()

cluster_round() {
    local before after replicas_before pids=() pid i keys_before keys_after
    cluster_settle
    keys_before=$(cluster_keys)
    replicas_before=$(probe "${replicas[@]}")
    before=$(probe "${primaries[@]}")
    cluster_bench $((calls * 8 / 10)) LW.RATELIMIT "$cluster_key" 1000000000 600 & pids+=($!)
    cluster_bench $((calls * 2 / 10)) LW.RATELIMIT "$cluster_key" 1 600 & pids+=($!)
    cluster_bench "$calls" LW.BURST "$cluster_key:b" 50 600 ENDPOINT /api/v1/items & pids+=($!)
    cluster_bench "$calls" "${audit_call[@]}" & pids+=($!)
    for pid in "${pids[@]}"; do wait "$pid" || die "redis-benchmark failed"; done
    cluster_settle
    after=$(probe "${primaries[@]}")
    keys_after=$(cluster_keys)
    set_change "$before" "$after"
    local now=("${change[@]}")
    set_change "$replicas_before" "$(probe "${replicas[@]}")"
    measured[$1]="$((now[0] / 1000)) $((change[0] / 1000)) ${now[1]} ${now[2]} ${now[3]} ${now[8]}"
    predicted[$1]=$(predict "${now[@]:4:4}" $((${keys_after% *} - ${keys_before% *})) $((${keys_after#* } - ${keys_before#* })))
}

cluster_settle() {
    local i
    for i in "${!primaries[@]}"; do await_replica "${primaries[i]}" "${replicas[i]}"; done
}

# Prints the number of window keys and of burst keys.
cluster_keys() {
    local port sum=0 bursts=0
    for port in "${primaries[@]}"; do
        sum=$((sum + $(redis-cli -p "$port" DBSIZE)))
        bursts=$((bursts + $(redis-cli -p "$port" --scan --pattern '*:b' | wc -l)))
    done
    echo "$((sum - bursts)) $bursts"
}

# predict ADMITTED DENIED BURSTS EVENTS WINDOW_KEYS BURST_KEYS: prints what the model says, in the
# order of `measured`. A byte less of the key is a byte less in memory, AOF and stream.
predict() {
    local kind i=0 cpu=0 replica=0 bytes=0 sent=0 shorter=$((single_length - cluster_length)) counts=("$@")
    for kind in admitted denied burst audit; do
        cpu=$((cpu + counts[i] * cpu16[$kind]))
        replica=$((replica + counts[i] * replica_cpu[$kind]))
        bytes=$((bytes + counts[i] * aof[$kind]))
        sent=$((sent + counts[i] * stream[$kind]))
        i=$((i + 1))
    done
    # `lw:{ip:…}:burst` has 26 bytes and `api:{tag}:…:b` 24.
    bytes=$((bytes - counts[0] * shorter - counts[2] * 2))
    sent=$((sent - counts[0] * shorter - counts[2] * 2))
    local used
    used=$(awk -v keys="$5" -v bursts="$6" -v hits=$((counts[0] - $5)) -v events="${counts[3]}" -v burst_hits=$((counts[2] - $6)) \
        -v key="${memory[key]}" -v hit="${memory[hit]}" -v burst="${memory[burst]}" -v event="${memory[event]}" -v shorter="$shorter" \
        'BEGIN { printf "%d", keys * (key - shorter) + hits * hit + bursts * (burst - 2) + burst_hits * hit + events * event }')
    echo "$((cpu / 1000000)) $((replica / 1000000)) $bytes $sent $used $((counts[3] * memory[journal]))"
}

print_units() {
    local kind
    declare -A label=(
        [admitted]="LW.RATELIMIT, admitted" [denied]="LW.RATELIMIT, denied" [burst]="LW.BURST, no burst" [audit]="LW.AUDIT"
    )
    echo "$unit_name, $(nproc) cores shared with the load"
    echo
    echo "| call | CPU us, pipeline 16 | CPU us, pipeline 1 | calls/s a core, 16 | calls/s a core, 1 | AOF bytes | stream bytes | replica CPU us |"
    echo "|---|---|---|---|---|---|---|---|"
    for kind in admitted denied burst audit; do
        awk -v label="${label[$kind]}" -v a="${cpu16[$kind]}" -v b="${cpu1[$kind]}" -v aof="${aof[$kind]}" -v stream="${stream[$kind]}" \
            -v replica="${replica_cpu[$kind]}" 'BEGIN { printf "| %s | %.2f | %.2f | %d | %d | %d | %d | %.2f |\n",
                label, a / 1000, b / 1000, 1e9 / a, 1e9 / b, aof, stream, replica / 1000 }'
    done
    echo
    echo "| memory | bytes |"
    echo "|---|---|"
    echo "| a window key with one hit, name of $single_length bytes | ${memory[key]} |"
    echo "| each further hit | ${memory[hit]} |"
    echo "| a burst key with one hit, name of 26 bytes | ${memory[burst]} |"
    echo "| an event in the journal, by used_memory | ${memory[event]} |"
    echo "| an event in the journal, by lockwatch_audit_bytes | ${memory[journal]} |"
    if [[ $with_postgres ]]; then
        echo
        echo "| Postgres | |"
        echo "|---|---|"
        echo "| events shipped a second, one server | $shipped_rate |"
        echo "| CPU of the server for an event that is shipped, us | $(awk -v n="$shipping_cpu" 'BEGIN { printf "%.2f", n / 1000 }') |"
        echo "| bytes of a row with its indexes | $row_bytes |"
        echo "| bytes of WAL for a row | $wal_bytes |"
    fi
}

print_check() {
    local labels=("CPU of the primaries, ms" "CPU of the replicas, ms" "AOF, bytes" "replication stream, bytes" "used_memory, bytes" "journal, bytes")
    local i round
    echo
    echo "| three primaries, $rounds round(s) of $calls requests | model | measured | measured / model |"
    echo "|---|---|---|---|"
    for i in "${!labels[@]}"; do
        # Medians by the ratio.
        for ((round = 0; round < rounds; round++)); do
            read -ra said <<<"${predicted[round]}"
            read -ra was <<<"${measured[round]}"
            echo "${said[i]} ${was[i]}"
        done | awk '{ print $2 / $1, $1, $2 }' | sort -n | awk -v label="${labels[i]}" '
            { row[NR] = $0 }
            END { split(row[int((NR + 1) / 2)], f, " "); split(row[1], low, " "); split(row[NR], high, " ")
                  printf "| %s | %d | %d | %.2f (%.2f to %.2f) |\n", label, f[2], f[3], f[1], low[1], high[1] }'
    done
}

main "$@"
