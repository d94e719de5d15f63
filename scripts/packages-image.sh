# shellcheck shell=bash
# The container image, which scripts/packages.sh tries on stand-ins for the official images, since
# the registry cannot be reached from everywhere.
#
# shellcheck disable=SC2154 # variables of packages.sh, packages-debian.sh and lib.sh

# Prints the name of the image. Uses docker, podman or buildah.
build_image() {
    local context=$temp_dir/context tool format=()
    for tool in docker podman buildah; do
        if "$tool" info >/dev/null 2>&1; then break; fi
    done
    "$tool" info >/dev/null 2>&1 || die "needs docker, podman or buildah, and the daemon of docker"
    # The other format has no health check.
    if [[ $tool != docker ]]; then format=(--format docker); fi
    write_context "$context"
    "$tool" build "${format[@]}" --file packaging/container/Dockerfile "${build_arguments[@]}" \
        ${LOCKWATCH_BASE:+--build-arg BASE="$LOCKWATCH_BASE"} --tag lockwatch:latest --tag "lockwatch:$crate_version" "$context" >&2
    echo "lockwatch:$crate_version"
}

# Where the Dockerfile finds in the directory of write_context what it copies.
build_arguments=(--build-arg MODULE=liblockwatch.so --build-arg PROGRAM=lockwatch --build-arg LICENCES=licences)

# write_context DIR: what the Dockerfile copies, without symbols.
write_context() {
    collect_licences
    mkdir -p "$1/packaging/container" "$1/licences"
    cp "$module" "$1/liblockwatch.so"
    cp "$program" "$1/lockwatch"
    cp LICENSE "$licences" "$1/licences/"
    cp packaging/container/lockwatch-* "$1/packaging/container/"
}

check_image() {
    check_entrypoint </dev/null
    check_healthcheck
    can_enter_roots "container image" || return 0
    make_debian
    write_buildah_files
    write_context "$temp_dir/context"
    make_base
    try_image docker.io/library/redis:8 redis
    try_image docker.io/valkey/valkey:8 valkey
    bud rmi --all --force >/dev/null
    [[ ! $(bud images --quiet) ]] || die "images are left: $(bud images)"
}

# Checks which words the entrypoint passes on, with a base image's entrypoint that prints them and
# its standard input.
check_entrypoint() {
    local dir=$temp_dir/entrypoint added=" --loadmodule /usr/lib/redis/modules/liblockwatch.so"
    mkdir "$dir"
    printf '#!/bin/sh\necho "$*"\ncat\n' >"$dir/docker-entrypoint.sh"
    chmod +x "$dir/docker-entrypoint.sh"
    echo "loadmodule liblockwatch.so" >"$dir/loads.conf"
    expect_words "redis-server$added"
    expect_words "redis-server --appendonly yes$added" --appendonly yes
    expect_words "redis-server --dir /data$added" redis-server --dir /data
    expect_words "redis-server -$added"$'\n'"port 7000" - <<<"port 7000"
    expect_words "redis-server$added x 1" "redis-server" --loadmodule "${added##* }" x 1
    expect_words "redis-server $dir/loads.conf" "$dir/loads.conf"
    expect_words "sh -c true" sh -c true
}

# Checks that the health check asks the server at the address where that listens.
check_healthcheck() {
    local port
    port=$(free_port)
    expect_healthy --port "$port"
    expect_healthy --port "$port" --bind 127.0.0.2 --requirepass secret
    expect_healthy --port "$port" --bind '*' '-::*'
    expect_healthy --port "$port" --bind -127.0.0.2 127.0.0.1
    expect_healthy --port 0 --unixsocket "$temp_dir/healthcheck.socket"
    expect_unhealthy $$
}

# expect_healthy OPTION ...: the health check finds a server with these options healthy, unless it
# hangs or has ended.
expect_healthy() {
    local pid deadline=$((SECONDS + 20))
    redis-server --dir "$temp_dir" --save '' "$@" >"$temp_dir/healthcheck.log" 2>&1 </dev/null &
    pid=$!
    started+=("$pid")
    until sh packaging/container/lockwatch-healthcheck "$pid" >"$temp_dir/healthcheck.out"; do
        if ! kill -0 "$pid" 2>/dev/null || ((SECONDS >= deadline)); then
            cat "$temp_dir/healthcheck.log" >&2
            die "the health check does not find the server with $*: $(<"$temp_dir/healthcheck.out")"
        fi
        sleep 0.05
    done
    kill -STOP "$pid"
    expect_unhealthy "$pid"
    kill -CONT "$pid"
    kill "$pid"
    wait "$pid" || die "the server with $* ended with $?"
    expect_unhealthy "$pid"
}

# expect_unhealthy PID: the health check fails, or takes longer than it may.
expect_unhealthy() {
    if timeout 1 sh packaging/container/lockwatch-healthcheck "$1" >/dev/null 2>&1; then
        die "the health check takes process $1 for a server that answers"
    fi
}

# expect_words WORDS [ARGUMENT ...]: what the entrypoint passes on, and that it prints nothing else.
expect_words() {
    local words
    words=$(PATH=$temp_dir/entrypoint:$bare_path sh packaging/container/lockwatch-entrypoint "${@:2}" 2>&1)
    [[ $words == "$1" ]] || die "the entrypoint makes of '${*:2}': $words"
}

# bud COMMAND [ARGUMENT ...]: buildah with a storage of its own, without a registry.
bud() {
    buildah --root "$containers/storage" --runroot "$containers/run" --storage-driver vfs \
        --registries-conf "$containers/registries.conf" "$@"
}

