-- KEYS: counts by model; the copies a model answered. ARGV: model, copy, most that are counted.
local known = redis.call('SCARD', KEYS[2])
if known < tonumber(ARGV[3]) and redis.call('SADD', KEYS[2], ARGV[2]) == 1 then
  known = known + 1
  redis.call('HSET', KEYS[1], ARGV[1], known)
end
return known
