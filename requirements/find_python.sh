#!/bin/sh
# Print the path of a Python that HyperVAE can use, or say what was found instead and fail.
# Tried in this order: the argument (make PYTHON=...), then the ones below, the most tested ones first.
found=
for name in "$1" python3.12 python3.11 python3.13 python3 python; do
    [ -n "$name" ] || continue
    # A name on PATH may be a version manager's shim that does not run, or belong to an environment (even to the one
    # that is to be repaired): ask the interpreter itself where its installation is.
    answer=$("$name" -c 'import sys
print("%d.%d %s" % (sys.version_info[0], sys.version_info[1], getattr(sys, "_base_executable", sys.executable)))' \
        2>/dev/null) || answer=
    if [ -z "$answer" ]; then
        [ "$name" = "$1" ] && { echo "error: PYTHON=$1 does not run" >&2; exit 1; }
        continue
    fi
    case $answer in
        3.1[1-9]\ *)
            if "${answer#* }" -c 'import venv, ensurepip' 2>/dev/null; then
                echo "${answer#* }"
                exit 0
            fi
            found="$found  $name: Python $answer, without venv or ensurepip (Debian, Ubuntu: apt install python3-venv)
" ;;
        *)
            found="$found  $name: Python $answer, too old
" ;;
    esac
    [ "$name" = "$1" ] && break
done
{
    echo "error: HyperVAE needs Python 3.11 or newer, with venv. Found:"
    printf '%s' "${found:-  none
}"
    echo "Name one with: make setup PYTHON=/path/to/python3.11"
} >&2
exit 1