write_buildah_files() {
    containers=$temp_dir/containers
    mkdir -p "$containers"
    echo 'unqualified-search-registries = ["docker.io"]' >"$containers/registries.conf"
    echo '{"default": [{"type": "insecureAcceptAnything"}]}' >"$containers/policy.json"
    # Follows the conventions of the official images' own: options are for the server, which does
    # not run as root.
    cat >"$containers/docker-entrypoint.sh" <<'END'
#!/bin/sh
set -e
case $1 in -* | *.conf) set -- "$SERVER-server" "$@" ;; esac
if [ "$1" = "$SERVER-server" ] && [ "$(id -u)" = 0 ]; then
    chown "$SERVER" .
    exec setpriv --reuid "$SERVER" --regid "$SERVER" --clear-groups -- "$0" "$@"
fi
exec "$@"
END
    chmod 755 "$containers/docker-entrypoint.sh"
}

# Makes the image from which both stand-ins are made.
make_base() {
    local container
    container=$(bud from scratch)
    bud add --quiet "$container" "$debian_archive" / >/dev/null
    bud copy --quiet "$container" "$containers/docker-entrypoint.sh" /usr/local/bin/ >/dev/null
    bud run --isolation chroot "$container" -- mkdir /data
    bud config --workingdir /data --entrypoint '["docker-entrypoint.sh"]' --port 6379 "$container"
    bud commit --quiet --format docker --rm --signature-policy "$containers/policy.json" "$container" base >/dev/null
}

# try_image TAG NAME: builds the image on a base with this tag and the server of this name, and
# tries it.
try_image() {
    local container server=$2-server
    container=$(bud from --pull-never --signature-policy "$containers/policy.json" base)
    # The official image of Redis has no Valkey.
    if [[ $2 == redis ]]; then bud run --isolation chroot "$container" -- rm /usr/bin/valkey-cli /usr/bin/valkey-server; fi
    bud config --env "SERVER=$2" --cmd "$server" "$container"
    bud commit --quiet --format docker --rm --signature-policy "$containers/policy.json" "$container" "$1" >/dev/null
    bud build --quiet --format docker --pull=false --signature-policy "$containers/policy.json" \
        --file packaging/container/Dockerfile --build-arg BASE="${1#docker.io/}" "${build_arguments[@]}" \
        --tag "lockwatch-$2" "$temp_dir/context" >/dev/null
    container=$(bud from --pull-never --signature-policy "$containers/policy.json" "lockwatch-$2")
    [[ $(bud inspect --format '{{.Docker.Config.Healthcheck.Test}}' "$container") == "[CMD lockwatch-healthcheck]" ]] ||
        die "the image has no health check"
    [[ $(bud run --isolation chroot "$container" -- "$(entrypoint_of "$container")" --version) == *" server v="* ]] ||
        die "the image does not print the version of its server"
    check_version bud run --isolation chroot "$container" -- lockwatch
    cmp "$licences" "$(bud mount "$container")/usr/share/doc/lockwatch/third-party-licences"
    # Options alone, the server with options, a configuration file, and one that loads the module
    # too.
    run_image "$container" --port PORT
    run_image "$container" "$server" --port PORT --lockwatch.window-max-entries 1024
    bud run --isolation chroot "$container" -- sh -c 'echo "save 60 1" >/data/my.conf'
    run_image "$container" /data/my.conf --port PORT
    bud run --isolation chroot "$container" -- sh -c 'echo "loadmodule /usr/lib/redis/modules/liblockwatch.so" >>/data/my.conf'
    run_image "$container" /data/my.conf --port PORT
    bud rm "$container" >/dev/null
    note "image: limits a call on a base tagged ${1#docker.io/}"
}

# entrypoint_of CONTAINER: `buildah run` does not use it.
entrypoint_of() { bud inspect --format '{{index .OCIv1.Config.Entrypoint 0}}' "$1"; }

# run_image CONTAINER WORD ...: runs the entrypoint with these words, PORT being replaced, and
# expects a limit, a health check that succeeds, and data that do not belong to root.
run_image() {
    local container=$1 port pid server_pid deadline=$((SECONDS + 30)) owner
    shift
    port=$(free_port)
    bud run --isolation chroot "$container" -- "$(entrypoint_of "$container")" "${@/#PORT/$port}" --protected-mode no \
        >"$temp_dir/image.log" 2>&1 </dev/null &
    pid=$!
    started+=("$pid")
    until server_pid=$(redis-cli -p "$port" INFO server 2>/dev/null | tr -d '\r' | sed -n 's/^process_id://p') && [[ $server_pid ]] &&
        bud run --isolation chroot "$container" -- lockwatch-healthcheck "$server_pid" >/dev/null 2>&1; do
        if ! kill -0 "$pid" 2>/dev/null || ((SECONDS >= deadline)); then
            cat "$temp_dir/image.log" >&2
            die "the image did not start with: $*"
        fi
        sleep 0.1
    done
    expect_limit "$port"
    check_doctor "$port" bud run --isolation chroot "$container" -- lockwatch
    redis-cli -p "$port" FLUSHALL SYNC >/dev/null
    redis-cli -p "$port" SAVE >/dev/null
    owner=$(stat -c %u "$(bud mount "$container")/data/dump.rdb")
    ((owner != 0)) || die "the server runs as root in the image"
    redis-cli -p "$port" SHUTDOWN NOSAVE
    wait "$pid" || die "the image ended with $? after SHUTDOWN"
    if bud run --isolation chroot "$container" -- lockwatch-healthcheck "$server_pid" >/dev/null 2>&1; then
        die "the health check of a stopped server succeeds"
    fi
}
