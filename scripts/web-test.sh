#!/usr/bin/env bash
# Checks scripts/demo.sh --web: its link opens the page, the page shows the attack, and Ctrl-C ends
# everything within seconds and leaves nothing behind.
#
#   scripts/web-test.sh

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=scripts/setup.sh
. scripts/setup.sh

no_arguments "$@"

main() {
    local demo link page port began
    set_up app
    make_temp_dir
    mkdir "$temp_dir/tmp"
    # PostgreSQL runs as another user there.
    chmod go+x "$temp_dir"
    chmod 1777 "$temp_dir/tmp"
    # A process group of its own, as a terminal makes it. If this runs in the background, SIGINT is
    # ignored, and a shell cannot change that for itself.
    set -m
    TMPDIR=$temp_dir/tmp env --default-signal=INT scripts/demo.sh --web --no-install >"$temp_dir/out" 2>"$temp_dir/error" </dev/null &
    demo=$!
    set +m
    started+=("$demo")
    await 600 "a link" link_is_there
    link=$(grep -o 'http://[^ ]*/login?token=[^ ]*' "$temp_dir/out")
    page=${link%login*}
    port=$(sed -n 's/.*runs on port \([0-9]*\).*/\1/p' "$temp_dir/out")
    [[ $(status "$page") == 30[0-9] || $(status "$page") == 401 ]] || die "the page does not ask for the link: $(status "$page")"
    [[ $(status --location --cookie-jar "$temp_dir/cookies" "$link") == 200 ]] || die "the link does not open the page"
    [[ $(status "$link") != 200 ]] || die "the link works twice"
    await 60 "a ban" page_shows 203.0.113.
    await 60 "a limited key" page_shows 192.0.2.77
    began=$SECONDS
    kill -INT -- "-$demo"
    wait "$demo" || die "demo.sh ended with $? after SIGINT: $(tail -n 5 "$temp_dir/error")"
    ((SECONDS - began <= 10)) || die "it took $((SECONDS - began)) s to stop"
    [[ ! $(ls -A "$temp_dir/tmp") ]] || die "these files are left: $(ls -A "$temp_dir/tmp")"
    if pgrep --pgroup "$demo" >/dev/null; then die "processes are left: $(pgrep --pgroup "$demo" --list-full)"; fi
    if redis-cli -p "$port" PING >/dev/null 2>&1; then die "a server is left on port $port"; fi
    echo "demo.sh --web shows the attack, and Ctrl-C stopped it in $((SECONDS - began)) s"
}

link_is_there() {
    kill -0 "$demo" || die "demo.sh has ended: $(cat "$temp_dir/error")"
    grep -q 'login?token=' "$temp_dir/out"
}

# status OPTION ... URL: prints the status of the answer.
status() { curl --silent --output /dev/null --write-out '%{http_code}' --max-time 10 "$@"; }

page_shows() { curl --silent --max-time 10 --cookie "$temp_dir/cookies" "$page" | grep -qF "$1"; }

# await SECONDS WHAT COMMAND [ARGUMENT ...]
await() {
    local deadline=$((SECONDS + $1))
    until "${@:3}"; do
        ((SECONDS < deadline)) || die "$2: not within $1 seconds: $(tail -n 5 "$temp_dir/error")"
        sleep 0.2
    done
}

main
