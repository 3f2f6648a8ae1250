-- name: location is city and state
-- severity: error
-- description: the old and the new version of the application must see the same place
SELECT id, location, city, state FROM warehouses WHERE location IS DISTINCT FROM city || ', ' || state
