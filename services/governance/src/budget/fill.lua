-- Takes into a budget what the ledger says was spent, once in a life of the budget.
-- KEYS: the budget, its late settlements.
-- ARGV: the ledger's sum, sequence of the newest fact that is surely in it, time up to which facts
-- of that sequence are meant (ms), lifetime of counters (s).
-- Returns 1 when this call filled it, 0 when it was filled before.
if redis.call('HEXISTS', KEYS[1], 'through') == 1 then return 0 end
redis.call('HSET', KEYS[1], 'spent', ARGV[1], 'through', ARGV[2], 'until', ARGV[3])
local late = redis.call('HGETALL', KEYS[2])
for i = 1, #late, 2 do
  if tonumber(late[i]) > tonumber(ARGV[2]) then
    local counted = redis.pcall('HINCRBY', KEYS[1], 'spent', late[i + 1])
    if type(counted) == 'table' and counted.err then redis.call('HSET', KEYS[1], 'spent', '9223372036854775807') end
  end
end
redis.call('DEL', KEYS[2])
redis.call('EXPIRE', KEYS[1], ARGV[4])
return 1
