-- Moments are microseconds since 1970-01-01 UTC, ids the 16 bytes of a UUID, documents JSON text. The views of
-- views.sql show both as people read them.

-- Records: what the database guards or indexes are columns, all else is in the document.

CREATE TABLE products (
    id      BLOB    NOT NULL PRIMARY KEY,
    version INTEGER NOT NULL, -- 1 when inserted, one more per change
    created INTEGER NOT NULL,
    updated INTEGER NOT NULL,
    active  INTEGER NOT NULL, -- 1 while it is on sale
    body    TEXT    NOT NULL
) STRICT;
CREATE INDEX products_created ON products (created, id);
CREATE INDEX products_updated ON products (updated, id);
CREATE INDEX products_active ON products (active, created, id);

CREATE TABLE skus (
    id      BLOB    NOT NULL PRIMARY KEY,
    version INTEGER NOT NULL, -- a sale does not raise it, see stock.version
    created INTEGER NOT NULL,
    updated INTEGER NOT NULL,
    parent  BLOB    NOT NULL, -- its product
    active  INTEGER NOT NULL, -- 1 while it is on sale
    body    TEXT    NOT NULL
) STRICT;
CREATE INDEX skus_created ON skus (created, id);
CREATE INDEX skus_updated ON skus (updated, id);
CREATE INDEX skus_parent ON skus (parent, created, id);
CREATE INDEX skus_active ON skus (active, created, id);

CREATE TABLE orders (
    id      BLOB    NOT NULL PRIMARY KEY,
    version INTEGER NOT NULL,
    created INTEGER NOT NULL,
    updated INTEGER NOT NULL,
    status  INTEGER NOT NULL, -- number of the status on the wire
    email   TEXT    NOT NULL, -- empty if not said
    body    TEXT    NOT NULL
) STRICT;
CREATE INDEX orders_created ON orders (created, id);
CREATE INDEX orders_updated ON orders (updated, id);
CREATE INDEX orders_status ON orders (status, created, id);
CREATE INDEX orders_email ON orders (email, created, id) WHERE email <> '';

CREATE TABLE charges (
    id       BLOB    NOT NULL PRIMARY KEY,
    version  INTEGER NOT NULL,
    created  INTEGER NOT NULL,
    updated  INTEGER NOT NULL,
    order_id BLOB,             -- the order that it pays, if any
    status   INTEGER NOT NULL, -- number of the status on the wire
    body     TEXT    NOT NULL
) STRICT;
CREATE INDEX charges_created ON charges (created, id);
CREATE INDEX charges_updated ON charges (updated, id);
CREATE INDEX charges_order ON charges (order_id, created, id) WHERE order_id IS NOT NULL;

CREATE TABLE attempts (
    id      BLOB    NOT NULL PRIMARY KEY,
    version INTEGER NOT NULL,
    created INTEGER NOT NULL,
    updated INTEGER NOT NULL,
    subject BLOB    NOT NULL, -- the order, or the charge that has none
    due     INTEGER,          -- when to look at it next; null once its outcome is final
    body    TEXT    NOT NULL
) STRICT;
CREATE UNIQUE INDEX attempts_open ON attempts (subject) WHERE due IS NOT NULL;
CREATE INDEX attempts_due ON attempts (due, id) WHERE due IS NOT NULL;

-- Stock, and every movement that made it so.

CREATE TABLE stock (
    sku      BLOB    NOT NULL PRIMARY KEY,
    on_hand  INTEGER NOT NULL,
    reserved INTEGER NOT NULL,
    version  INTEGER NOT NULL, -- the number of its last movement
    CHECK (0 <= reserved AND reserved <= on_hand)
) STRICT, WITHOUT ROWID;

CREATE TABLE movements (
    sku       BLOB    NOT NULL,
    number    INTEGER NOT NULL, -- counts a SKU's movements from 1
    kind      INTEGER NOT NULL, -- 0 adjust, 1 reserve, 2 consume, 3 release, 4 return
    on_hand   INTEGER NOT NULL, -- what on_hand changed by
    reserved  INTEGER NOT NULL, -- what reserved changed by
    reference BLOB,             -- the attempt or order that caused it; null for a hand's adjustment
    step      INTEGER,          -- 1 reserved, 2 left the reservation, 3 came back: each once per reference and SKU
    reason    TEXT    NOT NULL,
    at        INTEGER NOT NULL,
    PRIMARY KEY (sku, number)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX movements_once ON movements (reference, sku, step) WHERE reference IS NOT NULL AND step IS NOT NULL;

-- What happened, for those who follow. Positions start at 1 and leave no gap; the last one given is the counter 'event'.

CREATE TABLE events (
    position INTEGER NOT NULL PRIMARY KEY,
    id       BLOB    NOT NULL,
    name     TEXT    NOT NULL,
    kind     TEXT    NOT NULL,
    object   BLOB    NOT NULL,
    version  INTEGER NOT NULL,
    at       INTEGER NOT NULL,
    body     TEXT    NOT NULL
) STRICT;

-- Idempotency keys.

CREATE TABLE keys (
    principal   TEXT    NOT NULL,
    method      TEXT    NOT NULL,
    key         TEXT    NOT NULL,
    fingerprint TEXT    NOT NULL, -- SHA-256 of the request
    attempt     BLOB,             -- the attempt that will answer
    answer      TEXT,             -- final
    on_hand     INTEGER,          -- with reserved and stock: the stock that the answer tells, if it tells one
    reserved    INTEGER,
    stock       INTEGER,          -- its version
    at          INTEGER NOT NULL,
    -- Not the primary key: keys come at random, and with the answers beside them each would touch a page of its own.
    UNIQUE (principal, method, key)
) STRICT; -- Rows lie in the order in which keys were claimed, so that the oldest are found without an index.

-- Which batches were committed, or never will be.

CREATE TABLE operations (
    id        BLOB    NOT NULL PRIMARY KEY, -- begins with the time, so that the oldest are found without an index
    at        INTEGER NOT NULL,
    tombstone INTEGER NOT NULL -- 1: resolved never to be committed
) STRICT, WITHOUT ROWID;

-- How many records there are, by kind ('order') and by kind and key ('order.status=3').

CREATE TABLE counters (
    key TEXT    NOT NULL PRIMARY KEY,
    n   INTEGER NOT NULL CHECK (n >= 0)
) STRICT, WITHOUT ROWID;
