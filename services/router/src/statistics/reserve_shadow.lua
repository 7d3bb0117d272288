-- KEYS[1] the day of a route. ARGV: copy, micro-dollars, cap in micro-dollars, seconds to keep.
-- 1 when the copy may be made.
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 1 then
  return 1
end
local spent = tonumber(redis.call('HGET', KEYS[1], 'spent') or '0')
if spent + tonumber(ARGV[2]) > tonumber(ARGV[3]) then
  return 0
end
redis.call('HINCRBY', KEYS[1], 'spent', ARGV[2])
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('EXPIRE', KEYS[1], ARGV[4])
return 1
