#!/bin/sh
# Make .venv and install the pinned environment; say what to install where something is missing.
# usage: setup.sh [arguments for pip install]      PYTHON names an interpreter to use
set -u

stop() {
    printf '\n%s\n' "$@" >&2
    exit 1
}

command -v git >/dev/null 2>&1 || stop "git is missing." \
    "Install it:  Debian, Ubuntu: sudo apt install git   Fedora: sudo dnf install git   macOS: xcode-select --install"

python=
for name in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11 python}; do
    if command -v "$name" >/dev/null 2>&1 && "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
        python=$name
        break
    fi
done
if [ -z "$python" ]; then
    found=$("${PYTHON:-python3}" --version 2>/dev/null) || found="no Python"
    stop "Python 3.11 or newer is needed, and ${found} was found (${PYTHON:-python3})." \
        "Install it:  Debian, Ubuntu: sudo apt install python3 python3-venv   Fedora: sudo dnf install python3.12   macOS: brew install python@3.12" \
        "An interpreter elsewhere is named like this:  make book PYTHON=/path/to/python3.12"
fi

"$python" -c 'import venv, ensurepip' >/dev/null 2>&1 || stop "$python has no venv module." \
    "Install it:  Debian, Ubuntu: sudo apt install python3-venv"

if ! [ -x .venv/bin/python ]; then
    echo "Making .venv with $("$python" --version)"
    "$python" -m venv .venv || stop "The virtual environment could not be made (the lines above say why)."
fi
echo "Installing the pinned environment into .venv; the first time takes some minutes."
.venv/bin/python -m pip install --disable-pip-version-check "$@" -r requirements.txt ||
    stop "Installing failed (the lines above say why). Nothing is lost: run the same command again to go on."
touch .venv/.installed
