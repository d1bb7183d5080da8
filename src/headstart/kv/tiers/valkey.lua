-- The books of the Valkey tier, next to its pages, so that all hosts keep the same ones.
-- Decides the same as Books in books.py. KEYS[1] is the name space, in braces.
--
--   NS:d:NAME   the object          NS:key   HASH name -> "model scope parent page size"
--   NS:lru      ZSET name by use    NS:kids  HASH name -> pages that continue it
--   NS:scopes   HASH scope -> bytes NS:lease ZSET name by expiry   NS:pins  SET
--   NS:hits     HASH, NS:used HASH  NS:seq   counter of uses
local ns, op = KEYS[1], ARGV[1]

local function k(suffix) return ns .. ':' .. suffix end

local function meta(name)
  local text = redis.call('HGET', k('key'), name)
  if not text then return nil end
  local model, scope, parent, page, size = text:match('(%S+) (%S+) (%S+) (%d+) (%d+)')
  return {model = model, scope = scope, parent = parent, page = tonumber(page), size = tonumber(size)}
end

local function strike(name)
  local found = meta(name)
  redis.call('DEL', k('d:' .. name))
  if not found then return end
  for _, hash in ipairs({'key', 'hits', 'used'}) do redis.call('HDEL', k(hash), name) end
  redis.call('ZREM', k('lru'), name)
  redis.call('ZREM', k('lease'), name)
  redis.call('SREM', k('pins'), name)
  if redis.call('HINCRBY', k('kids'), found.parent, -1) <= 0 then
    redis.call('HDEL', k('kids'), found.parent)
  end
  if redis.call('HINCRBY', k('scopes'), found.scope, -found.size) <= 0 then
    redis.call('HDEL', k('scopes'), found.scope)
  end
end

local function scopes()
  local flat, held, total = redis.call('HGETALL', k('scopes')), {}, 0
  for i = 1, #flat, 2 do
    held[flat[i]] = tonumber(flat[i + 1])
    total = total + held[flat[i]]
  end
  return held, total
end

