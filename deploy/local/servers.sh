#!/bin/sh
# Private NATS, Redis and Postgres for Neptune, on loopback, without containers.
#
# Everything lives under one state directory (default: .neptune). A directory named "test" holds
# the instance for tests: other ports, no broker users, nothing synced to disk, data thrown away.
set -eu
umask 022

HERE=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
ROOT=$(CDPATH='' cd -- "$HERE/../.." && pwd -P)
for part in common install nats redis postgres; do
  # shellcheck source=/dev/null
  . "$HERE/lib/$part.sh"
done

usage() {
  cat <<'END'
usage: servers.sh up|down|status|clean [--state-dir DIR]

  up      get and start what is not running yet
  down    stop what `up` started, and nothing else
  status  list the servers; exit code 3 unless all run
  clean   stop them and delete their data

Addresses go to DIR/servers.env, logs to DIR/log, process ids to DIR/run.

Ports:    NEPTUNE_NATS_PORT (14222), NEPTUNE_NATS_MONITOR_PORT (18222), NEPTUNE_REDIS_PORT (16379),
          NEPTUNE_POSTGRES_PORT (15432); for tests NEPTUNE_TEST_…_PORT (24222, 28222, 26379, 25432)
Own servers are used instead when their address is given: NEPTUNE_NATS_URL, NEPTUNE_REDIS_URL,
          NEPTUNE_DATABASE_URL (for tests NEPTUNE_TEST_NATS_URL and so on)
NATS:     NEPTUNE_NATS_SYNC=always|default (always: an accepted task survives a power cut),
          NEPTUNE_NATS_GOMAXPROCS=N
END
}

up() {
  lock
  find_programs
  [ "$PROFILE" = test ] || make_secrets
  nats_up
  redis_up
  postgres_up
  write_addresses
}

down() {
  [ -d "$STATE/run" ] || { say "nothing was started from $STATE"; return 0; }
  lock
  stop nats TERM
  stop redis TERM
  stop postgres INT
  if [ "$PROFILE" = test ]; then delete_data; fi
}

status() {
  all=0
  for name in nats redis postgres; do
    if is_external "$name"; then
      printf '%-9s %-9s %-8s %s\n' "$name" external - "$(address_of "$name" | sed 's#//[^/@]*@#//#')"
    elif running "$name"; then
      printf '%-9s %-9s %-8s %s\n' "$name" running "$PID" "$(address_of "$name")"
    else
      printf '%-9s %-9s %-8s %s\n' "$name" stopped - "$(address_of "$name")"
      all=3
    fi
  done
  return $all
}

write_addresses() {
  prefix=NEPTUNE
  [ "$PROFILE" != test ] || prefix=NEPTUNE_TEST
  # A given address may hold a password.
  (
    umask 077
    exec >"$STATE/servers.env.new"
    env_line "${prefix}_NATS_URL" "$(address_of nats)"
    env_line "${prefix}_REDIS_URL" "$(address_of redis)"
    env_line "${prefix}_DATABASE_URL" "$(address_of postgres)"
    env_line "${prefix}_NATS_MONITOR_URL" "http://127.0.0.1:$NATS_MONITOR_PORT"
    env_line "${prefix}_NATS_BIN" "$NATS_BIN"
    env_line "${prefix}_REDIS_BIN" "$REDIS_BIN"
    env_line "${prefix}_POSTGRES_BIN_DIR" "$POSTGRES_BIN_DIR"
  )
  mv "$STATE/servers.env.new" "$STATE/servers.env"
}

command=${1:-help}
[ $# -eq 0 ] || shift
state_dir=$ROOT/.neptune
while [ $# -gt 0 ]; do
  case $1 in
    --state-dir) [ $# -ge 2 ] || die "--state-dir needs a directory"; state_dir=$2; shift 2 ;;
    --state-dir=*) state_dir=${1#*=}; shift ;;
    *) usage >&2; die "unknown argument $1" ;;
  esac
done

case $command in
  up | down | status | clean) settings "$state_dir" ;;
esac
case $command in
  up) up ;;
  down) down ;;
  status) status ;;
  clean) down && delete_data ;;
  help | -h | --help) usage ;;
  *) usage >&2; die "unknown command $command" ;;
esac
