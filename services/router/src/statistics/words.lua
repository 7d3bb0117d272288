-- Learns what words say about models beyond the mean. KEYS: the prefix of what tasks were asked with, the
-- prefix of the weights, the gains. ARGV: the rules, then one signal each, as JSON. Returns how many were
-- learnt from. The rules are those of domain/words.rs.
local rules = cjson.decode(ARGV[1])
local digits = function(number) return string.format('%.17g', number) end
local function clamp(value, least, most) return math.min(math.max(value, least), most) end

-- A mean moved by a shift, still short of 0 and 1.
local function moved(mean, shift)
  return clamp(mean + shift, math.min(mean, rules.least_mean), math.max(mean, 1 - rules.least_mean))
end

local function take_in(signal)
  local packed = redis.call('GET', KEYS[1] .. ':' .. signal.task)
  if not packed or #packed < 2 then return 0 end
  local buckets = {}
  for at = 1, #packed, 2 do buckets[#buckets + 1] = struct.unpack('<I2', packed, at) end

  local key = KEYS[2] .. ':' .. signal.model
  local weights, sum = redis.call('HMGET', key, unpack(buckets)), 0
  for index = 1, #buckets do
    weights[index] = tonumber(weights[index] or 0)
    sum = sum + weights[index]
  end
  local value = 1 / math.sqrt(#buckets)
  local score = sum * value
  local with_words = moved(signal.base, clamp(score, -rules.most_shift, rules.most_shift))
  local saved = signal.weight * ((signal.reward - signal.base) ^ 2 - (signal.reward - with_words) ^ 2)

  local gain = redis.call('HGET', KEYS[3], signal.model)
  gain = gain and cjson.decode(gain) or {0, 0, 0}
  local kept = 1 - 1 / rules.signals_kept
  gain = {gain[1] * kept + 1, gain[2] * kept + saved, gain[3] * kept + saved * saved}
  redis.call('HSET', KEYS[3], signal.model,
    '[' .. digits(gain[1]) .. ',' .. digits(gain[2]) .. ',' .. digits(gain[3]) .. ']')

  local step = rules.learning_rate * signal.weight
  local left_over = signal.reward - signal.base - score
  local written = {}
  for index, bucket in ipairs(buckets) do
    written[#written + 1] = bucket
    written[#written + 1] = digits(weights[index] * (1 - step * rules.ridge) + step * left_over * value)
  end
  redis.call('HSET', key, unpack(written))
  return 1
end

local learnt = 0
for index = 2, #ARGV do learnt = learnt + take_in(cjson.decode(ARGV[index])) end
return learnt
