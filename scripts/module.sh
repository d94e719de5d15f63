# shellcheck shell=bash
# Makes a module and a server ready, for the scripts that show lockwatch: demo.sh and serve.sh
# source this.
#
# The build for trying out (profile `demo` in Cargo.toml) compiles in half of a release's time
# and is slower than a release. A release build that is up to date is used instead.

# shellcheck disable=SC2034 # those who source this use the variables that are set here

# shellcheck source=scripts/setup.sh
. scripts/setup.sh

# What the module is compiled from. A directory counts as changed if a file in it was added or
# removed.
module_sources=(Cargo.toml Cargo.lock src)

# ready_module PROFILE: installs what is missing and builds the module, each only if needed, and
# says so. PROFILE is demo or release. Sets `module`, and `build_name` to what the build is.
ready_module() {
    local profile=$1 began=${EPOCHREALTIME/[^0-9]/}
    choose_module "$profile"
    if is_current "$module"; then
        set_up server
        return
    fi
    note "Looking for what is missing. Installing all of it takes half a minute, and downloading as long as your line needs."
    set_up server rust
    build_module "$profile"
    note "Ready after $(seconds_since "$began") s. The next start takes less than two."
}

choose_module() {
    module=$release_module build_name="the release build"
    if [[ $1 == demo ]] && ! is_current "$release_module"; then
        module=$demo_module build_name="a build for trying out, slower than a release"
    fi
}

# is_current MODULE: whether it exists and is newer than its sources.
is_current() { [[ -e $1 && ! $(find "${module_sources[@]}" -newer "$1" -print -quit) ]]; }

build_module() {
    local began=${EPOCHREALTIME/[^0-9]/} time="about a minute" quiet=(--quiet)
    if [[ $1 == release ]]; then time="two to three minutes"; fi
    if [[ -t 2 ]]; then quiet=(); fi
    note "Building the module. The first time, this takes $time on two cores."
    cargo build --profile "$1" --lib --locked "${quiet[@]}"
    # Cargo leaves the file as it is if nothing in it changes, and a source may change during the
    # build.
    touch --date="@${began:0:-6}.${began: -6}" "$module"
    note "  built in $(seconds_since "$began") s"
}

# seconds_since BEGAN: BEGAN in microseconds; prints seconds with one decimal.
seconds_since() {
    local tenths=$(((${EPOCHREALTIME/[^0-9]/} - $1) / 100000))
    echo "$((tenths / 10)).$((tenths % 10))"
}
