-- Flat tables for reports and for people. `uuid(column)` and `moment(column)` stand for the expressions that write the
-- column as text: SQLite has no functions of these names, so they are expanded before the views are made.

DROP VIEW IF EXISTS v_products;
CREATE VIEW v_products AS
SELECT
    uuid(id) AS id,
    body ->> '$.details.name' AS name,
    active, -- 1 while it is on sale
    moment(created) AS created,
    moment(updated) AS updated,
    version,
    body
FROM products;

DROP VIEW IF EXISTS v_skus;
CREATE VIEW v_skus AS
SELECT
    uuid(skus.id) AS id,
    body ->> '$.details.name' AS name,
    uuid(skus.parent) AS product,
    body ->> '$.details.price' AS price, -- of one piece, in the smallest unit of the currency
    body ->> '$.details.currency' AS currency,
    active, -- 1 while it is on sale
    stock.on_hand, -- pieces that exist and were not sold; null if its stock is not counted
    stock.reserved, -- of these, held for payments under way
    stock.on_hand - stock.reserved AS available,
    moment(skus.created) AS created,
    moment(skus.updated) AS updated,
    skus.version,
    body
FROM skus LEFT JOIN stock ON stock.sku = skus.id;

DROP VIEW IF EXISTS v_orders;
CREATE VIEW v_orders AS
SELECT
    uuid(id) AS id,
    body ->> '$.status' AS status, -- its name; orders.status has its number on the wire
    email,
    body ->> '$.money.amount' AS amount, -- in the smallest unit of the currency
    body ->> '$.money.currency' AS currency,
    coalesce(body ->> '$.refunded', 0) AS refunded, -- of the amount
    moment(created) AS created,
    moment(updated) AS updated,
    version,
    body
FROM orders;

DROP VIEW IF EXISTS v_charges;
CREATE VIEW v_charges AS
SELECT
    uuid(id) AS id,
    uuid(order_id) AS order_id, -- null if it pays no order
    body ->> '$.status' AS status, -- its name; charges.status has its number on the wire
    body ->> '$.provider' AS provider,
    body ->> '$.provider_charge_id' AS provider_charge_id,
    body ->> '$.money.amount' AS amount, -- in the smallest unit of the currency
    body ->> '$.money.currency' AS currency,
    coalesce(body ->> '$.refunded', 0) AS refunded, -- of the amount
    moment(created) AS created,
    moment(updated) AS updated,
    version,
    body
FROM charges;

DROP VIEW IF EXISTS v_attempts;
CREATE VIEW v_attempts AS
SELECT
    uuid(id) AS id,
    uuid(subject) AS subject, -- the order, or the charge that has none
    body ->> '$.op' AS op, -- what it does to money
    due IS NOT NULL AS open,
    moment(due) AS due, -- when it is looked at next; null once its outcome is final
    CASE concern WHEN 1 THEN 'unknown' WHEN 2 THEN 'review' END AS concern, -- why a person may have to look at it
    moment(created) AS created,
    moment(updated) AS updated,
    version,
    body
FROM attempts;

DROP VIEW IF EXISTS v_movements;
CREATE VIEW v_movements AS
SELECT
    uuid(sku) AS sku,
    number,
    CASE kind WHEN 0 THEN 'adjust' WHEN 1 THEN 'reserve' WHEN 2 THEN 'consume' WHEN 3 THEN 'release' ELSE 'return' END AS kind,
    on_hand, -- what on_hand changed by
    reserved, -- what reserved changed by
    uuid(reference) AS reference, -- the attempt or order that caused it
    reason,
    moment(at) AS at
FROM movements;

DROP VIEW IF EXISTS v_events;
CREATE VIEW v_events AS
SELECT position, uuid(id) AS id, name, kind, uuid(object) AS object, version, moment(at) AS at, body
FROM events;
