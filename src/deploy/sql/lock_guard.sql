-- Divides by zero when the row is not ours any more. Until the transaction ends nobody can take it away.
SELECT 1 / count(*), set_config('client_encoding', 'UTF8', false)
FROM (SELECT FROM {lock} WHERE id = 1 AND locked AND lockedby = {by} FOR SHARE) held
