-- Ends a session of a subject, or all if ARGV[2] is empty, and records it. Replies how many ended.
-- A command that fails ends the script: what could refuse LW.REVOKE is tried before LW.AUDIT, so
-- that there is a record if and only if something ended.
local store, subject, wanted, data = KEYS[1], ARGV[1], ARGV[2], ARGV[3]
local live = 0
for _, session in ipairs(redis.call('LW.SESSIONS', store, subject)) do
  for i = 1, #session, 2 do
    if session[i] == 'session_id' and (wanted == '' or session[i + 1] == wanted) then
      live = live + 1
    end
  end
end
if live == 0 then
  return 0
end
redis.call('LW.REVOKE', store, 'SESSION', 'AAAAAAAAAAAAAAAAAAAAAA')
redis.call('LW.AUDIT', 'KIND', 'operator.revoke', 'USER', subject, 'DATA', data)
if wanted == '' then
  return redis.call('LW.REVOKE', store, 'SUBJECT', subject)
end
return redis.call('LW.REVOKE', store, 'SESSION', wanted)
