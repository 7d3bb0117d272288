-- Holds an amount in every budget, or touches nothing.
-- KEYS: hold, expiry set, then one budget each.
-- ARGV: name of the hold, amount, expiry (ms), lifetime of counters (s), then one limit each.
-- Returns {0, held amount, ''} when held, now or since before; {-1, '', ''} when settled before;
-- {-2, '', ''} when a budget does not know yet what was spent in it; else {index of the exceeded budget
-- from 1, spent, held}.

-- Lua counts exactly only up to 2^53, so amounts are compared as two halves to the base 10^12.
local function halves(text)
  if #text <= 12 then return 0, tonumber(text) end
  return tonumber(string.sub(text, 1, -13)), tonumber(string.sub(text, -12))
end

local function exceeds(parts, limit)
  local high, low = 0, 0
  for _, part in ipairs(parts) do
    local h, l = halves(part)
    high, low = high + h, low + l
  end
  local carry = math.floor(low / 1e12)
  high, low = high + carry, low - carry * 1e12
  local limit_high, limit_low = halves(limit)
  return high > limit_high or (high == limit_high and low > limit_low)
end

local state = redis.call('HGET', KEYS[1], 'state')
if state == 'settled' then return {-1, '', ''} end
if state == 'held' then
  -- The task is on its way again, so its money stays held for as long as the new admission.
  redis.call('ZADD', KEYS[2], 'GT', ARGV[3], ARGV[1])
  return {0, redis.call('HGET', KEYS[1], 'amount'), ''}
end

for i = 3, #KEYS do
  local counts = redis.call('HMGET', KEYS[i], 'spent', 'held', 'through')
  if not counts[3] then return {-2, '', ''} end
  local spent, held = counts[1] or '0', counts[2] or '0'
  if exceeds({spent, held, ARGV[2]}, ARGV[i + 2]) then return {i - 2, spent, held} end
end

redis.call('HSET', KEYS[1], 'state', 'held', 'amount', ARGV[2], 'budgets', #KEYS - 2)
for i = 3, #KEYS do
  redis.call('HINCRBY', KEYS[i], 'held', ARGV[2])
  redis.call('EXPIRE', KEYS[i], ARGV[4])
  redis.call('HSET', KEYS[1], i - 2, KEYS[i])
end
redis.call('ZADD', KEYS[2], ARGV[3], ARGV[1])
return {0, ARGV[2], ''}
