#!/usr/bin/env bash
# Shows where the server's time goes, or counts its instructions.
#
#   scripts/profile.sh                   samples LW.RATELIMIT, admitted, on 100000 keys: the share of
#                                        each part of the server, and its functions
#   scripts/profile.sh COMMAND ...       samples another command; __rand_int__ in it becomes a number
#                                        below 100000
#   scripts/profile.sh --instructions    prints the instructions for a call of LW.RATELIMIT, admitted
#                                        and denied on 10000 keys and admitted on one hot key, of
#                                        LW.BURST on 10000 keys, of LW.AUDIT, of the commands of a
#                                        guard for 10000 users, each at an address, and of GET
#   scripts/profile.sh --instructions CASE ...
#                                        only some of: admitted denied hot burst audit attempt
#                                        failure success check get
#   scripts/profile.sh --module PATH     with another build of the module; --instructions takes it
#                                        more than once and prints the builds side by side
#
# Sampling uses perf and needs the right to. Instructions are counted by callgrind, for the whole
# server, for the command's handler with everything that it calls, and for the module's own code.
# The clock and random seeds are replaced (deterministic.c), so that the counts of a build hardly
# differ between runs: by 0.01 % for handler and module, and by 0.2 % for the whole server. Both
# install what is missing, unless LOCKWATCH_NO_INSTALL=1 is set (scripts/setup.sh).
#
# The server is redis-server, or $LOCKWATCH_SERVER.

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=scripts/load.sh
. scripts/load.sh
# shellcheck source=scripts/setup.sh
. scripts/setup.sh

server=${LOCKWATCH_SERVER:-redis-server}
modules=()
instructions=
while (($# > 0)); do
    case $1 in
        --instructions) instructions=1 ;;
        --module)
            [[ -e ${2:-} ]] || die "--module needs the path of a build of the module"
            modules+=("$(realpath "$2")")
            shift
            ;;
        -h | --help) usage && exit ;;
        -*) die "unknown option '$1'; see --help" ;;
        *) break ;;
    esac
    shift
done

seconds=5
# The CPU clock works without hardware counters, which most virtual machines lack.
sampling=(-e cpu-clock -F 2999)

