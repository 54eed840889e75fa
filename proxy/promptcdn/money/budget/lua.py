"""What runs inside Redis, each script as one step that nothing comes between.

All begin alike: a Redis that has no epoch has lost what it knew. So has one that was started again since the epoch was
set, though it may have read back what it last saved: the epoch begins with the id of the server's own run. Then a new
one is set, and a window in which nobody may reserve while every replica merges what it remembers.
"""

EPOCH = "promptcdn:epoch"
REFILLING = "promptcdn:refilling"
SPENT = "promptcdn:spent"
RETURNED = "promptcdn:returned"

# KEYS: epoch, window.
_KNOWN = """
local info = redis.pcall('INFO', 'server')
local run = type(info) == 'string' and string.match(info, 'run_id:(%w+)') or ''
local epoch = redis.call('GET', KEYS[1])
if epoch and string.sub(epoch, 1, #run) ~= run then
    epoch = false
end
"""

# Gives the epoch, empty where there is none, and whether the window is open. Changes nothing.
STATE = _KNOWN + "return {epoch or '', redis.call('EXISTS', KEYS[2])}"

# ARGV: a new epoch's name, the window in milliseconds.
_EPOCH = (
    _KNOWN
    + """
if not epoch then
    epoch = run .. ':' .. ARGV[1]
    redis.call('SET', KEYS[1], epoch)
    redis.call('SET', KEYS[2], 1, 'PX', ARGV[2])
end
"""
)

# Adds to one replica's fields of all periods, and tells everybody who listens at `channel`: that is a hint, and no
# reason to fail after the counting. `adds` is kind → how much.
_ADD = """
local function add(channel, from, prefix, adds, lengths)
    local changed = {}
    for index, seconds in ipairs(lengths) do
        local key = KEYS[from + index]
        for kind, much in pairs(adds) do
            local now = redis.call('HINCRBY', key, prefix .. kind, much)
            changed[#changed + 1] = {key, prefix .. kind, now}
        end
        redis.call('EXPIRE', key, seconds)
    end
    local said = cjson.encode(changed)
    redis.pcall('PUBLISH', channel, said)
    return said
end
"""

# KEYS: and the hash of each period. ARGV: and [period, field, number] for each number to merge, and for how
# many seconds each hash is of use.
# Gives the epoch, and what each hash holds then.
SYNC = (
    _EPOCH
    + """
for _, told in ipairs(cjson.decode(ARGV[3])) do
    local key, field, number = KEYS[2 + told[1]], told[2], told[3]
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

# KEYS: and the hashes of hour, day, week and month. ARGV: and the epoch that this replica has merged into, the
# beginning of its fields, kind → cost, [period, kind, amount] of each limit, for how long each hash is of use, and
# the channel.
# Gives what came of it, what is used of each limit, and what was counted.
RESERVE = (
    _EPOCH
    + _ADD
    + """
if epoch ~= ARGV[3] or redis.call('EXISTS', KEYS[2]) == 1 then
    return {'refilling', {}, '[]'}
end
local function used(key, kind)
    local sum, fields = 0, redis.call('HGETALL', key)
    for at = 1, #fields, 2 do
        local of = string.match(fields[at], '|(%a+)$')
        if of == kind then
            sum = sum + fields[at + 1]
        elseif of == 'r' .. kind then
            sum = sum - fields[at + 1]
        end
    end
    return sum
end
local costs, outcome, sums = cjson.decode(ARGV[5]), 'granted', {}
for index, limit in ipairs(cjson.decode(ARGV[6])) do
    local cost = costs[limit[2]]
    sums[index] = used(KEYS[2 + limit[1]], limit[2])
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
# ARGV: how long the name is remembered, the beginning of the fields, kind → what comes back, for how long
# each hash is of use, and the channel.
# Gives what was counted: nothing a second time, and never more than this replica spent in that hour.
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
