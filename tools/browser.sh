#!/usr/bin/env bash
# See that there is a Chromium for the tests of the dashboard.
set -euo pipefail

if command -v chromium >/dev/null; then
  exit 0
fi
if [ "$(id -u)" = 0 ] && [ -r /etc/debian_version ] && command -v apt-get >/dev/null; then
  echo "installing chromium"
  export DEBIAN_FRONTEND=noninteractive
  apt-get -qq update
  apt-get -qq install -y --no-install-recommends chromium fonts-liberation >/dev/null
  exit 0
fi
echo "The tests of the dashboard need Chromium: install the package \"chromium\" of your system." >&2
exit 1
