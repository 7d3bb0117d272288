# shellcheck shell=sh
# Statistics and holds. Nothing is written to disk: statistics are learned again, and holds are
# settled from facts.

redis_up() {
  if is_external redis; then say "    redis: using the given address"; return 0; fi
  if running redis; then say "    redis runs already (process $PID)"; return 0; fi
  need_port redis "$REDIS_VARIABLE" "$REDIS_PORT"
  mkdir -p "$STATE/redis"
  step "starting redis ($REDIS_BIN)"
  launch redis "$REDIS_BIN" --bind 127.0.0.1 --port "$REDIS_PORT" --daemonize no --logfile '' \
    --save '' --appendonly no --dir "$STATE/redis"
  await redis 'eady to accept connections' "$REDIS_VARIABLE" "$REDIS_PORT"
}
