-- Takes in observations of attempts, each attempt once. KEYS: models, answers, prefix of the seen
-- sets, latencies. ARGV: the rules, then one observation each, as JSON. Returns how many were new.
-- The circuit's rules are those of domain/circuit.rs.
local rules = cjson.decode(ARGV[1])
local counted = 0

local function number(value) return tonumber(value) or 0 end

local function is_new(seen)
  local is_failure = seen.cause ~= nil
  local bucket = KEYS[3] .. (is_failure and ':f:' or ':s:') .. math.floor(seen.at_ms / 60000)
  if redis.call('SADD', bucket, seen.attempt) == 0 then return false end
  redis.call('EXPIRE', bucket, is_failure and rules.failure_seen_seconds or rules.success_seen_seconds)
  return true
end

local function count(record, seen)
  local elapsed = seen.at_ms - record.counted_at_ms
  local fade = math.exp(-math.abs(elapsed) / rules.success_fades_ms)
  local weight = 1
  if elapsed > 0 then
    record.successes, record.failures = record.successes * fade, record.failures * fade
    record.counted_at_ms = seen.at_ms
  else
    weight = fade
  end
  -- Calls that were under way when the circuit opened belong to the outage that opened it.
  if seen.cause and record.open_from_ms <= seen.at_ms and seen.at_ms < record.open_until_ms then return end
  local what = seen.cause and 'failures' or 'successes'
  record[what] = record[what] + weight
end

local function open(record, from, till)
  local is_open = from < record.open_until_ms
  record.open_from_ms = is_open and math.min(record.open_from_ms, from) or from
  record.open_until_ms = math.max(record.open_until_ms, till)
end

local function fail(record, seen)
  record.failed_at_ms = math.max(record.failed_at_ms, seen.at_ms)
  local is_about_to_open = seen.at_ms < record.open_from_ms
  local is_open = not is_about_to_open and seen.at_ms < record.open_until_ms
  local is_outdated = seen.at_ms <= record.succeeded_at_ms
  if (is_open or is_outdated) and not seen.pause_ms then return end
  if not is_open and not is_outdated then
    local is_first = record.consecutive == 0
    record.failing_since_ms = is_first and seen.at_ms or math.min(record.failing_since_ms, seen.at_ms)
    record.consecutive = record.consecutive + 1
  end
  record.cause = seen.cause
  if seen.pause_ms then
    open(record, seen.at_ms, seen.at_ms + seen.pause_ms)
  elseif record.consecutive >= rules.failures_to_open and not is_about_to_open then
    local grace = record.pauses == 0 and rules.grace_ms or 0
    local pause = math.min(rules.first_pause_ms * 2 ^ math.min(record.pauses, 8), rules.longest_pause_ms)
    record.pauses = record.pauses + 1
    open(record, seen.at_ms + grace, seen.at_ms + pause)
  end
end

local function answer(record, seen)
  if record.open_from_ms <= seen.at_ms and seen.at_ms < record.open_until_ms then return end
  if seen.at_ms <= math.max(record.succeeded_at_ms, record.failing_since_ms) then return end
  if record.open_until_ms > 0 and seen.at_ms >= record.open_until_ms then
    -- The outage is over: its failures say little about the time after it.
    record.failures = math.max(record.failures - record.consecutive, 0)
  end
  record.succeeded_at_ms, record.pauses = seen.at_ms, 0
  record.open_from_ms, record.open_until_ms = 0, 0
  if seen.at_ms > record.failed_at_ms then
    record.consecutive, record.failing_since_ms, record.cause = 0, 0, nil
  else
    -- Heard of late, after failures that came after it.
    record.consecutive, record.failing_since_ms = 1, seen.at_ms
  end
end

local function take(kept, values)
  kept.answers = math.min(number(kept.answers) + 1, rules.mean_memory)
  for name, value in pairs(values) do
    kept[name] = number(kept[name]) + (value - number(kept[name])) / kept.answers
  end
  return kept
end

-- Moments of single answers; those of domain/quantile.rs.
local function spread(kept, seen)
  local latency, output = math.log(math.max(seen.latency_ms, 1)), math.log(math.max(seen.output_tokens, 1))
  return take(kept, {
    latency_log = latency, latency_log_square = latency * latency,
    output_log = output, output_log_square = output * output,
    cached_share = seen.cached_share or 0,
  })
end

-- Moments of streamed answers; those of domain/speed.rs.
local function speed(kept, seen)
  local first_ms, token_ms = math.max(seen.first_token_ms, 1), math.max(seen.token_us, 1) / 1000
  local first, token = math.log(first_ms), math.log(token_ms)
  return take(kept, {
    first_ms = first_ms, first_log = first, first_log_square = first * first,
    token_ms = token_ms, token_log = token, token_log_square = token * token,
  })
end

local function learn_answer(seen)
  if not seen.task_type or not seen.output_tokens then return end
  local field = seen.task_type .. '|' .. seen.model
  local stored = redis.call('HGET', KEYS[2], field)
  local means = stored and cjson.decode(stored) or {answers = 0, latency_ms = 0, output_tokens = 0}
  means.answers = math.min(means.answers + 1, rules.mean_memory)
  means.latency_ms = means.latency_ms + (seen.latency_ms - means.latency_ms) / means.answers
  means.output_tokens = means.output_tokens + (seen.output_tokens - means.output_tokens) / means.answers
  means.spread = spread(means.spread or {}, seen)
  if seen.token_us then means.speed = speed(means.speed or {}, seen) end
  redis.call('HSET', KEYS[2], field, cjson.encode(means))
end

local function learn_latency(seen)
  if not seen.bucket then return end
  local stored = redis.call('HGET', KEYS[4], seen.model)
  local counts = stored and cjson.decode(stored) or {}
  local field, sum = tostring(seen.bucket), 0
  counts[field] = number(counts[field]) + 1
  for _, count in pairs(counts) do sum = sum + count end
  if sum > rules.latency_memory then
    for bucket, count in pairs(counts) do counts[bucket] = count / 2 end
  end
  redis.call('HSET', KEYS[4], seen.model, cjson.encode(counts))
end

for index = 2, #ARGV do
  local seen = cjson.decode(ARGV[index])
  if is_new(seen) then
    counted = counted + 1
    local stored = redis.call('HGET', KEYS[1], seen.model)
    local record = stored and cjson.decode(stored) or {}
    for _, field in ipairs({'successes', 'failures', 'counted_at_ms', 'consecutive', 'failing_since_ms', 'pauses', 'open_from_ms', 'open_until_ms', 'failed_at_ms', 'succeeded_at_ms'}) do
      record[field] = number(record[field])
    end
    count(record, seen)
    if seen.cause then fail(record, seen) else answer(record, seen) end
    redis.call('HSET', KEYS[1], seen.model, cjson.encode(record))
    if not seen.cause then
      learn_answer(seen)
      learn_latency(seen)
    end
  end
end
return counted
