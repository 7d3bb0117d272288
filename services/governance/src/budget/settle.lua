-- Counts a cost as spent in place of what was held, once a hold.
-- KEYS: hold, expiry set, then the budgets to count in when the hold is not known.
-- ARGV: name of the hold, cost, lifetime of the settled mark (s), lifetime of counters (s), sequence
-- of the fact, when that was stored (ms).
-- Returns 1 when this call settled the hold, 0 when it was settled before.
-- The budgets of a known hold are read from it; they lie under the same hash tag as the keys.
local state = redis.call('HGET', KEYS[1], 'state')
if state == 'settled' then return 0 end

local budgets = {}
if state == 'held' then
  local amount = redis.call('HGET', KEYS[1], 'amount')
  for i = 1, tonumber(redis.call('HGET', KEYS[1], 'budgets')) do
    budgets[i] = redis.call('HGET', KEYS[1], i)
    -- A counter that was lost starts at nothing, not below it; and minus nothing is no number.
    if amount ~= '0' and redis.call('HINCRBY', budgets[i], 'held', '-' .. amount) < 0 then
      redis.call('HSET', budgets[i], 'held', '0')
    end
  end
else
  for i = 3, #KEYS do budgets[i - 2] = KEYS[i] end
end

-- In a budget that is not filled from the ledger yet the cost waits: only then it is known whether
-- the ledger's sum has it.
local function count(budget)
  local ledger = redis.call('HMGET', budget, 'through', 'until')
  if not ledger[1] then
    if ARGV[2] ~= '0' then redis.call('HSET', budget .. ':late', ARGV[5], ARGV[2]) end
    redis.call('EXPIRE', budget .. ':late', ARGV[4])
  elseif tonumber(ARGV[5]) > tonumber(ledger[1]) or tonumber(ARGV[6]) > tonumber(ledger[2]) then
    local counted = redis.pcall('HINCRBY', budget, 'spent', ARGV[2])
    if type(counted) == 'table' and counted.err then redis.call('HSET', budget, 'spent', '9223372036854775807') end
    redis.call('EXPIRE', budget, ARGV[4])
  end
end

for _, budget in ipairs(budgets) do count(budget) end

redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'state', 'settled')
redis.call('EXPIRE', KEYS[1], ARGV[3])
redis.call('ZREM', KEYS[2], ARGV[1])
return 1
