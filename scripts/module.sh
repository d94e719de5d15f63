# shellcheck shell=bash
# Makes the module, the program and a server ready, for the scripts that show lockwatch: demo.sh and
# serve.sh source this.
#
# The builds for trying out (profile `demo` in Cargo.toml) compile in half of a release's time and
# are slower than a release. A release build that is up to date is used instead.

# shellcheck disable=SC2034 # those who source this use the variables that are set here

# shellcheck source=scripts/setup.sh
. scripts/setup.sh

# What the module and the program are compiled from. A directory counts as changed if a file in it
# was added or removed.
module_sources=(Cargo.toml Cargo.lock common src)
program_sources=(Cargo.toml Cargo.lock common cli/Cargo.toml cli/src cli/static cli/templates)

# ready_module PROFILE: installs what is missing and builds the module, each only if needed, and
# says so. PROFILE is demo or release. Sets `module`, and `build_name` to what the build is.
ready_module() {
    local profile=$1 began=${EPOCHREALTIME/[^0-9]/}
    choose_module "$profile"
    if is_current "$module" "${module_sources[@]}"; then
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
    if [[ $1 == demo ]] && ! is_current "$release_module" "${module_sources[@]}"; then
        module=$demo_module build_name="a build for trying out, slower than a release"
    fi
}

# Builds the program for trying out, unless there is a build that is up to date. Sets `program`.
ready_program() {
    for program in "$release_program" "$demo_program"; do
        if is_current "$program" "${program_sources[@]}"; then return; fi
    done
    set_up rust
    build "$program" "the program" "one to two minutes" --profile demo -p lockwatch-cli
}

# is_current FILE SOURCE ...: whether it exists and is newer than its sources.
is_current() { [[ -e $1 && ! $(find "${@:2}" -newer "$1" -print -quit) ]]; }

build_module() {
    local time="about a minute"
    if [[ $1 == release ]]; then time="two to three minutes"; fi
    build "$module" "the module" "$time" --profile "$1" --lib
}

# build FILE WHAT TIME OPTION ...
build() {
    local began=${EPOCHREALTIME/[^0-9]/} quiet=(--quiet)
    if [[ -t 2 ]]; then quiet=(); fi
    note "Building $2. The first time, this takes $3 on two cores."
    cargo build --locked "${quiet[@]}" "${@:4}"
    # Cargo leaves the file as it is if nothing in it changes, and a source may change during the
    # build.
    touch --date="@${began:0:-6}.${began: -6}" "$1"
    note "  built in $(seconds_since "$began") s"
}

# seconds_since BEGAN: BEGAN in microseconds; prints seconds with one decimal.
seconds_since() {
    local tenths=$(((${EPOCHREALTIME/[^0-9]/} - $1) / 100000))
    echo "$((tenths / 10)).$((tenths % 10))"
}
