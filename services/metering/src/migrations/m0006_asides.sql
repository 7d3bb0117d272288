-- A run is put aside when its log cannot be used. Nobody knows then how many changes it had, so this is kept beside
-- them and holds until something is told of the run that happened later.
ALTER TABLE run
    ADD COLUMN aside_at timestamptz,
    ADD COLUMN aside_error text;

-- Until now the number of one that was put aside was higher than all that came after.
UPDATE run SET change = 0 WHERE change = 4294967295;

ALTER TABLE run ADD COLUMN standing text NOT NULL GENERATED ALWAYS AS (
    CASE WHEN ended_at IS NULL AND aside_at >= changed_at THEN 'faulted' ELSE state END
) STORED;

DROP INDEX run_state_time;
CREATE INDEX run_standing_time ON run (standing, submitted_at, id);
