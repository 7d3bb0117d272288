-- KEYS: expiry set. ARGV: now, prefix of hold keys. Frees expired holds; returns how many.
-- Every key lies under the same hash tag, so the script stays on one node of a cluster.
local due = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1], 'LIMIT', 0, 100)
for _, id in ipairs(due) do
  local hold = ARGV[2] .. id
  if redis.call('HGET', hold, 'state') == 'held' then
    local amount = redis.call('HGET', hold, 'amount')
    local i = 1
    local budget = redis.call('HGET', hold, 'b1')
    while budget do
      redis.call('HINCRBY', budget, 'held', '-' .. amount)
      i = i + 1
      budget = redis.call('HGET', hold, 'b' .. i)
    end
    redis.call('HSET', hold, 'state', 'expired')
  end
  redis.call('ZREM', KEYS[1], id)
end
return #due
