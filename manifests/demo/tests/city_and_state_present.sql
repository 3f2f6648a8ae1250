-- name: every warehouse has a city and a state
-- severity: error
-- description: the backfill must reach every row
SELECT id, location FROM warehouses WHERE coalesce(city, '') = '' OR coalesce(state, '') = ''
