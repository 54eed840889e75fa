"""The scripts that run inside Redis, each as one step that no other command comes between.

All begin alike: a Redis without an epoch has lost the count. So has one that was restarted since the epoch was set,
though it may have read back what it last saved: the epoch begins with the id of the server's own run. Then a new epoch
is set, and a window in which nobody may reserve while every replica sends the numbers that it has.
"""

EPOCH = "promptcdn:epoch"
REFILLING = "promptcdn:refilling"
SPENT = "promptcdn:spent"
RETURNED = "promptcdn:returned"

# KEYS: epoch, window.
_CURRENT = """
local info = redis.pcall('INFO', 'server')
local run = type(info) == 'string' and string.match(info, 'run_id:(%w+)') or ''
local epoch = redis.call('GET', KEYS[1])
if epoch and string.sub(epoch, 1, #run) ~= run then
    epoch = false
end
"""

# Gives the epoch (empty where there is none), and whether the window is open. Changes nothing.
STATE = _CURRENT + "return {epoch or '', redis.call('EXISTS', KEYS[2])}"

# ARGV: a new epoch's name, the window in milliseconds.
_EPOCH = (
    _CURRENT
    + """
if not epoch then
    epoch = run .. ':' .. ARGV[1]
    redis.call('SET', KEYS[1], epoch)
    redis.call('SET', KEYS[2], 1, 'PX', ARGV[2])
end
"""
)

# Adds to one replica's fields of all periods, and publishes the new numbers on `channel`: a hint to the other replicas,
# whose failure must not undo the counting. `adds` is kind → number.
_ADD = """
local function add(channel, from, prefix, adds, lengths)
    local changed = {}
    for index, seconds in ipairs(lengths) do
        local key = KEYS[from + index]
        for kind, number in pairs(adds) do
            local now = redis.call('HINCRBY', key, prefix .. kind, number)
            changed[#changed + 1] = {key, prefix .. kind, now}
        end
        redis.call('EXPIRE', key, seconds)
    end
    local numbers = cjson.encode(changed)
    redis.pcall('PUBLISH', channel, numbers)
    return numbers
end
"""

# KEYS: as above, and the hash of each period. ARGV: as above, then [period, field, number] for each number to merge,
# and for how many seconds each hash is kept.
# Gives the epoch, and what each hash has afterwards.
SYNC = (
    _EPOCH
    + """
for _, sent in ipairs(cjson.decode(ARGV[3])) do
    local key, field, number = KEYS[2 + sent[1]], sent[2], sent[3]
    if tonumber(redis.call('HGET', key, field) or 0) < number then
        redis.call('HSET', key, field, string.format('%d', number))
    end
end
local hashes = {}
for index, seconds in ipairs(cjson.decode(ARGV[4])) do
    redis.call('EXPIRE', KEYS[2 + index], seconds)
    hashes[index] = redis.call('HGETALL', KEYS[2 + index])
end
return {epoch, hashes}
"""
)

# KEYS: as above, and the hashes of hour, day, week and month. ARGV: as above, then the epoch that this replica has sent
# its numbers to, the beginning of its fields, kind → cost, of each limit [period, kind, amount, the beginning of the
# engines that it counts, what this cost takes of it], for how many seconds each hash is kept, and the channel.
# Gives the outcome (granted, spent or refilling), what is used of each limit, and the numbers that changed.
RESERVE = (
    _EPOCH
    + _ADD
    + """
if epoch ~= ARGV[3] or redis.call('EXISTS', KEYS[2]) == 1 then
    return {'refilling', {}, '[]'}
end
local function used(key, kind, prefix)
    local sum, fields = 0, redis.call('HGETALL', key)
    for at = 1, #fields, 2 do
        local engine, of = string.match(fields[at], '^[^|]*|(.*)|(%a+)$')
        if engine and string.sub(engine, 1, #prefix) == prefix then
            if of == kind then
                sum = sum + fields[at + 1]
            elseif of == 'r' .. kind then
                sum = sum - fields[at + 1]
            end
        end
    end
    return sum
end
local costs, outcome, sums = cjson.decode(ARGV[5]), 'granted', {}
for index, limit in ipairs(cjson.decode(ARGV[6])) do
    local cost = limit[5]
    sums[index] = used(KEYS[2 + limit[1]], limit[2], limit[4])
    if cost > 0 and sums[index] + cost > limit[3] then
        outcome = 'spent'
    end
end
if outcome ~= 'granted' then
    return {outcome, sums, '[]'}
end
return {outcome, sums, add(ARGV[8], 2, ARGV[4], costs, cjson.decode(ARGV[7]))}
"""
)

# KEYS: a name for this giving back, and the hashes of the hour, day, week and month it was charged to.
# ARGV: for how many seconds the name is kept, the beginning of the fields, kind → what comes back, for how many seconds
# each hash is kept, and the channel.
# Gives the numbers that changed: none a second time, and never more than this replica spent in that hour.
GIVE_BACK = (
    _ADD
    + """
local function number(kind)
    return tonumber(redis.call('HGET', KEYS[2], ARGV[2] .. kind) or 0)
end
local backs = cjson.decode(ARGV[3])
if number('p') - number('rp') < backs['rp'] or not redis.call('SET', KEYS[1], 1, 'NX', 'EX', ARGV[1]) then
    return '[]'
end
return add(ARGV[5], 1, ARGV[2], backs, cjson.decode(ARGV[4]))
"""
)
