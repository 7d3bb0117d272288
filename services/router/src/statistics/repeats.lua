-- Takes in askings, each once, and finds repeats. KEYS: the prefix of the first askings, the counts by
-- model. ARGV: the rules, then one asking each, as JSON. Returns for each repeat, as JSON: the lesson
-- of the first asking, when it was asked again, and [askings, repeats] of its model and of the others.
-- What a repeat says is decided in domain/repeat.rs.
local rules = cjson.decode(ARGV[1])

local function rates(model)
  local own, others = {0, 0}, {0, 0}
  local counts = redis.call('HGETALL', KEYS[2])
  for index = 1, #counts, 2 do
    local what, name = string.match(counts[index], '^(%a+)|(.*)$')
    local place = what == 'askings' and 1 or 2
    local side = name == model and own or others
    side[place] = side[place] + tonumber(counts[index + 1])
  end
  return own, others
end

local function count(what, model)
  redis.call('HINCRBYFLOAT', KEYS[2], what .. '|' .. model, 1)
  local askings = tonumber(redis.call('HGET', KEYS[2], 'askings|' .. model) or 0)
  if askings > rules.askings_kept then
    -- Halves, so that a rate is of the newest askings.
    for _, field in ipairs({'askings|', 'repeats|'}) do
      local stored = tonumber(redis.call('HGET', KEYS[2], field .. model) or 0)
      redis.call('HSET', KEYS[2], field .. model, string.format('%.17g', stored / 2))
    end
  end
end

local function begin(key, asking)
  redis.call('DEL', key)
  redis.call('HSET', key, 'first', asking.task, 'model', asking.model, 'answered_ms', asking.answered_ms,
    'last_ms', asking.answered_ms, 'lesson', asking.lesson)
  count('askings', asking.model)
end

local found = {}

local function tell(first, asking)
  local own, others = rates(first.model)
  found[#found + 1] = string.format('{"lesson":%s,"asked_ms":%d,"own":[%.17g,%.17g],"others":[%.17g,%.17g]}',
    first.lesson, asking.asked_ms, own[1], own[2], others[1], others[2])
end

local function take_in(asking)
  local key = KEYS[1] .. ':' .. asking.sum
  local stored, first = redis.call('HGETALL', key), {}
  for index = 1, #stored, 2 do first[stored[index]] = stored[index + 1] end
  if first.first == asking.task then return end
  if first.second == asking.task then
    if first.is_repeat == '1' then tell(first, asking) end
    return
  end
  if not first.first or asking.asked_ms > tonumber(first.last_ms) + rules.repeat_within_ms then
    begin(key, asking)
  else
    if not first.second then
      local is_repeat = asking.asked_ms >= tonumber(first.answered_ms) + rules.reading_takes_ms
      redis.call('HSET', key, 'second', asking.task, 'is_repeat', is_repeat and '1' or '0')
      if is_repeat then
        count('repeats', first.model)
        tell(first, asking)
      end
    end
    local last_ms = math.max(tonumber(first.last_ms), asking.answered_ms)
    redis.call('HSET', key, 'last_ms', string.format('%d', last_ms))
  end
  redis.call('EXPIRE', key, rules.kept_seconds)
end

for index = 2, #ARGV do take_in(cjson.decode(ARGV[index])) end
return found
