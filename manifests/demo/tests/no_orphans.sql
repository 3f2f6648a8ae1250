-- name: every item lies in a warehouse
-- severity: error
SELECT i.id FROM inventory i LEFT JOIN warehouses w ON w.id = i.warehouse_id WHERE w.id IS NULL
