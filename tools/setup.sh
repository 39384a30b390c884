#!/bin/sh
# Find a Python for tools/setup.py: the one that PYTHON names, that of .venv, or one on the PATH.
# usage: setup.sh [arguments for tools/setup.py]
set -u

stop() {
    printf '\n%s\n' "$@" >&2
    exit 1
}

fits() {
    "$1" -c 'import sys; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12), (3, 13)))' >/dev/null 2>&1
}

if [ -n "${PYTHON:-}" ]; then
    [ "$("$PYTHON" -c 'print("a" + "b")' 2>/dev/null)" = ab ] || stop "PYTHON: expected a Python 3.11, 3.12 or 3.13, got $PYTHON, which does not run."
    exec "$PYTHON" tools/setup.py "$@"
fi
for name in .venv/bin/python python3 python3.13 python3.12 python3.11 python; do
    fits "$name" && exec "$name" tools/setup.py "$@"
done
found=$(python3 --version 2>/dev/null) || found="none"
stop "Python 3.11, 3.12 or 3.13 is needed. Found: $found." \
    "Install it:  Debian, Ubuntu: sudo apt install python3 python3-venv   Fedora: sudo dnf install python3.12   macOS: brew install python@3.12" \
    "To use another interpreter:  make book PYTHON=/path/to/python3.12"
