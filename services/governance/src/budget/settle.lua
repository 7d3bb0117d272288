-- KEYS: hold, expiry set, then the budgets to count in when the hold is not known. ARGV: hold id, cost, record ttl, counter ttl.
-- Returns 1 when this call counted the cost, 0 when it was counted before.
local state = redis.call('HGET', KEYS[1], 'state')
if state == 'settled' then return 0 end
local budgets = {}
if state then
  local i = 1
  local budget = redis.call('HGET', KEYS[1], 'b1')
  while budget do
    budgets[i] = budget
    i = i + 1
    budget = redis.call('HGET', KEYS[1], 'b' .. i)
  end
else
  for i = 3, #KEYS do budgets[i - 2] = KEYS[i] end
end
local amount = redis.call('HGET', KEYS[1], 'amount')
for _, budget in ipairs(budgets) do
  if state == 'held' then redis.call('HINCRBY', budget, 'held', '-' .. amount) end
  redis.call('HINCRBY', budget, 'spent', ARGV[2])
  redis.call('EXPIRE', budget, ARGV[4])
end
redis.call('HSET', KEYS[1], 'state', 'settled')
redis.call('EXPIRE', KEYS[1], ARGV[3])
redis.call('ZREM', KEYS[2], ARGV[1])
return 1
