-- Puts the dead letters with an id back, and records it. Replies how many were put back.
-- A command that fails ends the script: what could refuse REPLAY is tried before LW.AUDIT, so that
-- there is a record if and only if a letter was put back.
local queue, id, behind, data = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local found = false
for _, letter in ipairs(redis.call(queue, 'DEAD', 'COUNT', 1, 'BEFORE', behind)) do
  for i = 1, #letter, 2 do
    found = found or (letter[i] == 'id' and letter[i + 1] == id)
  end
end
if not found then
  return 0
end
redis.call(queue, 'REPLAY', '0-0000000000000000-1')
redis.call('LW.AUDIT', 'KIND', 'operator.retry', 'DATA', data)
return redis.call(queue, 'REPLAY', id)
