# shellcheck shell=sh
# The broker.

nats_up() {
  if is_external nats; then say "    nats: using the given address"; return 0; fi
  if running nats; then say "    nats runs already (process $PID)"; return 0; fi
  need_port nats "$NATS_VARIABLE" "$NATS_PORT"
  need_port nats "$MONITOR_VARIABLE" "$NATS_MONITOR_PORT"
  [ "$PROFILE" != test ] || rm -rf "$STATE/nats"
  mkdir -p "$STATE/nats"
  step "starting nats-server ($NATS_BIN)"
  (
    nats_environment
    launch nats "$NATS_BIN" -c "$ROOT/deploy/nats/$PROFILE.conf"
  )
  await nats 'Server is ready' "$NATS_VARIABLE" "$NATS_PORT"
}

# What deploy/nats/*.conf refer to. Text that could be read as a number or that may hold blanks
# carries its own quotes.
nats_environment() {
  export NEPTUNE_NATS_PORT="$NATS_PORT" NEPTUNE_NATS_MONITOR_PORT="$NATS_MONITOR_PORT"
  # shellcheck disable=SC2089,SC2090 # the quotes are for the broker
  export NEPTUNE_NATS_STORE_DIR="\"$STATE/nats\""
  # shellcheck disable=SC2089,SC2090
  case ${NEPTUNE_NATS_SYNC:-always} in
    always) export NEPTUNE_NATS_SYNC_INTERVAL='"always"' ;;
    default) export NEPTUNE_NATS_SYNC_INTERVAL='"2m"' ;;
    *) die "NEPTUNE_NATS_SYNC is neither always nor default" ;;
  esac
  [ -z "${NEPTUNE_NATS_GOMAXPROCS:-}" ] || export GOMAXPROCS="$NEPTUNE_NATS_GOMAXPROCS"
  if [ "$PROFILE" != test ]; then
    set -a
    # shellcheck source=/dev/null
    . "$STATE/secrets.env"
    set +a
  fi
}
