-- Takes in what was said about answers; each task counts once for a model, by its strongest signal.
-- KEYS: cells, their version, the prefix of the signals that count, what checks found. ARGV: the rules, then one lesson
-- each, as JSON. Returns one {effect, changed} each, as a list in JSON. The rules of a cell are those
-- of domain/quality/cell.rs and alarm.rs; what checks are worth is in domain/checks.rs.
local rules = cjson.decode(ARGV[1])
-- The one that is taken in.
local lesson

-- Numbers keep all their digits, which cjson.encode alone would not.
local function exactly(record, fields)
  local parts = {}
  for _, field in ipairs(fields) do
    parts[#parts + 1] = string.format('"%s":%.17g', field, record[field])
  end
  return '{' .. table.concat(parts, ',') .. '}'
end

local CELL = {'good', 'bad', 'at_ms', 'faded', 'doubt', 'rising', 'falling'}

local function load(context)
  local stored = redis.call('HGET', KEYS[1], context .. '|' .. lesson.model)
  local cell = stored and cjson.decode(stored) or {}
  for _, field in ipairs(CELL) do cell[field] = cell[field] or 0 end
  return cell
end

local function save(context, cell)
  redis.call('HSET', KEYS[1], context .. '|' .. lesson.model, exactly(cell, CELL))
end

local function kept(from, to) return math.exp(-math.max(to - from, 0) / rules.fades_ms) end

local function fade(cell, by)
  local left = math.exp(-by)
  cell.good, cell.bad, cell.faded = cell.good * left, cell.bad * left, cell.faded + by
end

local function add(cell, reward, weight)
  cell.good, cell.bad = cell.good + weight * reward, cell.bad + weight * (1 - reward)
end

local function notice(cell, deviation, weight)
  cell.rising = math.max(cell.rising + weight * (deviation - rules.alarm_slack), 0)
  cell.falling = math.max(cell.falling + weight * (-deviation - rules.alarm_slack), 0)
  local raised = cell.rising > rules.alarm_at or cell.falling > rules.alarm_at
  if raised then cell.rising, cell.falling = 0, 0 end
  return raised
end

local function count(cell)
  if lesson.at_ms > cell.at_ms then
    local left = kept(cell.at_ms, lesson.at_ms)
    cell.good, cell.bad, cell.doubt, cell.at_ms = cell.good * left, cell.bad * left, cell.doubt * left, lesson.at_ms
  end
  fade(cell, 1 / rules.observations_kept)
  add(cell, lesson.reward, lesson.weight * kept(lesson.at_ms, cell.at_ms))
  local mark = cell.faded
  local changed = notice(cell, lesson.reward - lesson.expected, lesson.weight)
  if changed then
    fade(cell, math.log(math.max((cell.good + cell.bad) / rules.mass_after_alarm, 1)))
    cell.doubt = rules.doubt_after_alarm
  end
  return mark, changed
end

local function replace(cell, mark, old)
  local left = math.exp(mark - cell.faded) * kept(old.counted_at_ms, cell.at_ms)
  add(cell, old.reward, -old.weight * left)
  add(cell, lesson.reward, lesson.weight * left)
  cell.good, cell.bad = math.max(cell.good, 0), math.max(cell.bad, 0)
end

local CHECKS = {'passed', 'refused', 'right', 'wrong'}

-- What became of a checked answer, and what was said of it in the place of what was said before.
local function count_checks(is_new, said_before)
  if not lesson.verdict then return end
  for _, context in ipairs(lesson.contexts) do
    local stored = redis.call('HGET', KEYS[4], context)
    local checks = stored and cjson.decode(stored) or {}
    for _, field in ipairs(CHECKS) do checks[field] = checks[field] or 0 end
    if is_new then checks[lesson.verdict] = checks[lesson.verdict] + 1 end
    if lesson.says then
      if said_before then checks[said_before] = math.max(checks[said_before] - 1, 0) end
      checks[lesson.says] = checks[lesson.says] + 1
    end
    if checks.passed + checks.refused > rules.checks_kept then
      for _, field in ipairs(CHECKS) do checks[field] = checks[field] / 2 end
    end
    redis.call('HSET', KEYS[4], context, exactly(checks, CHECKS))
  end
end

local function take_in()
  local key = KEYS[3] .. ':' .. lesson.task .. ':' .. lesson.model
  local stored = redis.call('HGETALL', key)
  local old = {}
  local said_before = redis.call('HGET', key, 'says') or nil
  for index = 1, #stored, 2 do old[stored[index]] = tonumber(stored[index + 1]) end

  local effect, changed_contexts, marks = 'counted', {}, {}
  if old.rank then
    local is_stronger = lesson.rank > old.rank or (lesson.rank == old.rank and lesson.at_ms > old.at_ms)
    if not is_stronger then return '{"effect":"ignored"}' end
    effect = 'replaced'
  end
  for index, context in ipairs(lesson.contexts) do
    local cell = load(context)
    if effect == 'counted' then
      local mark, changed = count(cell)
      marks[index] = mark
      if changed then changed_contexts[#changed_contexts + 1] = context end
    else
      marks[index] = old['mark' .. index]
      if marks[index] then replace(cell, marks[index], old) end
    end
    save(context, cell)
  end
  count_checks(effect == 'counted', said_before)
  if lesson.says then redis.call('HSET', key, 'says', lesson.says) end
  local counted_at = old.counted_at_ms or lesson.at_ms
  local digits = function(number) return string.format('%.17g', number) end
  redis.call('HSET', key, 'reward', digits(lesson.reward), 'weight', digits(lesson.weight), 'rank', lesson.rank,
    'at_ms', digits(lesson.at_ms), 'counted_at_ms', digits(counted_at))
  for index, mark in pairs(marks) do redis.call('HSET', key, 'mark' .. index, digits(mark)) end
  redis.call('EXPIRE', key, rules.signal_kept_seconds)
  redis.call('INCR', KEYS[2])
  local changed_json = #changed_contexts > 0 and cjson.encode(changed_contexts) or '[]'
  return '{"effect":"' .. effect .. '","changed":' .. changed_json .. '}'
end

local effects = {}
for index = 2, #ARGV do
  lesson = cjson.decode(ARGV[index])
  effects[#effects + 1] = take_in()
end
return '[' .. table.concat(effects, ',') .. ']'
