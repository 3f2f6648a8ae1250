-- name: states are two capital letters
-- severity: warning
SELECT id, state FROM warehouses WHERE state !~ '^[A-Z]{2}$'
