-- Gives a lease back, if it is still ours. KEYS: the name. ARGV: token, node, where its waiters listen, ms.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
    return 0
end
redis.call('DEL', KEYS[1])
-- Where other nodes listen it is their turn: for these few ms this node, which is nearer to itself, may not have it again.
if redis.call('PUBLISH', ARGV[3], '') > 0 then
    redis.call('SET', KEYS[1], '!' .. ARGV[2], 'PX', ARGV[4])
end
return 1