-- Bytes of pins and of unexpired leases, and those leases, soonest first.
local function retained(now)
  local pinned, leased, list = 0, 0, {}
  for _, name in ipairs(redis.call('SMEMBERS', k('pins'))) do
    local found = meta(name)
    if found then pinned = pinned + found.size end
  end
  local flat = redis.call('ZRANGEBYSCORE', k('lease'), '(' .. now, '+inf', 'WITHSCORES')
  for i = 1, #flat, 2 do
    local found = meta(flat[i])
    if found and redis.call('SISMEMBER', k('pins'), flat[i]) == 0 then
      leased = leased + found.size
      list[#list + 1] = {name = flat[i], at = tonumber(flat[i + 1]), page = found.page, size = found.size}
    end
  end
  table.sort(list, function(a, b)
    if a.at ~= b.at then return a.at < b.at end
    if a.page ~= b.page then return a.page > b.page end
    return a.name < b.name
  end)
  return pinned, leased, list
end

-- Scopes to evict from for `size` more bytes of `scope`, best first; nil if they fit.
local function crowded(held, total, scope, size, limit, floor, strict)
  if floor < 0 then
    if total + size <= limit then return nil end
    return {false}
  end
  if strict and (held[scope] or 0) + size > floor then return {scope} end
  if total + size <= limit then return nil end
  local over = {}
  held[scope] = (held[scope] or 0) + size
  for name, bytes in pairs(held) do
    if bytes > floor then over[#over + 1] = name end
  end
  table.sort(over, function(a, b)
    if held[a] ~= held[b] then return held[a] > held[b] end
    return a < b
  end)
  held[scope] = held[scope] - size
  over[#over + 1] = scope
  return over
end

local function victim(scope, parent, now, gone, orphaned)
  local start = 0
  while true do
    local part = redis.call('ZRANGE', k('lru'), start, start + 63)
    if #part == 0 then return nil end
    for _, name in ipairs(part) do
      if not gone[name] and name ~= parent then
        local kids = tonumber(redis.call('HGET', k('kids'), name) or 0) - (orphaned[name] or 0)
        local until_ = tonumber(redis.call('ZSCORE', k('lease'), name) or 0)
        if kids <= 0 and until_ <= now and redis.call('SISMEMBER', k('pins'), name) == 0 then
          local found = meta(name)
          if found and (not scope or found.scope == scope) then return name, found end
        end
      end
    end
    start = start + 64
  end
end

local function put()
  local name, model, scope, parent, page = ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6]
  local limit, floor, strict = tonumber(ARGV[7]), tonumber(ARGV[8]), ARGV[9] == '1'
  local now, data = tonumber(ARGV[10]), ARGV[11]
  if redis.call('EXISTS', k('d:' .. name)) == 1 then return {1, 0} end
  strike(name)
  local held, total = scopes()
  local gone, orphaned, list = {}, {}, {}
  while true do
    local among = crowded(held, total, scope, #data, limit, floor, strict)
    if not among then break end
    local chosen, found
    for _, candidate in ipairs(among) do
      chosen, found = victim(candidate, parent, now, gone, orphaned)
      if chosen then break end
    end
    if not chosen then return {0, 0} end
    gone[chosen] = true
    orphaned[found.parent] = (orphaned[found.parent] or 0) + 1
    held[found.scope] = held[found.scope] - found.size
    total = total - found.size
    list[#list + 1] = chosen
  end
  for _, chosen in ipairs(list) do strike(chosen) end
  redis.call('SET', k('d:' .. name), data)
  redis.call('HSET', k('key'), name, table.concat({model, scope, parent, page, #data}, ' '))
  redis.call('HINCRBY', k('kids'), parent, 1)
  redis.call('HINCRBY', k('scopes'), scope, #data)
  redis.call('HSET', k('used'), name, ARGV[10])
  redis.call('ZADD', k('lru'), redis.call('INCR', k('seq')), name)
  return {2, #list}
end

local function touch()
  for i = #ARGV, 3, -1 do
    if redis.call('HEXISTS', k('key'), ARGV[i]) == 1 then
      redis.call('ZADD', k('lru'), redis.call('INCR', k('seq')), ARGV[i])
      redis.call('HINCRBY', k('hits'), ARGV[i], 1)
      redis.call('HSET', k('used'), ARGV[i], ARGV[2])
    end
  end
  return 0
end

local function lease()
  local limit, until_, now, covered, broken = tonumber(ARGV[2]), ARGV[3], ARGV[4], 0, 0
  for i = 6, #ARGV do
    if redis.call('HEXISTS', k('key'), ARGV[i]) == 1 then
      redis.call('ZADD', k('lease'), 'GT', until_, ARGV[i])
      covered = covered + 1
    end
  end
  redis.call('ZREMRANGEBYSCORE', k('lease'), '-inf', now)
  local pinned, leased, list = retained(now)
  local over = leased - (limit - pinned) * tonumber(ARGV[5])
  for _, soonest in ipairs(list) do
    if over <= 0 then break end
    redis.call('ZREM', k('lease'), soonest.name)
    over = over - soonest.size
    broken = broken + 1
  end
  return {covered, broken}
end

local function pin()
  local budget, added, names = tonumber(ARGV[2]), 0, {}
  for i = 3, #ARGV do
    local found = meta(ARGV[i])
    if found then
      names[#names + 1] = ARGV[i]
      if redis.call('SISMEMBER', k('pins'), ARGV[i]) == 0 then added = added + found.size end
    end
  end
  local pinned = retained('+inf')
  if added > 0 and pinned + added > budget then return {-1, pinned + added} end
  for _, name in ipairs(names) do redis.call('SADD', k('pins'), name) end
  return {#names, 0}
end

if op == 'put' then return put() end
if op == 'touch' then return touch() end
if op == 'lease' then return lease() end
if op == 'pin' then return pin() end
if op == 'strike' then
  for i = 2, #ARGV do strike(ARGV[i]) end
  return #ARGV - 1
end
if op == 'totals' then
  local _, total = scopes()
  local pinned, leased = retained(ARGV[2])
  return {total, redis.call('HLEN', k('key')), pinned, leased}
end
return redis.error_reply('unknown operation')
