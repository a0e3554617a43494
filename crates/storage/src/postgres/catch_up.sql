-- What nodes of the schema before this one leave behind while they still write: they don't know the newest columns. Every node
-- does this at its start, so that the last one of a rolling restart does it for all. It costs little, and nothing when done.

UPDATE attempts SET concern = 1 WHERE due IS NOT NULL AND concern = 0 AND body ->> 'state' = 'unknown';
UPDATE attempts SET concern = 0 WHERE concern <> 0 AND concern = 1 AND body ->> 'state' <> 'unknown';
