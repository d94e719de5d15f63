# shellcheck shell=bash
# The module for older C libraries: zig links it against the symbols of glibc 2.28, which Debian 10,
# RHEL 8 and manylinux_2_28 have.
#
# shellcheck disable=SC2154 # variables of setup.sh and lib.sh

oldest_glibc=2.28
old_glibc_target=$(uname -m)-unknown-linux-gnu
old_glibc_dir=target/glibc-$oldest_glibc

# Prints the path of the module.
build_module_for_old_glibc() {
    set_up glibc
    PATH=$zig_venv/bin:$PATH CARGO_TARGET_DIR=$old_glibc_dir \
        cargo zigbuild --release --locked --lib --target "$old_glibc_target.$oldest_glibc" >&2
    echo "$old_glibc_dir/$old_glibc_target/release/liblockwatch.so"
}

# Builds it, reads which C library it needs, and tries it in the server of this machine.
check_module_for_old_glibc() {
    local built needs newest
    set_up server
    built=$(build_module_for_old_glibc)
    needs=$(objdump -T "$built" | sed -n 's/.*(\{0,1\}GLIBC_\([0-9]*\.[0-9]*\).*/\1/p' | sort --version-sort --unique)
    newest=$(printf '%s\n' "$needs" "$oldest_glibc" | sort --version-sort | tail -n 1)
    [[ $newest == "$oldest_glibc" ]] || die "$built needs glibc $newest"
    CARGO_TARGET_DIR=$old_glibc_dir/$old_glibc_target scripts/smoke.sh
    note "module: needs glibc $(tail -n 1 <<<"$needs") and the libraries" \
        "$(objdump -p "$built" | sed -n 's/^ *NEEDED *//p' | paste -sd ' ')"
}
