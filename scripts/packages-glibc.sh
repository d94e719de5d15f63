# shellcheck shell=bash
# The module and the program for older C libraries: zig links them against the symbols of glibc 2.28,
# which Debian 10, RHEL 8 and manylinux_2_28 have.
#
# shellcheck disable=SC2154 # variables of setup.sh and lib.sh

oldest_glibc=2.28
old_glibc_target=$(uname -m)-unknown-linux-gnu
old_glibc_dir=target/glibc-$oldest_glibc

# Prints the path of the module.
build_module_for_old_glibc() {
    zigbuild --release --lib
    echo "$old_glibc_dir/$old_glibc_target/release/liblockwatch.so"
}

# Prints the path of the program.
build_program_for_old_glibc() {
    zigbuild --profile program -p lockwatch-cli
    echo "$old_glibc_dir/$old_glibc_target/program/lockwatch"
}

# zigbuild OPTION ...
zigbuild() {
    set_up glibc
    PATH=$zig_venv/bin:$PATH CARGO_TARGET_DIR=$old_glibc_dir \
        cargo zigbuild --locked --target "$old_glibc_target.$oldest_glibc" "$@" >&2
}

# needed_glibc FILE: prints the oldest version of the C library that has all symbols that this file
# needs.
needed_glibc() {
    objdump -T "$1" | sed -n 's/.*(\{0,1\}GLIBC_\([0-9]*\.[0-9]*\).*/\1/p' | sort --version-sort | tail -n 1
}

# Builds it, reads which C library it needs, and tries it in the server of this machine.
check_module_for_old_glibc() {
    local built needs
    set_up server
    built=$(build_module_for_old_glibc)
    expect_old_glibc "$built"
    CARGO_TARGET_DIR=$old_glibc_dir/$old_glibc_target scripts/smoke.sh
    panics_are_contained
    note "module: needs glibc $needs and the libraries" \
        "$(objdump -p "$built" | sed -n 's/^ *NEEDED *//p' | paste -sd ' ')"
}

# Builds the program, reads which C library it needs, and has it examine a server with the module of
# the same kind.
check_program_for_old_glibc() {
    local built needs
    set_up server
    built=$(build_program_for_old_glibc)
    expect_old_glibc "$built"
    check_version "$built"
    start_server redis-server --loadmodule "$PWD/$(build_module_for_old_glibc)"
    check_doctor "$server_port" "$built"
    stop_server
    note "program: needs glibc $needs and the libraries $(objdump -p "$built" | sed -n 's/^ *NEEDED *//p' | paste -sd ' ')"
}

# expect_old_glibc FILE: sets `needs` to the C library that the file needs, which may not be newer.
expect_old_glibc() {
    local newest
    needs=$(needed_glibc "$1")
    newest=$(printf '%s\n' "$needs" "$oldest_glibc" | sort --version-sort | tail -n 1)
    [[ $newest == "$oldest_glibc" ]] || die "$1 needs glibc $needs"
}

# Zig links an unwinder of its own. A build with LW.DEBUG shows that a panic becomes an error reply.
panics_are_contained() {
    local reply
    zigbuild --profile demo --features debug-commands --lib
    start_server redis-server --loadmodule "$PWD/$old_glibc_dir/$old_glibc_target/demo/liblockwatch.so"
    reply=$(cli LW.DEBUG PANIC)
    [[ $reply == *"internal error"* ]] || die "LW.DEBUG PANIC answered: $reply"
    [[ $(cli PING) == PONG && $(info lockwatch_panics_total) == 1 ]] || die "the server did not survive a panic"
    kill "$server_pid"
    wait "$server_pid" || true
}
