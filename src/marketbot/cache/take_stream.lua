-- A place for one more stream of a user, unless the processes that live hold as many as are allowed.
-- KEYS: the user's streams (a set of "process:number"), the processes (by when their lease ends, in milliseconds of this server).
-- ARGV: how many are allowed, this process, the stream's number, its lease and the set's life in milliseconds; then the numbers of
-- this process's streams of the user that have ended.
-- Answers 1 or 0, and 1 when this process's lease had ended: what it held may have been given away.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local own = redis.call('ZSCORE', KEYS[2], ARGV[2])
local lapsed = (not own or tonumber(own) < now) and 1 or 0
redis.call('ZADD', KEYS[2], now + tonumber(ARGV[4]), ARGV[2])
for n = 6, #ARGV do
  redis.call('SREM', KEYS[1], ARGV[2] .. ':' .. ARGV[n])
end
local held = 0
for _, member in ipairs(redis.call('SMEMBERS', KEYS[1])) do
  local lease = redis.call('ZSCORE', KEYS[2], string.match(member, '^[^:]*'))
  if lease and tonumber(lease) >= now then
    held = held + 1
  else
    redis.call('SREM', KEYS[1], member)
  end
end
if held >= tonumber(ARGV[1]) then
  return {0, lapsed}
end
redis.call('SADD', KEYS[1], ARGV[2] .. ':' .. ARGV[3])
redis.call('PEXPIRE', KEYS[1], ARGV[5])
return {1, lapsed}
