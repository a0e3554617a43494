-- What a node asks and writes for one new order, committed by itself in two round trips.
\set n :n + 1
\set id :n + :client_id * 10000000
\set node 1000 + :client_id
\set sku random(1, 1000)

\startpipeline
BEGIN;
SELECT id, version, active, NULL, NULL FROM products WHERE id = ANY(ARRAY[:product::uuid]) ORDER BY id FOR SHARE;
SELECT id, version, parent, active, NULL FROM skus WHERE id = ANY(ARRAY[nth(:sku)]) ORDER BY id FOR SHARE;
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
