-- Moments are microseconds since 1970-01-01 UTC. Documents are json, not jsonb: what was written comes back byte for byte.
-- The views of views.sql show moments as people read them.

-- Records: what the database guards or indexes are columns, all else is in the document.

CREATE TABLE products (
    id      uuid    NOT NULL PRIMARY KEY,
    version bigint  NOT NULL CHECK (version >= 1), -- 1 when inserted, one more per change
    created bigint  NOT NULL,
    updated bigint  NOT NULL,
    active  boolean NOT NULL, -- while it is on sale
    body    json    NOT NULL
);
CREATE INDEX products_created ON products (created, id);
CREATE INDEX products_updated ON products (updated, id);
CREATE INDEX products_active ON products (active, created, id);

CREATE TABLE skus (
    id      uuid    NOT NULL PRIMARY KEY,
    version bigint  NOT NULL CHECK (version >= 1), -- a sale does not raise it, see stock.version
    created bigint  NOT NULL,
    updated bigint  NOT NULL,
    parent  uuid    NOT NULL, -- its product
    active  boolean NOT NULL, -- while it is on sale
    body    json    NOT NULL
);
CREATE INDEX skus_created ON skus (created, id);
CREATE INDEX skus_updated ON skus (updated, id);
CREATE INDEX skus_parent ON skus (parent, created, id);
CREATE INDEX skus_active ON skus (active, created, id);

CREATE TABLE orders (
    id      uuid     NOT NULL PRIMARY KEY,
    version bigint   NOT NULL CHECK (version >= 1),
    created bigint   NOT NULL,
    updated bigint   NOT NULL,
    status  smallint NOT NULL CHECK (status BETWEEN 0 AND 255), -- number of the status on the wire
    email   text     NOT NULL COLLATE "C", -- empty if not said
    body    json     NOT NULL
);
CREATE INDEX orders_created ON orders (created, id);
CREATE INDEX orders_updated ON orders (updated, id);
CREATE INDEX orders_status ON orders (status, created, id);
CREATE INDEX orders_email ON orders (email, created, id) WHERE email <> '';

CREATE TABLE charges (
    id       uuid     NOT NULL PRIMARY KEY,
    version  bigint   NOT NULL CHECK (version >= 1),
    created  bigint   NOT NULL,
    updated  bigint   NOT NULL,
    order_id uuid,              -- the order that it pays, if any
    status   smallint NOT NULL CHECK (status BETWEEN 0 AND 255), -- number of the status on the wire
    body     json     NOT NULL
);
CREATE INDEX charges_created ON charges (created, id);
CREATE INDEX charges_updated ON charges (updated, id);
CREATE INDEX charges_order ON charges (order_id, created, id) WHERE order_id IS NOT NULL;

CREATE TABLE attempts (
    id      uuid   NOT NULL PRIMARY KEY,
    version bigint NOT NULL CHECK (version >= 1),
    created bigint NOT NULL,
    updated bigint NOT NULL,
    subject uuid   NOT NULL, -- the order, or the charge that has none
    due     bigint,          -- when to look at it next; null once its outcome is final
    body    json   NOT NULL
);
CREATE UNIQUE INDEX attempts_open ON attempts (subject) WHERE due IS NOT NULL;
CREATE INDEX attempts_due ON attempts (due, id) WHERE due IS NOT NULL;

-- Stock, and every movement that made it so. Room is left in its pages: a sale changes no index.

CREATE TABLE stock (
    sku      uuid   NOT NULL PRIMARY KEY,
    on_hand  bigint NOT NULL,
    reserved bigint NOT NULL,
    version  bigint NOT NULL, -- the number of its last movement
    CHECK (0 <= reserved AND reserved <= on_hand)
) WITH (fillfactor = 70);

CREATE TABLE movements (
    sku       uuid     NOT NULL,
    number    bigint   NOT NULL, -- counts a SKU's movements from 1
    kind      smallint NOT NULL, -- 0 adjust, 1 reserve, 2 consume, 3 release, 4 return
    on_hand   bigint   NOT NULL, -- what on_hand changed by
    reserved  bigint   NOT NULL, -- what reserved changed by
    reference uuid,              -- the attempt or order that caused it; null for a hand's adjustment
    step      smallint,          -- 1 reserved, 2 left the reservation, 3 came back: each once per reference and SKU
    reason    text     NOT NULL,
    at        bigint   NOT NULL,
    PRIMARY KEY (sku, number)
);
CREATE UNIQUE INDEX movements_once ON movements (reference, sku, step) WHERE reference IS NOT NULL AND step IS NOT NULL;

-- What happened, for those who follow. Positions start at 1 and leave no gap: every commit takes its own from the one
-- row of event_head as the last thing it does, and holds that row until it is durable.

CREATE TABLE events (
    position bigint NOT NULL PRIMARY KEY,
    id       uuid   NOT NULL,
    name     text   NOT NULL,
    kind     text   NOT NULL,
    object   uuid   NOT NULL,
    version  bigint NOT NULL,
    at       bigint NOT NULL,
    body     json   NOT NULL
);

CREATE TABLE event_head (
    one      boolean NOT NULL PRIMARY KEY DEFAULT true CHECK (one),
    position bigint  NOT NULL CHECK (position >= 0) -- of the last event
) WITH (fillfactor = 10);
INSERT INTO event_head (position) VALUES (0);

-- Idempotency keys.

CREATE TABLE keys (
    principal   text   NOT NULL COLLATE "C",
    method      text   NOT NULL COLLATE "C",
    key         text   NOT NULL COLLATE "C",
    fingerprint text   NOT NULL, -- SHA-256 of the request
    attempt     uuid,            -- the attempt that will answer
    answer      text,            -- final
    on_hand     bigint,          -- with reserved and stock: the stock that the answer tells, if it tells one
    reserved    bigint,
    stock       bigint,          -- its version
    at          bigint NOT NULL,
    PRIMARY KEY (principal, method, key)
);
CREATE INDEX keys_at ON keys (at);

-- Which batches were committed, or never will be.

CREATE TABLE operations (
    id        uuid    NOT NULL PRIMARY KEY,
    at        bigint  NOT NULL,
    tombstone boolean NOT NULL -- resolved never to be committed
);
CREATE INDEX operations_at ON operations (at);

-- How many records there are, by kind ('order') and by kind and key ('order.status=3'). Every node has rows of its own, so
-- that nodes don't wait for each other; the sum of a key's rows is the total, a single row may be below zero.

CREATE TABLE counters (
    key  text     NOT NULL COLLATE "C",
    node smallint NOT NULL,
    n    bigint   NOT NULL,
    PRIMARY KEY (key, node)
) WITH (fillfactor = 50);
