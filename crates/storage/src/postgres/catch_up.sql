-- What nodes of the schema before this one leave behind while they still write: they don't know the newest columns. Every node
-- does this at its start and whenever it forgets old keys, so that it is done after the last of them has stopped. One statement;
-- it costs little, and nothing when done.

WITH marked AS (
    UPDATE attempts SET concern = 1 WHERE due IS NOT NULL AND concern = 0 AND body ->> 'state' = 'unknown'
)
UPDATE attempts SET concern = 0 WHERE concern <> 0 AND concern = 1 AND body ->> 'state' <> 'unknown'
