#!/usr/bin/env bash
# Checks the documentation, and builds a site from it.
#
#   scripts/docs.sh examples            runs the examples of all pages, and the rest of tests/docs
#   scripts/docs.sh examples PAGE ...   runs the examples of these pages
#   scripts/docs.sh build               builds the site into target/docs; fails if a link is dead
#   scripts/docs.sh site                builds it and tests it in a browser
#   scripts/docs.sh shots DIR           takes pictures of it, as wide as a desktop and a phone
#   scripts/docs.sh serve               serves it while you write, and shows each change at once
#
# Examples need the release builds: cargo build --release, and cargo build --profile program -p
# lockwatch-cli. Installs what is missing
# (scripts/setup.sh).
# tests/docs/README.md says how examples are written.

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=scripts/setup.sh
. scripts/setup.sh

main() {
    case ${1:-} in
        examples) run_examples "${@:2}" ;;
        build) build_site ;;
        site) test_site ;;
        shots) take_shots "${2:-}" ;;
        serve) serve_site ;;
        -h | --help) usage && exit ;;
        *) die "unknown task '${1:-}'; see --help" ;;
    esac
}

# run_examples [PAGE ...]: without one it also checks the tests themselves.
run_examples() {
    local page tests=(test_pages.py)
    export LOCKWATCH_MODULE=${LOCKWATCH_MODULE:-$release_module} LOCKWATCH_PROGRAM=${LOCKWATCH_PROGRAM:-$release_program}
    [[ -e $LOCKWATCH_MODULE ]] || die "there is no $LOCKWATCH_MODULE: cargo build --release"
    [[ -e $LOCKWATCH_PROGRAM ]] || die "there is no $LOCKWATCH_PROGRAM: cargo build --profile program -p lockwatch-cli"
    set_up server postgres python node go interop app
    export PATH=$venv/bin:$PATH
    for page; do tests+=(--page "$(from_caller "$page")"); done
    cd tests/docs
    if (($# == 0)); then
        ruff check .
        ruff format --check .
        mypy
        tests=()
    fi
    pytest -q "${tests[@]}"
}

site=$target_dir/docs

build_site() {
    set_up docs
    (cd docs && npx --no-install vitepress build --outDir "$site")
    note "The site is in $site."
}

test_site() {
    build_site
    (cd docs && LOCKWATCH_DOCS_SITE=$site node --test .vitepress/test/site.test.mjs)
}

take_shots() {
    [[ $1 ]] || die "shots needs a directory"
    build_site
    node docs/.vitepress/test/shots.mjs "$site" "$(from_caller "$1")"
}

serve_site() {
    set_up docs
    cd docs
    npx --no-install vitepress dev
}

main "$@"
