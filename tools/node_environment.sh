#!/usr/bin/env bash
# Make or renew the Node.js environment named by the first argument: what the folder in the second names, no more.
set -euo pipefail

if ! command -v npm >/dev/null; then
  echo "the tests that run clients written in JavaScript need Node.js 20 or newer with npm on PATH" >&2
  exit 1
fi
mkdir -p "$1"
cp "$2"/package*.json "$1/"
# A command of many packages has no lock file: npm writes none that it would take back on another platform.
how=$([ -f "$2/package-lock.json" ] && echo ci || echo "install --no-package-lock")
echo "installing what $2 names into $1"
# Nothing that comes along is run.
npm $how --prefix "$1" --ignore-scripts --no-audit --no-fund --loglevel=error