main() {
    if [[ $instructions ]]; then set_up build valgrind; else set_up build perf; fi
    if ((${#modules[@]} == 0)); then
        modules=("$release_module")
        cargo build --release --locked --quiet
    fi
    if [[ $instructions ]]; then
        if (($# > 0)); then cases=("$@"); fi
        count_instructions
    else
        sample "$@"
    fi
}

sample() {
    local words=("$@") name
    if ((${#words[@]} == 0)); then words=(LW.RATELIMIT k:__rand_int__ 1000000000 60); fi
    perf record --quiet "${sampling[@]}" --output /dev/null -- true 2>/dev/null ||
        die "perf may not be used here: try as root, or set kernel.perf_event_paranoid to 1"
    choose_cores
    start_server taskset -c "$server_core" "$server" --loadmodule "${modules[0]}"
    fill 1 LW.RATELIMIT k:%012d 1000000000 60
    name=$(server_name)
    record "${words[@]}"
    echo "${words[*]}"
    echo "$name, $clients connections, pipeline 16: $calls calls in $seconds s; the share of each part, and its functions"
    echo
    perf report --input "$temp_dir/perf.data" --stdio --no-children --sort dso,symbol --field-separator '|' 2>/dev/null |
        report
}

cases=(admitted denied hot burst audit attempt failure success check get)
# The arguments of calls.pl that prepare the keys, and those of the calls that are counted.
declare -A prepared=(
    [admitted]="10000 10000 LW.RATELIMIT k:%d 1000000000 60"
    [denied]="100000 10000 LW.RATELIMIT k:%d 10 3600"
    [hot]="1000 1 LW.RATELIMIT hot 1000000000 60"
    [burst]="10000 10000 LW.BURST k:%d 1000000000 60"
    [audit]="1000 1000 LW.AUDIT USER user:%d METHOD GET ENDPOINT /api/v1/items STATUS 200"
    [attempt]="10000 10000 LW.ATTEMPT login IP %i USER user-%d"
    [failure]="10000 10000 LW.EVENT login failure IP %i USER user-%d"
    [success]="10000 10000 LW.EVENT login success IP %i USER user-%d"
    [check]="10000 10000 LW.ATTEMPT login IP %i USER user-%d"
    [get]="10000 10000 SET k:%d some-value"
)
declare -A counted=(
    [admitted]="20000 10000 LW.RATELIMIT k:%d 1000000000 60"
    [denied]="20000 10000 LW.RATELIMIT k:%d 10 3600"
    [hot]="20000 1 LW.RATELIMIT hot 1000000000 60"
    [burst]="20000 10000 LW.BURST k:%d 1000000000 60"
    [audit]="20000 1000 LW.AUDIT USER user:%d METHOD GET ENDPOINT /api/v1/items STATUS 200"
    [attempt]="20000 10000 LW.ATTEMPT login IP %i USER user-%d"
    [failure]="20000 10000 LW.EVENT login failure IP %i USER user-%d"
    [success]="20000 10000 LW.EVENT login success IP %i USER user-%d"
    [check]="20000 10000 LW.CHECK login IP %i USER user-%d"
    [get]="20000 10000 GET k:%d"
)
# Instructions for a call, by BUILD.CASE: of the server, of the handler with what it calls, and of
# the module's own code.
declare -A whole=() handler=() own=()

count_instructions() {
    local build case name
    # The server would not act on SIGTERM: it does so from a timer, and its clock stands still while
    # it is idle.
    stop() { kill -s KILL "$1" 2>/dev/null || true; }
    make_temp_dir
    cc -O2 -shared -fPIC -o "$temp_dir/deterministic.so" scripts/deterministic.c || die "could not build deterministic.c"
    for build in "${!modules[@]}"; do
        for case in "${cases[@]}"; do
            note "counting: ${modules[build]}, $case"
            count "$build" "$case"
        done
    done
    echo "$name, instructions for a call; ${0##*/} --help lists the cases. The builds:"
    for build in "${!modules[@]}"; do echo "  $((build + 1)): ${modules[build]}"; done
    printf '\n%-42s' ""
    for build in "${!modules[@]}"; do printf ' %9s' "build $((build + 1))"; done
    printf ' %11s\n' "last/first"
    for case in "${cases[@]}"; do
        instruction_row "$case: the whole server" whole "$case"
        instruction_row "$case: the handler and what it calls" handler "$case"
        instruction_row "$case: the module's own code" own "$case"
    done
}

# count BUILD CASE: runs the calls of a case with one build. Fills whole, handler and own, and sets
# name.
# shellcheck disable=SC2034 # instruction_row reads the results by name
count() {
    local at=$1.$2 out calls=${counted[$2]%% *} denied expected=0
    if [[ $2 == denied ]]; then expected=$calls; fi
    start_server env LD_PRELOAD="$temp_dir/deterministic.so" valgrind --tool=callgrind --instr-atstart=no \
        --callgrind-out-file="$temp_dir/callgrind.$at" "$server" --hz 1 --dynamic-hz no --loadmodule "${modules[$1]}"
    name=$(server_name)
    # shellcheck disable=SC2086 # words on purpose
    {
        scripts/calls.pl "$server_port" ${prepared[$2]}
        callgrind_control -i on "$server_pid"
        # Callgrind translates code when it first runs.
        scripts/calls.pl "$server_port" ${counted[$2]}
        denied=$(info lockwatch_ratelimit_denied_total)
        callgrind_control -z "$server_pid"
        scripts/calls.pl "$server_port" ${counted[$2]}
        callgrind_control -d "$server_pid"
    } >/dev/null 2>"$temp_dir/errors" || die "the calls failed: $(cat "$temp_dir/errors")"
    denied=$(($(info lockwatch_ratelimit_denied_total) - denied))
    ((denied == expected)) || die "$2: $denied of $calls calls were denied instead of $expected"
    stop "$server_pid"
    wait "$server_pid" 2>/dev/null || true
    out=$temp_dir/callgrind.$at.1
    [[ -s $out ]] || die "callgrind wrote nothing: $(tail -n 5 "$server_dir/log")"
    whole[$at]=$(($(sed -n 's/^summary: //p' "$out") / calls))
    # The servers name it RedisModuleCommandDispatcher and ValkeyModuleCommandDispatcher.
    handler[$at]=$(($(callgrind_annotate --inclusive=yes "$out" | annotated ModuleCommandDispatcher) / calls))
    own[$at]=$(($(callgrind_annotate --threshold=100 "$out" | annotated "[${modules[$1]}]") / calls))
}

# annotated TEXT: sums the counts of the lines with TEXT in callgrind_annotate's output.
annotated() {
    awk -v text="$1" '/^ *[0-9,]+ \(/ && index($0, text) { gsub(",", "", $1); sum += $1 } END { printf "%d", sum }'
}

# instruction_row LABEL ARRAY CASE
instruction_row() {
    local -n values=$2
    local build
    printf '%-42s' "$1"
    for build in "${!modules[@]}"; do printf ' %9d' "${values[$build.$3]}"; done
    awk -v last="${values[$build.$3]}" -v first="${values[0.$3]}" 'BEGIN { printf " %11.4f\n", first ? last / first : 0 }'
}

# record COMMAND ...: samples the server during a load of COMMAND. Sets calls to their number.
record() {
    local load_pid
    load 100000000 16 "$@" >/dev/null &
    load_pid=$!
    sleep 1
    calls=$(info total_commands_processed)
    perf record --quiet "${sampling[@]}" --pid "$server_pid" --output "$temp_dir/perf.data" -- sleep "$seconds" 2>/dev/null
    calls=$(($(info total_commands_processed) - calls))
    # redis-benchmark ends when the server does.
    stop_server
    wait "$load_pid" || true
}

# Groups perf's lines by part of the server. Functions that match no other part count as protocol
# and command handling.
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
