# Sourced by the scripts beside it: where the project is, how they speak, how they explain themselves.
set -euo pipefail

# Physical, so that a script reached through a symbolic link finds the project it belongs to.
root=$(cd -P "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
source "$root/scripts/environment.sh"

say() { printf '\n== %s\n' "$*"; }

# fail MESSAGE: one line on standard error, and the end.
fail() {
    printf 'error: %s: %s\n' "scripts/$(basename "$0")" "$*" >&2
    exit 1
}

# Wrong usage of the script itself.
misuse() {
    printf 'error: %s: %s; see --help\n' "scripts/$(basename "$0")" "$*" >&2
    exit 2
}

# The comment a script begins with is its help.
print_help() { sed -n '2,/^[^#]/{/^#/!q; s/^# \{0,1\}//; p}' "$0"; }

# Prints the help and ends if --help is among the arguments.
explain_if_asked() {
    local argument
    for argument in "$@"; do
        case $argument in -h | --help) print_help && exit 0 ;; esac
    done
}
