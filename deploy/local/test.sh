#!/bin/sh
# Every gate, in the order of what fails fastest; with servers of its own for the tests.
set -eu

HERE=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
cd "$HERE/../.."
STATE=.neptune/test
BEGUN=$(date +%s)

step() { printf '==> [%4ss] %s\n' "$(($(date +%s) - BEGUN))" "$*"; }
stop() {
  code=$?
  trap - EXIT INT TERM HUP
  [ ! -d "$STATE/run" ] || deploy/local/servers.sh down --state-dir "$STATE" || code=1
  if [ $code -eq 0 ]; then step "everything passed"; else step "FAILED (exit code $code)" >&2; fi
  exit $code
}
need() {
  cargo "$1" --version >/dev/null 2>&1 || {
    echo "error: cargo $1 is missing; install it with: rustup component add $2" >&2
    exit 1
  }
}
# What the developer's shell holds for the local stack (.neptune/env) is none of the tests' business.
for variable in $(env | sed -n 's/^\(NEPTUNE_[A-Z0-9_]*\)=.*/\1/p'); do
  case $variable in
    NEPTUNE_TEST_* | NEPTUNE_SHARED) ;;
    *) unset "$variable" ;;
  esac
done

trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

need fmt rustfmt
need clippy clippy

step "format"
cargo fmt --all --check

if [ "${1:-}" != --check-only ]; then
  step "servers"
  deploy/local/servers.sh up --state-dir "$STATE"
fi

step "clippy (compiles all dependencies the first time)"
cargo clippy --workspace --all-targets -- -D warnings

if [ "${1:-}" != --check-only ]; then
  step "binaries"
  cargo build --workspace --bins
  step "tests"
  set -a
  # shellcheck source=/dev/null
  . "$STATE/servers.env"
  set +a
  # Most tests wait more than they compute.
  RUST_TEST_THREADS=${RUST_TEST_THREADS:-4} cargo test --workspace
fi

step "rustdoc"
RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps
