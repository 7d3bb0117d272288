-- KEYS: hold, expiry set, then one budget each. ARGV: hold id, amount, expiry, record ttl, counter ttl, then one limit each.
-- Returns {0, 0, 0} when held (now or before), else {index of the exceeded budget from 1, spent, held}.
if redis.call('EXISTS', KEYS[1]) == 1 then return {0, '0', '0'} end
local amount = tonumber(ARGV[2])
for i = 3, #KEYS do
  local spent = redis.call('HGET', KEYS[i], 'spent') or '0'
  local held = redis.call('HGET', KEYS[i], 'held') or '0'
  if tonumber(spent) + tonumber(held) + amount > tonumber(ARGV[i + 3]) then return {i - 2, spent, held} end
end
redis.call('HSET', KEYS[1], 'state', 'held', 'amount', ARGV[2])
for i = 3, #KEYS do
  redis.call('HINCRBY', KEYS[i], 'held', ARGV[2])
  redis.call('EXPIRE', KEYS[i], ARGV[5])
  redis.call('HSET', KEYS[1], 'b' .. (i - 2), KEYS[i])
end
redis.call('EXPIRE', KEYS[1], ARGV[4])
redis.call('ZADD', KEYS[2], ARGV[3], ARGV[1])
return {0, '0', '0'}
