-- Gets the numbers of `INFO lockwatch` into Prometheus, by redis_exporter:
--
--   redis_exporter -redis.addr redis://localhost:6379 -script contrib/exporter/lockwatch.lua
--
-- redis_exporter runs this with EVAL at each scrape and shows every pair of the reply as
-- redis_script_values{key="<name>"}. The rules in prometheus.yml make a metric of its own of that.
-- Text fields are left out, except for the numbers in the line of each webhook endpoint.

local reply = {}

local function add(name, value)
  reply[#reply + 1] = name
  reply[#reply + 1] = value
end

for line in redis.call('INFO', 'lockwatch'):gmatch('[^\r\n]+') do
  local name, value = line:match('^(lockwatch_[%w_]+):(.*)$')
  if name and value:match('^%d+$') then
    add(name, value)
  elseif name and name:match('^lockwatch_alert_endpoint_%d+$') then
    for _, field in ipairs({'pending', 'delivered', 'failed', 'last_status', 'last_error_ms'}) do
      local number = value:match(',' .. field .. '=(%d+)')
      if number then add(name .. '_' .. field, number) end
    end
  end
end

return reply
