-- What a node asks for one SKU.
\set sku random(1, 1000)
SELECT t.id, t.version, t.created, t.updated, t.parent, t.active, NULL, t.body::text,
       stock.on_hand, stock.reserved, stock.version
FROM skus AS t LEFT JOIN stock ON stock.sku = t.id WHERE t.id = nth(:sku);
