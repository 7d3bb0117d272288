-- Keeps what was said about answers together with the words of their tasks, newest first. KEYS: the prefix of
-- what tasks were asked with, the list, how many there ever were. ARGV: the most that are kept, for how many
-- seconds, then one judgement each, as JSON. Returns how many had words.
local kept = 0
for index = 3, #ARGV do
  local packed = redis.call('GET', KEYS[1] .. ':' .. cjson.decode(ARGV[index]).task)
  if packed and #packed >= 2 then
    redis.call('LPUSH', KEYS[2], ARGV[index] .. '\n' .. packed)
    kept = kept + 1
  end
end
if kept > 0 then
  redis.call('INCRBY', KEYS[3], kept)
  redis.call('LTRIM', KEYS[2], 0, tonumber(ARGV[1]) - 1)
  redis.call('EXPIRE', KEYS[2], ARGV[2])
end
return kept
