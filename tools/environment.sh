#!/usr/bin/env bash
# Make or renew the virtual environment named by the first argument; PYTHON names the interpreter. Arguments after it
# say what goes in beside the bare product, in place of what its developers need; behind --bare, what goes in alone.
set -euo pipefail

venv=$1
for python in "${PYTHON:-python3}" python3.13 python3.12 python3.11 python3; do
  if "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    found=$python
    break
  fi
done
if [ -z "${found:-}" ]; then
  echo "Sojourn needs Python 3.11 or newer; install it, or name it: make PYTHON=/path/to/python3.11" >&2
  exit 1
fi
# One that was half made, or whose interpreter is gone, is made anew.
if ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
  echo "preparing $venv with $("$found" --version)"
  if ! "$found" -m venv --clear "$venv"; then
    echo "Python cannot make virtual environments here; on Debian: apt-get install python3-venv" >&2
    exit 1
  fi
fi
# Modules are compiled when they are first imported: few of those that are installed ever are.
if [ "${2:-}" = --bare ]; then
  echo "installing ${*:3} into $venv"
  "$venv/bin/pip" install --quiet --no-compile "${@:3}"
elif [ $# -gt 1 ]; then
  echo "installing ${*:2} into $venv"
  "$venv/bin/pip" install --quiet --no-compile --editable . "${@:2}"
else
  echo "installing what pyproject.toml names into $venv"
  "$venv/bin/pip" install --quiet --no-compile --editable '.[dev]'
fi
