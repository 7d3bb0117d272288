-- Takes in what providers said was left of their rate limits; the newest account of a model wins.
-- KEYS: accounts by model. ARGV: four of each account: model, when it was said (us), when it is
-- forgotten (ms), the account as JSON. Returns how many were newer than what was known.
local taken = 0
for index = 1, #ARGV, 4 do
  local model, at_us, until_ms = ARGV[index], tonumber(ARGV[index + 1]), tonumber(ARGV[index + 2])
  local stored = redis.call('HGET', KEYS[1], model)
  if not stored or cjson.decode(stored).at_us < at_us then
    redis.call('HSET', KEYS[1], model, ARGV[index + 3])
    taken = taken + 1
    -- All are forgotten with the last of them; a reader overlooks the others by their own times.
    if redis.call('PTTL', KEYS[1]) < until_ms - at_us / 1000 then redis.call('PEXPIREAT', KEYS[1], until_ms) end
  end
end
return taken
