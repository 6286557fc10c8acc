-- domain/gcra.py over several limits at once: taken from all of them, or, when one refuses, from none.
-- KEYS: a limit each. ARGV: the time in microseconds ('' for this server's), then interval and burst of each key.
-- Answers, for each key: 1 or 0, the theoretical arrival time, what remains, microseconds to wait; and last the time used.
-- Numbers are doubles: whole microseconds since 1970 are exact in them for another two centuries. They leave as text.
local now = tonumber(ARGV[1])
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000000 + time[2]
end
local answer, all_allowed, fresh = {}, true, {}
for n, key in ipairs(KEYS) do
  local interval, burst = tonumber(ARGV[2 * n]), tonumber(ARGV[2 * n + 1])
  local window = interval * burst
  local start = math.max(tonumber(redis.call('GET', key) or '0'), now)
  local over = start + interval - now - window
  local allowed, tat, wait = 1, start + interval, 0
  if over > 0 then
    allowed, tat, wait, all_allowed = 0, start, over, false
  end
  fresh[n] = tat
  answer[#answer + 1] = allowed
  answer[#answer + 1] = string.format('%.0f', tat)
  answer[#answer + 1] = string.format('%.0f', math.floor((window - (tat - now)) / interval))
  answer[#answer + 1] = string.format('%.0f', wait)
end
if all_allowed then
  for n, key in ipairs(KEYS) do
    -- Forgotten when it is whole again: then it says nothing any more. At least a second, so that no expiry is zero.
    redis.call('SET', key, string.format('%.0f', fresh[n]), 'PX', math.max(1000, math.ceil((fresh[n] - now) / 1000)))
  end
end
answer[#answer + 1] = string.format('%.0f', now)
return answer
