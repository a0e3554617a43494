-- Takes the name if it is free, or ours already. KEYS: the name, the fence. ARGV: token, node, time to live in ms, the highest
-- fence that this node has seen. Returns {1, fence, 0} or {0, 0, ms until the name may be free}.
local holder = redis.call('GET', KEYS[1])
local is_kept_for_others = holder and string.sub(holder, 1, 1) == '!' and holder ~= '!' .. ARGV[2]
if holder and holder ~= ARGV[1] and not is_kept_for_others then
    return {0, '0', redis.call('PTTL', KEYS[1])}
end
-- A counter that was lost goes on at the time in microseconds: it can't have been counted further than that.
local time = redis.call('TIME')
local counted = tonumber(redis.call('GET', KEYS[2])) or 0
local fence = math.max(counted + 1, time[1] * 1000000 + time[2], ARGV[4] + 1)
local text = string.format('%.0f', fence)
redis.call('SET', KEYS[2], text)
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[3])
return {1, text, 0}
