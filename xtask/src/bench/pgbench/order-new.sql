-- What a node asks and writes for one new order, committed by itself in two round trips.
\set n :n + 1
\set id :n + :client_id * 10000000
\set node 1000 + :client_id
\set sku random(1, 1000)

SELECT t.id, t.version, t.created, t.updated, t.parent, t.active, NULL, t.body::text
FROM skus AS t WHERE t.id = ANY(ARRAY[nth(:sku)]);
SELECT t.id, t.version, t.created, t.updated, t.active, NULL, NULL, t.body::text
FROM products AS t WHERE t.id = ANY(ARRAY[:product::uuid]);

\startpipeline
BEGIN;
SELECT id, version, status, email, NULL FROM orders WHERE id = ANY(ARRAY[nth(:id)]) ORDER BY id FOR UPDATE;
SELECT principal, method, key, answer IS NOT NULL FROM keys
WHERE principal = 'pgbench' AND method = 'New' AND key = nth(:id)::text FOR UPDATE;
SELECT id FROM operations WHERE id = ANY(ARRAY[nth(:id)]);
\endpipeline

\startpipeline
INSERT INTO operations (id, at, tombstone) VALUES (nth(:id), :at, false);
INSERT INTO orders (id, version, created, updated, status, email, body)
VALUES (nth(:id), 1, :at, :at, 0, 'buyer@example.com', :order_body::json);
INSERT INTO keys (principal, method, key, fingerprint, answer, at)
VALUES ('pgbench', 'New', nth(:id)::text, repeat('0', 64), :answer, :at);
INSERT INTO counters AS t (key, node, n)
VALUES ('order', :node::smallint, 1), ('order.status=0', :node::smallint, 1)
ON CONFLICT (key, node) DO UPDATE SET n = t.n + excluded.n;
WITH head AS (UPDATE event_head SET position = position + 1 RETURNING position)
INSERT INTO events (position, id, name, kind, object, version, at, body)
SELECT head.position, nth(:id), 'order.created', 'order', nth(:id), 1, :at::bigint, :order_event::json FROM head;
COMMIT;
\endpipeline
