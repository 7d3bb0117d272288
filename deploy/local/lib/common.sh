# shellcheck shell=sh disable=SC2034 # settings are read by the other parts
# Settings, secrets, and processes that are known by id and start time.

say() { printf '%s\n' "$*"; }
step() { printf '==> %s\n' "$*"; }
die() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}
on_path() { command -v "$1" 2>/dev/null; }
is_root() { [ "$(id -u)" -eq 0 ]; }

# settings DIR: the state directory decides between the local instance and the one for tests.
settings() {
  case $1 in
    /*) STATE=$1 ;;
    *) STATE=$PWD/$1 ;;
  esac
  STATE=${STATE%/}
  if [ "${STATE##*/}" = test ]; then
    PROFILE='test'
    NATS_VARIABLE=NEPTUNE_TEST_NATS_PORT NATS_PORT=${NEPTUNE_TEST_NATS_PORT:-24222}
    MONITOR_VARIABLE=NEPTUNE_TEST_NATS_MONITOR_PORT NATS_MONITOR_PORT=${NEPTUNE_TEST_NATS_MONITOR_PORT:-28222}
    REDIS_VARIABLE=NEPTUNE_TEST_REDIS_PORT REDIS_PORT=${NEPTUNE_TEST_REDIS_PORT:-26379}
    POSTGRES_VARIABLE=NEPTUNE_TEST_POSTGRES_PORT POSTGRES_PORT=${NEPTUNE_TEST_POSTGRES_PORT:-25432}
    NATS_URL=${NEPTUNE_TEST_NATS_URL:-} REDIS_URL=${NEPTUNE_TEST_REDIS_URL:-} DATABASE_URL=${NEPTUNE_TEST_DATABASE_URL:-}
  else
    PROFILE='local'
    NATS_VARIABLE=NEPTUNE_NATS_PORT NATS_PORT=${NEPTUNE_NATS_PORT:-14222}
    MONITOR_VARIABLE=NEPTUNE_NATS_MONITOR_PORT NATS_MONITOR_PORT=${NEPTUNE_NATS_MONITOR_PORT:-18222}
    REDIS_VARIABLE=NEPTUNE_REDIS_PORT REDIS_PORT=${NEPTUNE_REDIS_PORT:-16379}
    POSTGRES_VARIABLE=NEPTUNE_POSTGRES_PORT POSTGRES_PORT=${NEPTUNE_POSTGRES_PORT:-15432}
    NATS_URL=${NEPTUNE_NATS_URL:-} REDIS_URL=${NEPTUNE_REDIS_URL:-} DATABASE_URL=${NEPTUNE_DATABASE_URL:-}
  fi
  check_port "$NATS_VARIABLE" "$NATS_PORT"
  check_port "$MONITOR_VARIABLE" "$NATS_MONITOR_PORT"
  check_port "$REDIS_VARIABLE" "$REDIS_PORT"
  check_port "$POSTGRES_VARIABLE" "$POSTGRES_PORT"
}

check_port() {
  case $2 in
    '' | *[!0-9]* | ??????*) die "$1 is not a port number" ;;
  esac
  if [ "$2" -lt 1 ] || [ "$2" -gt 65535 ]; then die "$1 is not a port number"; fi
}

