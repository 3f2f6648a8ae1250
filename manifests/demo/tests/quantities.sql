-- name: quantities are plausible
-- severity: warning
-- description: more than a million of one item in one warehouse would be a typing error
SELECT id, quantity FROM inventory WHERE quantity > 1000000
