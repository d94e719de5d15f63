# shellcheck shell=bash disable=SC1090
# The shell of a page: runs the scripts that the runner names, one after the other.
#
# File descriptor 3 has lines of a script's path and a file for its output, or `-` for the terminal.
# Each script's exit status goes to file descriptor 4, with `exit` in front if it has ended the
# shell. A script keeps what the ones before it have set: variables, functions, the working
# directory.

trap 'echo "exit $?" >&4' EXIT
while IFS=$'\t' read -r -u 3 docs_script docs_output; do
    if [[ $docs_output == - ]]; then
        source "$docs_script" </dev/null 3<&- 4>&-
    else
        source "$docs_script" </dev/null >>"$docs_output" 2>&1 3<&- 4>&-
    fi
    echo $? >&4
done
trap - EXIT
