#!/bin/sh
# `./do TARGET` is `make TARGET`, also on a machine that has neither make nor python3 yet.
set -eu
cd "$(dirname "$0")"
scripts/install-system-tools base
exec make --no-print-directory "$@"
