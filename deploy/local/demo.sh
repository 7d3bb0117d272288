#!/bin/sh
# The main job on real input: support tickets through the whole system, by HTTP and by NATS.
# Exits 0 only if all of it really happened.
set -eu
HERE=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
ROOT=$(CDPATH='' cd -- "$HERE/../.." && pwd -P)
STATE=${NEPTUNE_STATE_DIR:-$ROOT/.neptune}
set -a
# shellcheck source=/dev/null
. "$STATE/env"
set +a
cd "$ROOT"
export PYTHONDONTWRITEBYTECODE=1
exec python3 "$HERE/demo/run.py" "${CARGO_TARGET_DIR:-target}/local/neptune"
