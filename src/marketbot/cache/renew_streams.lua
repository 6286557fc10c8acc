-- This process lives on, under a name that may be a new one.
-- KEYS: the processes. ARGV: this process, its lease in milliseconds, the name that it gave up ('' for none).
-- Answers 1 when its lease had ended: what it held may have been given away.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local own = redis.call('ZSCORE', KEYS[1], ARGV[1])
redis.call('ZADD', KEYS[1], now + tonumber(ARGV[2]), ARGV[1])
redis.call('ZREM', KEYS[1], ARGV[3])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - 1)
return (not own or tonumber(own) < now) and 1 or 0
