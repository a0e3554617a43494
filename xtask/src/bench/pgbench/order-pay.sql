-- What a node asks and writes to pay one order: a commit before the gateway is asked and one after it, each by itself in
-- two round trips. Every client has orders of its own, which it pays again and again.
\set n :n + 1
\set id :n + :client_id * 10000000
\set second :id + 5000000
\set node 1000 + :client_id
\set order 1 + :client_id * 100 + :n % 100
\set sku random(1, 1000)

SELECT fingerprint, attempt, answer, on_hand, reserved, stock FROM keys
WHERE principal = 'pgbench' AND method = 'Pay' AND key = nth(:id)::text;
SELECT t.id, t.version, t.created, t.updated, t.status, t.email, NULL, t.body::text
FROM orders AS t WHERE t.id = ANY(ARRAY[nth(:order)]);

\startpipeline
BEGIN;
SELECT id, version, status, email, NULL FROM orders WHERE id = ANY(ARRAY[nth(:order)]) ORDER BY id FOR UPDATE;
SELECT id, version, active, NULL, NULL FROM products WHERE id = ANY(ARRAY[:product::uuid]) ORDER BY id FOR SHARE;
SELECT id, version, parent, active, NULL FROM skus WHERE id = ANY(ARRAY[nth(:sku)]) ORDER BY id FOR SHARE;
SELECT sku, on_hand, reserved, version FROM stock WHERE sku = ANY(ARRAY[nth(:sku)]) ORDER BY sku FOR UPDATE;
\endpipeline

\startpipeline
INSERT INTO operations (id, at, tombstone) VALUES (nth(:id), :at, false);
UPDATE orders SET version = version + 1, updated = :at, status = 0, email = 'buyer@example.com', body = :order_body::json
WHERE id = nth(:order);
INSERT INTO charges (id, version, created, updated, order_id, status, body)
VALUES (nth(:id), 1, :at, :at, nth(:order), 0, :charge::json);
INSERT INTO attempts (id, version, created, updated, subject, due, concern, body)
VALUES (nth(:id), 1, :at, :at, nth(:order), 4102444800000000, 0, :attempt::json);
UPDATE stock SET reserved = reserved + 2, version = version + 1 WHERE sku = nth(:sku);
INSERT INTO movements (sku, number, kind, on_hand, reserved, reference, step, reason, at)
SELECT sku, version, 1, 0, 2, nth(:id), 1, 'being paid', :at::bigint FROM stock WHERE sku = nth(:sku);
INSERT INTO keys (principal, method, key, fingerprint, attempt, at)
VALUES ('pgbench', 'Pay', nth(:id)::text, repeat('0', 64), nth(:id), :at);
INSERT INTO counters AS t (key, node, n)
VALUES ('charge', :node::smallint, 1), ('charge.order=' || nth(:order), :node::smallint, 1)
ON CONFLICT (key, node) DO UPDATE SET n = t.n + excluded.n;
WITH head AS (UPDATE event_head SET position = position + 2 RETURNING position - 2 AS last)
INSERT INTO events (position, id, name, kind, object, version, at, body)
SELECT head.last + v.n, nth(:id), v.name, v.kind, v.object, 1, :at::bigint, v.body::json
FROM head, (VALUES (1, 'order.payment_pending', 'order', nth(:order), :order_event::text),
                   (2, 'charge.pending', 'charge', nth(:id), :charge_event::text)) AS v (n, name, kind, object, body);
COMMIT;
\endpipeline

\startpipeline
BEGIN;
SELECT id, version, status, email, NULL FROM orders WHERE id = ANY(ARRAY[nth(:order)]) ORDER BY id FOR UPDATE;
SELECT id, version, order_id, status, NULL FROM charges WHERE id = ANY(ARRAY[nth(:id)]) ORDER BY id FOR UPDATE;
SELECT id, version, subject, due, concern FROM attempts WHERE id = ANY(ARRAY[nth(:id)]) ORDER BY id FOR UPDATE;
SELECT sku, on_hand, reserved, version FROM stock WHERE sku = ANY(ARRAY[nth(:sku)]) ORDER BY sku FOR UPDATE;
SELECT principal, method, key, answer IS NOT NULL FROM keys
WHERE principal = 'pgbench' AND method = 'Pay' AND key = nth(:id)::text FOR UPDATE;
\endpipeline

\startpipeline
INSERT INTO operations (id, at, tombstone) VALUES (nth(:second), :at, false);
UPDATE orders SET version = version + 1, updated = :at, status = 1, email = 'buyer@example.com', body = :order_body::json
WHERE id = nth(:order);
UPDATE charges SET version = 2, updated = :at, order_id = nth(:order), status = 1, body = :charge::json WHERE id = nth(:id);
UPDATE attempts SET version = 2, updated = :at, subject = nth(:order), due = NULL, concern = 0, body = :attempt::json
WHERE id = nth(:id);
UPDATE stock SET on_hand = on_hand - 2, reserved = reserved - 2, version = version + 1 WHERE sku = nth(:sku);
INSERT INTO movements (sku, number, kind, on_hand, reserved, reference, step, reason, at)
SELECT sku, version, 2, -2, -2, nth(:id), 2, 'sold', :at::bigint FROM stock WHERE sku = nth(:sku);
UPDATE keys SET answer = :answer WHERE principal = 'pgbench' AND method = 'Pay' AND key = nth(:id)::text AND answer IS NULL;
INSERT INTO counters AS t (key, node, n)
VALUES ('order.status=0', :node::smallint, -1), ('order.status=1', :node::smallint, 1)
ON CONFLICT (key, node) DO UPDATE SET n = t.n + excluded.n;
DELETE FROM counters WHERE key = ANY(ARRAY['order.status=0']) AND node = :node::smallint AND n = 0;
WITH head AS (UPDATE event_head SET position = position + 2 RETURNING position - 2 AS last)
INSERT INTO events (position, id, name, kind, object, version, at, body)
SELECT head.last + v.n, nth(:second), v.name, v.kind, v.object, 2, :at::bigint, v.body::json
FROM head, (VALUES (1, 'charge.succeeded', 'charge', nth(:id), :charge_event::text),
                   (2, 'order.paid', 'order', nth(:order), :order_event::text)) AS v (n, name, kind, object, body);
COMMIT;
\endpipeline
