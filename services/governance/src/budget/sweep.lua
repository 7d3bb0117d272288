-- Frees the money of expired holds. A settlement that comes later is counted all the same.
-- KEYS: expiry set. ARGV: now (ms), prefix of hold keys, most holds to free.
-- Returns how many were freed. Holds and budgets lie under the same hash tag as the key.
local due = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1], 'LIMIT', 0, ARGV[3])
for _, name in ipairs(due) do
  local hold = ARGV[2] .. name
  if redis.call('HGET', hold, 'state') == 'held' then
    local amount = redis.call('HGET', hold, 'amount')
    for i = 1, tonumber(redis.call('HGET', hold, 'budgets')) do
      local budget = redis.call('HGET', hold, i)
      -- A counter that was lost starts at nothing, not below it; and minus nothing is no number.
      if amount ~= '0' and redis.call('HINCRBY', budget, 'held', '-' .. amount) < 0 then
        redis.call('HSET', budget, 'held', '0')
      end
    end
    redis.call('DEL', hold)
  end
  redis.call('ZREM', KEYS[1], name)
end
return #due
