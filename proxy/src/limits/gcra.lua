-- GCRA of one account and class (api contract 7.1), decided and stored in one step. Microseconds: whole numbers of them
-- stay exact in a double. The clock is this server's: what proxies' clocks say does not matter.
--   KEYS[1]  the stored time
--   ARGV[1]  window / limit    ARGV[2]  window
--   ARGV[3]  1: draw, 0: look  ARGV[4]  the stored time that the caller knows of, or 0
--   ARGV[5]  seconds that the key lives
-- Answers {1 if drawn, stored time, now}.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local spacing, window = tonumber(ARGV[1]), tonumber(ARGV[2])
local tat = math.max(tonumber(redis.call('GET', KEYS[1]) or 0), tonumber(ARGV[4]), now)
-- A clock that was set back must not lock anybody out for longer than a window.
tat = math.min(tat, now + window)
if ARGV[3] == '0' or tat + spacing - now > window then
    return {0, tat, now}
end
redis.call('SET', KEYS[1], string.format('%.0f', tat + spacing), 'EX', ARGV[5])
return {1, tat + spacing, now}
