-- The same rows on every run: no random(), no clock.
INSERT INTO manufacturers (id, name, country)
SELECT i, format('Smokehouse %s', i), (ARRAY['US', 'CA', 'MX', 'DE', 'AU'])[1 + i % 5]
FROM   generate_series(1, 200) i;

-- Every thousandth warehouse lies in a named district: three parts, of which the last is the state.
INSERT INTO warehouses (id, manufacturer_id, code, location, capacity)
SELECT i,
       1 + i % 200,
       format('WH-%s', lpad(i::text, 5, '0')),
       (ARRAY['Austin', 'Kansas City', 'Memphis', 'Lockhart', 'Lexington', 'St. Louis', 'Owensboro', 'Decatur'])[1 + i % 8]
         || CASE WHEN i % 1000 = 0 THEN ', Stockyards' ELSE '' END
         || ', ' || (ARRAY['TX', 'MO', 'TN', 'TX', 'NC', 'MO', 'KY', 'AL'])[1 + i % 8],
       1000 + (i * 37) % 9000
FROM   generate_series(1, 5000) i;

INSERT INTO inventory (warehouse_id, sku, product, quantity, unit_price, attributes, updated_at)
SELECT 1 + (i::bigint * 7919) % 5000,
       format('SKU-%s', lpad(((i::bigint * 104729) % 250000)::text, 6, '0')),
       (ARRAY['brisket', 'ribs', 'pulled pork', 'sausage', 'hickory chips', 'charcoal', 'rub', 'sauce'])[1 + i % 8],
       1000 + (i * 31) % 500,
       ((i * 17) % 9900 + 100)::numeric / 100,
       CASE WHEN i % 10 = 0 THEN NULL ELSE jsonb_build_object('lot', i % 1000, 'smoked', i % 3 = 0) END,
       timestamptz '2026-01-01 00:00:00+00' + make_interval(secs => i % 2592000)
FROM   generate_series(1, 1000000) i;

CREATE INDEX inventory_warehouse ON inventory (warehouse_id);
ANALYZE;
