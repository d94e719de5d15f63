#!/usr/bin/env bash
# Shows where the server's time goes during calls of LW.RATELIMIT: a table by part of the server, with the functions that
# take most of each. Needs perf (Debian: linux-perf), and the right to use it.
#
#   scripts/profile.sh                 LW.RATELIMIT on 100000 keys, admitted, 50 connections, pipeline 16
#   scripts/profile.sh COMMAND ...     another command; __rand_int__ in it stands for a number below 100000
#
# The server is redis-server, or $LOCKWATCH_SERVER.

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=scripts/load.sh
. scripts/load.sh

case ${1:-} in
    -h | --help) usage && exit ;;
    -*) die "unknown option '$1'; see --help" ;;
esac

seconds=5
# The clock of the CPU where there are no hardware counters, as in most virtual machines.
sampling=(-e cpu-clock -F 2999)

main() {
    local words=("$@") name
    if ((${#words[@]} == 0)); then words=(LW.RATELIMIT k:__rand_int__ 1000000000 60); fi
    command -v perf >/dev/null || die "there is no perf here; Debian has it in the package linux-perf"
    perf record --quiet "${sampling[@]}" --output /dev/null -- true 2>/dev/null ||
        die "perf may not be used here: try as root, or set kernel.perf_event_paranoid to 1"
    # shellcheck source=scripts/setup.sh
    . scripts/setup.sh
    cargo build --release --locked --quiet
    choose_cores
    start_server taskset -c "$server_core" "${LOCKWATCH_SERVER:-redis-server}" --loadmodule "$release_module"
    fill 1 LW.RATELIMIT k:%012d 1000000000 60
    name=$(server_name)
    record "${words[@]}"
    echo "${words[*]}"
    echo "$name, $clients connections, pipeline 16: $calls calls in $seconds s; the share of each part, and its functions"
    echo
    perf report --input "$temp_dir/perf.data" --stdio --no-children --sort dso,symbol --field-separator '|' 2>/dev/null |
        report
}

# Sets calls: how many there were while perf looked.
record() {
    local load_pid
    load 100000000 16 "$@" >/dev/null &
    load_pid=$!
    sleep 1
    calls=$(info total_commands_processed)
    perf record --quiet "${sampling[@]}" --pid "$server_pid" --output "$temp_dir/perf.data" -- sleep "$seconds" 2>/dev/null
    calls=$(($(info total_commands_processed) - calls))
    # The load ends with the server.
    stop_server
    wait "$load_pid" || true
}

# Sorts perf's lines into parts. The rest of the server's own functions are its protocol and command handling.
report() {
    awk -F '|' '
        function part(object, symbol) {
            if (object ~ /liblockwatch/) return "lockwatch"
            if (object ~ /kernel/ || symbol ~ /^\[k\]/) return "kernel: sockets, TCP, system calls"
            if (object ~ /vdso/) return "reading the clock"
            sub(/^\[.\] /, "", symbol)
            if (object ~ /jemalloc/ || symbol ~ /^(z|je_|sdsalloc|_?sdsnew|sdsfree|tryfree|freeObj|createObj|createEmbedded|createString|decrRef|incrRef)/)
                return "allocator and objects"
            if (symbol ~ /^(RM_|module|RedisModule|autoMemory)/) return "module API"
            if (symbol ~ /^(siphash_nocase|dictSdsCase|dictSdsKeyCase)/) return "server: protocol, commands, replies"
            if (symbol ~ /^(dict|_dict|lookupKey|db|kvstore|hashtable|siphash|expire|keyIs|getExpire|setExpire|removeExpire|getKeySlot|keyHash|setKey|signal|touch|LFU|LRU|estimate|updateLFU|sdscmp|entry|find|bucket)/)
                return "the key: hash table, expiry"
            if (object ~ /^ *(libc|libm|ld-)/) return "C library"
            return "server: protocol, commands, replies"
        }
        /^#/ || NF < 3 { next }
        {
            share = $1 + 0
            object = $2
            symbol = $3
            sub(/ +$/, "", symbol)
            if (share <= 0) next
            name = part(object, symbol)
            sum[name] += share
            if (symbol !~ /0x0000/ && shown[name]++ < 4) {
                sub(/^\[.\] /, "", symbol)
                # <a::b::Type as c::Trait>::method becomes Type::method.
                sub(/^.*<impl /, "", symbol)
                sub(/ as [^>]*>/, "", symbol)
                gsub(/[<>]/, "", symbol)
                while (symbol ~ /^[a-z_]+::[A-Za-z_]+::/) sub(/^[a-z_]+::/, "", symbol)
                functions[name] = functions[name] (shown[name] > 1 ? ", " : "") symbol sprintf(" %.1f", share)
            }
        }
        END { for (name in sum) printf "%.1f|%s|%s\n", sum[name], name, functions[name] }
    ' | sort -t '|' -rn | awk -F '|' '{ printf "%5.1f %%  %-36s %s\n", $1, $2, $3 }'
}

main "$@"
