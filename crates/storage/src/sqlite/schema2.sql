-- Attempts by what a person may have to do about them.

ALTER TABLE attempts ADD COLUMN concern INTEGER NOT NULL DEFAULT 0; -- 0 nothing, 1 its outcome is not known, 2 it ended oddly
UPDATE attempts SET concern = 1 WHERE due IS NOT NULL AND body ->> '$.state' = 'unknown';
CREATE INDEX attempts_concern ON attempts (concern, created, id) WHERE concern <> 0;
