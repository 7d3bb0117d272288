-- KEYS: model hash, mark of the attempt. ARGV: now (s), decay (s), succeeded, counts against the model, latency (ms), output tokens, task type.
-- Returns the failures in a row, or -1 when the attempt was counted before.
if not redis.call('SET', KEYS[2], '1', 'NX', 'EX', 86400) then return -1 end
local now, decay = tonumber(ARGV[1]), tonumber(ARGV[2])
local known = redis.call('HMGET', KEYS[1], 'ok', 'bad', 'at', 'latency', 'row')
local weight = math.exp(-math.max(0, now - tonumber(known[3] or now)) / decay)
local ok, bad = tonumber(known[1] or 0) * weight, tonumber(known[2] or 0) * weight
local row = tonumber(known[5] or 0)
if ARGV[3] == '1' then
  ok, row = ok + 1, 0
  -- A moving average over about ten calls follows a slowdown within seconds of traffic.
  local latency = known[4] and tonumber(known[4]) * 0.9 + tonumber(ARGV[5]) * 0.1 or tonumber(ARGV[5])
  redis.call('HSET', KEYS[1], 'latency', tostring(latency))
  redis.call('HDEL', KEYS[1], 'open_until', 'open_because')
  if ARGV[7] ~= '' then
    local field = 'out:' .. ARGV[7]
    local before = redis.call('HGET', KEYS[1], field)
    local tokens = before and tonumber(before) * 0.95 + tonumber(ARGV[6]) * 0.05 or tonumber(ARGV[6])
    redis.call('HSET', KEYS[1], field, tostring(tokens))
  end
else
  bad = bad + 1
  if ARGV[4] == '1' then row = row + 1 end
end
redis.call('HSET', KEYS[1], 'ok', tostring(ok), 'bad', tostring(bad), 'at', ARGV[1], 'row', tostring(row))
redis.call('EXPIRE', KEYS[1], 604800)
return row
