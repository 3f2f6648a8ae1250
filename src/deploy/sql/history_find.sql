-- Did this changeset's transaction commit? $1 to $3: identity, $4: deployment id.
SELECT count(*) FROM {history} WHERE id = $1 AND author = $2 AND filename = $3 AND deployment_id = $4
