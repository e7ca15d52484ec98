#!/bin/sh
# Installs nodeagent from one archive of wheels; no package index is asked, and nothing that a minimal Debian 12 lacks.
#
#   install-nodeagent SOURCE SHA256
#
# SOURCE is a file or a URL. An archive with another sum is not unpacked. Run again with another archive it replaces what
# it installed before.
set -eu

source=$1
sha256=$2
home=${NODEAGENT_HOME:-/opt/nodeagent}
command=${NODEAGENT_COMMAND:-/usr/local/bin/nodeagent}
archive=$home/bundle.tar
mkdir -p "$home" "$(dirname "$command")"

case $source in
*://*)
  # The network may be a minute late at the first boot.
  python3 - "$source" "$archive" <<'PYTHON'
import shutil, sys, time, urllib.error, urllib.request

source, target = sys.argv[1:]
for pause_seconds in (2, 4, 8, 16, 32, None):
    try:
        with urllib.request.urlopen(source, timeout=60) as answer, open(target, "wb") as file:
            shutil.copyfileobj(answer, file)
        break
    except (urllib.error.URLError, OSError) as error:
        print(f"install-nodeagent: {source}: {error}", file=sys.stderr)
        if pause_seconds is None:
            sys.exit(1)
        time.sleep(pause_seconds)
PYTHON
  ;;
*) [ "$source" = "$archive" ] || cp "$source" "$archive" ;;
esac

if ! echo "$sha256  $archive" | sha256sum --check --status; then
  echo "install-nodeagent: $source: wanted the sum $sha256, got $(sha256sum "$archive" | cut -d ' ' -f 1)" >&2
  rm -f "$archive"
  exit 1
fi

# Each archive gets an environment of its own, so that a failure leaves the one in use alone.
environment=$home/$(echo "$sha256" | cut -c 1-12)
if ! [ -e "$environment/complete" ]; then
  wheels=$home/wheels
  rm -rf "$environment" "$wheels"
  mkdir "$wheels"
  tar -xf "$archive" -C "$wheels"
  # Without Debian's python3-venv there is no pip; the archive brings one, which runs from its own wheel.
  python3 -m venv --without-pip "$environment"
  "$environment/bin/python" "$(echo "$wheels"/pip-*.whl)/pip" install --quiet --disable-pip-version-check --no-cache-dir \
    --no-compile --no-index --find-links "$wheels" nodeagent
  touch "$environment/complete"
  rm -rf "$wheels"
fi
ln -sfn "$environment/bin/nodeagent" "$command"
rm -f "$archive"
"$command" --version
