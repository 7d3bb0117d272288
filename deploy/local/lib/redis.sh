# shellcheck shell=sh
# Statistics, holds and spend. They are written to disk within a second, so that a restart forgets
# next to nothing. What is lost all the same is learned again, or asked of the ledger. The instance for
# tests keeps nothing.

redis_up() {
  if is_external redis; then say "    redis: using the given address"; return 0; fi
  if running redis; then say "    redis runs already (process $PID)"; return 0; fi
  need_port redis "$REDIS_VARIABLE" "$REDIS_PORT"
  mkdir -p "$STATE/redis"
  step "starting redis ($REDIS_BIN)"
  keep=yes
  [ "$PROFILE" != test ] || keep=no
  launch redis "$REDIS_BIN" --bind 127.0.0.1 --port "$REDIS_PORT" --daemonize no --logfile '' \
    --save '' --appendonly "$keep" --appendfsync everysec --dir "$STATE/redis"
  await redis 'eady to accept connections' "$REDIS_VARIABLE" "$REDIS_PORT"
}
