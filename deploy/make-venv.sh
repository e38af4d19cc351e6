#!/bin/sh
# Builds .venv in the repository root and installs gridpilot with everything that the demo and the tests need.
# Called by the Makefile; the first argument, if not empty, is the interpreter to use.
set -u
cd "$(dirname "$0")/.." || exit 1

stop() {
    printf '\ngridpilot cannot be set up: %s\n' "$1" >&2
    printf '  what to do: %s\n' "$2" >&2
    exit 2
}

is_new_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

python=$1
if [ -n "$python" ]; then
    is_new_enough "$python" || stop "PYTHON=$python is not a Python 3.11 or newer" "name another, or leave PYTHON out"
else
    for candidate in python3 python3.12 python3.11 python3.13; do
        if is_new_enough "$candidate"; then
            python=$candidate
            break
        fi
    done
    [ -n "$python" ] || stop \
        "no Python 3.11 or newer was found; python3 is $(python3 --version 2>&1 || echo missing)" \
        "install one (Debian, Ubuntu: apt install python3.12 python3.12-venv; macOS: brew install python@3.12) or say make PYTHON=/path/to/python3"
fi
"$python" -c 'import venv, ensurepip' 2>/dev/null || stop \
    "$python has no venv module" \
    "Debian, Ubuntu: apt install $("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')"

free_mb=$(df -Pk . | awk 'NR == 2 { print int($4 / 1024) }')
if [ ! -x .venv/bin/python ] && [ "$free_mb" -lt 3000 ]; then
    stop "$free_mb MB are free here and 3,000 MB are needed" "free some room, then run the same command again"
fi

rm -f .venv/.installed
quiet=
if [ -x .venv/bin/gridpilot ]; then
    echo "What is to be installed has changed: bringing .venv up to date."
    quiet=--quiet
else
    echo "Setting up .venv with $("$python" --version). This downloads some 400 MB and takes a few minutes."
fi
if [ -e .venv ] && ! is_new_enough .venv/bin/python; then
    echo "The interpreter of .venv is gone or too old; building it anew."
    rm -rf .venv
fi
if [ ! -x .venv/bin/pip ]; then
    "$python" -m venv .venv || stop "python -m venv failed; its reason stands above" "mend it and run the same command again"
fi

# The constraints bind what builds the package as well (older pip reads the first name, newer the second).
export PIP_CONSTRAINT=constraints.txt PIP_BUILD_CONSTRAINT=constraints.txt PIP_DISABLE_PIP_VERSION_CHECK=1
.venv/bin/pip install $quiet --prefer-binary -c constraints.txt -e '.[demo,notebook,dev]' || stop \
    "pip could not install the dependencies; its reason stands above" \
    "check the network, the proxy (HTTPS_PROXY, PIP_INDEX_URL) and the free room, then run the same command again: what is downloaded is kept"
[ -x .venv/bin/gridpilot ] || stop "pip finished without .venv/bin/gridpilot" "make clean, then run the same command again"
touch .venv/.installed