# is_external NAME: whether an address of somebody else's server was given. Our own address does
# not count: .neptune/env holds it, and may have been read into this shell.
is_external() {
  case $1 in
    nats) set -- "$NATS_URL" "$NATS_PORT" ;;
    redis) set -- "$REDIS_URL" "$REDIS_PORT" ;;
    *) set -- "$DATABASE_URL" "$POSTGRES_PORT" ;;
  esac
  [ -n "$1" ] || return 1
  place=${1#*://}
  place=${place##*@}
  place=${place%%/*}
  case $place in
    "127.0.0.1:$2" | "localhost:$2") return 1 ;;
  esac
}

address_of() {
  if is_external "$1"; then
    case $1 in
      nats) say "$NATS_URL" ;;
      redis) say "$REDIS_URL" ;;
      *) say "$DATABASE_URL" ;;
    esac
    return 0
  fi
  case $1 in
    nats) say "nats://127.0.0.1:$NATS_PORT" ;;
    redis) say "redis://127.0.0.1:$REDIS_PORT" ;;
    *) say "postgres://neptune@127.0.0.1:$POSTGRES_PORT/neptune" ;;
  esac
}

# env_line NAME VALUE: a line that a shell can read back whatever the value holds.
env_line() {
  case $2 in
    *[!A-Za-z0-9_/:.@+=,-]*) printf "%s='%s'\n" "$1" "$2" ;;
    *) printf '%s=%s\n' "$1" "$2" ;;
  esac
}

# Two starts at a time would fight over ports and data.
lock() {
  mkdir -p "$STATE/run" "$STATE/log"
  if on_path flock >/dev/null; then
    exec 9>"$STATE/run/lock"
    flock 9
  fi
}

make_secrets() {
  secrets=$STATE/secrets.env
  (
    umask 077
    [ -f "$secrets" ] || : >"$secrets"
    chmod 600 "$secrets"
    # The broker reads a value that starts with a digit as a number, so passwords start with a letter.
    for user in $(sed -n 's/.*password: \$NEPTUNE_NATS_PASSWORD_\([A-Z0-9_]*\).*/\1/p' "$ROOT/deploy/nats/users.conf"); do
      keep_secret "NEPTUNE_NATS_PASSWORD_$user" "p$(random_hex 24)"
    done
    keep_secret NEPTUNE_KEY_PEPPER "$(random_hex 32)"
    keep_secret NEPTUNE_APPROVAL_SECRET "$(random_hex 32)"
    keep_secret NEPTUNE_GOVERNANCE_SIGNING_KEY "$(random_base64 32)"
    keep_secret NEPTUNE_WEBHOOK_SECRET "whsec_$(random_base64 32)"
  )
}

# keep_secret NAME VALUE: a secret is made once and stays.
keep_secret() {
  grep -q "^$1=" "$secrets" || printf '%s=%s\n' "$1" "$2" >>"$secrets"
}
random_hex() { od -An -v -N"$1" -tx1 /dev/urandom | tr -d ' \n'; }
random_base64() { head -c "$1" /dev/urandom | base64 | tr -d '\n'; }

# birth PID: when a process started; nothing when it is gone or only waits to be reaped. With the
# id it names one process for ever, so that a recycled id is never taken for ours.
birth() {
  if [ -r "/proc/$1/stat" ]; then
    awk '{ sub(/.*\) /, ""); if ($1 != "Z" && $1 != "X") print $20 }' "/proc/$1/stat" 2>/dev/null || true
  elif [ ! -d /proc/self ]; then
    ps -o lstart= -p "$1" 2>/dev/null || true
  fi
}

# running NAME: whether what we started still runs; sets PID.
running() {
  PID=
  [ -s "$STATE/run/$1.pid" ] && [ -s "$STATE/run/$1.birth" ] || return 1
  PID=$(cat "$STATE/run/$1.pid")
  [ "$(birth "$PID")" = "$(cat "$STATE/run/$1.birth")" ]
}

# launch NAME COMMAND…: starts a server that outlives this shell and its terminal.
launch() {
  name=$1
  shift
  log=$STATE/log/$name.log
  [ ! -f "$log" ] || mv "$log" "$log.1"
  detach='nohup'
  if on_path setsid >/dev/null; then detach='setsid'; fi
  (cd / && exec "$detach" "$@") </dev/null >"$log" 2>&1 9>&- &
  remember "$name" $!
}

remember() {
  echo "$2" >"$STATE/run/$1.pid"
  birth "$2" >"$STATE/run/$1.birth"
}

# await NAME TEXT PORT-VARIABLE PORT: waits until the server's log holds TEXT.
await() {
  tries=0
  while ! grep -q "$2" "$STATE/log/$1.log" 2>/dev/null; do
    tries=$((tries + 1))
    if ! running "$1" || [ $tries -gt 600 ]; then
      give_up "$1" "$3" "$4"
    fi
    sleep 0.1
  done
  # A server that cannot have its port says so after other good news.
  running "$1" || give_up "$1" "$3" "$4"
  say "    $1 runs as process $PID at $(address_of "$1")"
}

give_up() {
  log=$STATE/log/$1.log
  kill -KILL "$PID" 2>/dev/null || true
  rm -f "$STATE/run/$1.pid" "$STATE/run/$1.birth"
  if grep -qi 'address already in use' "$log" 2>/dev/null; then
    taken "$1" "$2" "$3"
  fi
  tail -n 15 "$log" >&2 || true
  die "$1 did not start; its log is $log"
}

taken() { die "port $3 for $1 is taken by another program; choose a free one, for example: export $2=$(($3 % 60000 + 1000))"; }

# need_port NAME VARIABLE PORT
need_port() {
  if listening "$3"; then
    taken "$1" "$2" "$3"
  fi
}

# listening PORT: whether a program listens where 127.0.0.1 would be bound.
listening() {
  if [ -r /proc/net/tcp ]; then
    cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | awk -v port="$(printf '%04X' "$1")" '
      $4 == "0A" { split($2, at, ":"); if (at[2] == port && at[1] ~ /^(0+|0100007F|.*FFFF00000100007F)$/) found = 1 }
      END { exit !found }'
  elif on_path lsof >/dev/null; then
    lsof -nP -iTCP:"$1" -sTCP:LISTEN >/dev/null 2>&1
  else
    return 1
  fi
}

# stop NAME SIGNAL: ends what was started under NAME, and nothing else.
stop() {
  if running "$1"; then
    kill "-$2" "$PID" || die "may not stop $1 (process $PID): it was started by another user"
    tries=0
    while [ -n "$(birth "$PID")" ] && running "$1"; do
      tries=$((tries + 1))
      if [ $tries -eq 150 ]; then
        say "    $1 does not stop, so it is killed"
        kill -KILL "$PID" || true
      fi
      sleep 0.1
    done
    say "    stopped $1 (process $PID)"
  fi
  rm -f "$STATE/run/$1.pid" "$STATE/run/$1.birth"
}

delete_data() {
  for name in nats redis postgres; do delete_data_of "$name"; done
}

# delete_data_of NAME: also what lies outside the state directory, see make_data_directory.
delete_data_of() {
  if [ -L "$STATE/$1" ]; then
    case $(readlink "$STATE/$1") in
      /var/lib/neptune-*/postgres) rm -rf "$(dirname "$(readlink "$STATE/$1")")" ;;
    esac
  fi
  rm -rf "${STATE:?}/$1"
}
