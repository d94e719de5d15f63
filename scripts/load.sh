# shellcheck shell=bash disable=SC2154 # lib.sh sets the other variables
# What bench.sh and profile.sh share: a core each for server and load, filling the keys, and the
# load itself. They source this after lib.sh.

keys=100000
clients=50

# Sets server_core and load_core to the first two cores that this process may use.
choose_cores() {
    local cores
    mapfile -t cores < <(sed -n 's/^Cpus_allowed_list:\s*//p' /proc/self/status | tr ',' '\n' |
        while IFS=- read -r first last; do seq "$first" "${last:-$first}"; done)
    server_core=${cores[0]}
    load_core=${cores[1]:-$server_core}
    if ((${#cores[@]} < 2)); then note "server and load share the only core"; fi
}

# fill TIMES COMMAND: calls it TIMES times for every key, whose number replaces %012d.
fill() {
    local times=$1 answer
    shift
    answer=$(awk -v times="$times" -v keys="$keys" -v command="$*" 'BEGIN {
        for (time = 0; time < times; time++) for (key = 0; key < keys; key++) printf command "\r\n", key
    }' | cli --pipe 2>&1) || die "could not make the keys: $answer"
}

# load REQUESTS PIPELINE COMMAND: calls it REQUESTS times with the number of a random key for
# __rand_int__. Prints requests a second.
load() {
    taskset -c "$load_core" redis-benchmark -p "$server_port" -c "$clients" -r "$keys" -n "$1" -P "$2" --csv "${@:3}" \
        2>/dev/null | tail -n 1 | cut -d '"' -f 4 | cut -d . -f 1
}
