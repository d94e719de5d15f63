# shellcheck shell=bash disable=SC2154,SC2034 # set in bench.sh and lib.sh, or read by name
# The part of bench.sh about tokens: verification and rotation compared with GET and bare
# signatures, how rotation at full speed changes the latency of LW.RATELIMIT, and what a store of a
# million sessions takes. bench.sh sources this after shipping.sh.

algorithms=(RS256 EdDSA)
# By ALGORITHM.ROUND: requests a second of GET and of LW.VERIFY with a cached token, at pipeline 16;
# nanoseconds of the server's CPU for LW.VERIFY of a new token, and nanoseconds for a bare signature
# check; rotations and bare signatures a second; microseconds of latency without and during
# rotation.
declare -A got=() verified=() verify_ns=() bare_ns=() rotated=() signed=() rotate_p99_alone=() rotate_p99_beside=()
# By number of sessions in the store: bytes a session, and requests a second of LW.VERIFY.
declare -A session_bytes=() store_verified=()

token_load() { "${release_module%/*}/examples/token_load" "$@"; }

# measure_tokens ROUNDS SECONDS SESSIONS
measure_tokens() {
    local rounds=$1 seconds=$2 sessions=$3 round algorithm
    make_temp_dir
    openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "$temp_dir/RS256.pem" 2>/dev/null
    openssl genpkey -algorithm ed25519 -out "$temp_dir/EdDSA.pem"
    openssl rand -base64 48 >"$temp_dir/refresh.secret"
    for ((round = 0; round < rounds; round++)); do
        for algorithm in "${algorithms[@]}"; do
            note "tokens: round $((round + 1)) of $rounds, $algorithm"
            measure_algorithm "$algorithm" "$round" "$seconds"
        done
    done
    measure_store "$sessions"
}

# start_issuer ALGORITHM [WORD ...]: starts a server that issues tokens; the words come before the
# server's command line.
start_issuer() {
    local algorithm=$1
    shift
    start_server "$@" "$server" --loadmodule "$module" jwt-keys "$temp_dir/$algorithm.pem" \
        refresh-secret-file "$temp_dir/refresh.secret"
}

measure_algorithm() {
    local algorithm=$1 at=$1.$2 seconds=$3 tokens requests=400000
    if [[ $quick ]]; then requests=100000; fi
    read -r signed["$at"] bare_ns["$at"] <<<"$(token_load bare "$temp_dir/$algorithm.pem" 2)"
    # What runs on the main thread only is measured on a core of its own.
    start_issuer "$algorithm" taskset -c "$server_core"
    mapfile -t tokens < <(token_load fill "$server_port" auth 1000)
    cli SET value "$(head -c 600 /dev/zero | tr '\0' x)" >/dev/null
    got[$at]=$(load "$requests" 16 GET value)
    verified[$at]=$(load "$requests" 16 LW.VERIFY auth "${tokens[0]}")
    (($(info lockwatch_token_verify_refused_total) == 0)) || die "tokens: LW.VERIFY has refused a token"
    verify_ns[$at]=$(token_load verify "$server_port" auth 5000)
    stop_server
    # Rotation also uses the signing threads, so this server may use all cores.
    start_issuer "$algorithm"
    rotate_p99_alone[$at]=$(p99_of_ratelimit)
    rotated[$at]=$(token_load rotate "$server_port" 64 "$seconds")
    token_load rotate "$server_port" 64 "$((seconds * 2))" >/dev/null &
    started+=("$!")
    sleep 0.5
    rotate_p99_beside[$at]=$(p99_of_ratelimit)
    wait "$!" || die "tokens: a rotation has failed"
    (($(info lockwatch_token_rotate_refused_total) == 0)) || die "tokens: LW.ROTATE has refused a token"
    stop_server
}

measure_store() {
    local sessions tokens before requests=400000
    if [[ $quick ]]; then requests=100000; fi
    for sessions in 1000 "$1"; do
        note "tokens: a store of $sessions sessions"
        start_issuer EdDSA taskset -c "$server_core"
        cli LW.ISSUE warm up >/dev/null
        before=$(info used_memory)
        mapfile -t tokens < <(token_load fill "$server_port" auth "$sessions")
        session_bytes[$sessions]=$((($(info used_memory) - before) / sessions))
        store_verified[$sessions]=$(load "$requests" 16 LW.VERIFY auth "${tokens[0]}")
        stop_server
    done
    store_sessions=$1
}

# of ARRAY ALGORITHM: prints the median of the rounds.
of() {
    local -n values=$1
    local key
    for key in "${!values[@]}"; do if [[ $key == "$2".* ]]; then echo "${values[$key]}"; fi; done | median
}

token_table() {
    local algorithm
    printf '\n%-50s %10s %10s\n' "tokens, medians" "${algorithms[@]}"
    token_row "GET of 600 bytes, requests/s" got
    token_row "LW.VERIFY, a remembered token, requests/s" verified
    token_row "LW.VERIFY, a new token, CPU ns" verify_ns
    token_row "a bare signature's check, ns" bare_ns
    token_row "LW.ROTATE, 64 connections, rotations/s" rotated
    token_row "bare signatures by 2 threads, 1/s" signed
    token_row "p99 of LW.RATELIMIT alone, us" rotate_p99_alone
    token_row "p99 of LW.RATELIMIT beside LW.ROTATE, us" rotate_p99_beside
    printf '\n%-50s %10d %10d\n' "a store of so many sessions" 1000 "$store_sessions" \
        "used_memory a session, bytes" "${session_bytes[1000]}" "${session_bytes[$store_sessions]}" \
        "LW.VERIFY, a remembered token, requests/s" "${store_verified[1000]}" "${store_verified[$store_sessions]}"
    echo "Pipeline 16 where requests are; server, signing threads and load share the cores where rotations are."
}

token_row() { printf '%-50s %10d %10d\n' "$1" "$(of "$2" RS256)" "$(of "$2" EdDSA)"; }

token_targets() {
    local algorithm
    for algorithm in "${algorithms[@]}"; do
        is_at_least 0.40 "$algorithm: VERIFY remembered, of GET" "$(ratio "$(of verified "$algorithm")" "$(of got "$algorithm")")"
        is_at_most 2 "$algorithm: p99 of RATELIMIT beside ROTATE" \
            "$(ratio "$(of rotate_p99_beside "$algorithm")" "$(of rotate_p99_alone "$algorithm")")"
    done
    is_at_most 1.25 "RS256: VERIFY new, of a bare check" "$(ratio "$(of verify_ns RS256)" "$(of bare_ns RS256)")"
    is_at_least 0.80 "RS256: ROTATE, of bare signatures" "$(ratio "$(of rotated RS256)" "$(of signed RS256)")"
}
