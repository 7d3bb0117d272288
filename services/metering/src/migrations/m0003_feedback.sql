-- What was said about answers, never changed. It may come before its task's fact, so it refers to none.
CREATE TABLE feedback (
    team text NOT NULL,
    id uuid NOT NULL,
    task_id uuid NOT NULL,
    score double precision NOT NULL CONSTRAINT a_score_is_a_share CHECK (score BETWEEN 0 AND 1),
    given_by text NOT NULL,
    strength smallint NOT NULL, -- 4 person, 3 validator, 2 judge, 1 implied
    given_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (team, id)
);

CREATE INDEX feedback_task ON feedback (team, task_id, strength DESC, given_at DESC, id DESC);

CREATE TRIGGER feedback_append_only BEFORE UPDATE OR DELETE ON feedback
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER feedback_keep BEFORE TRUNCATE ON feedback
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Of everything said about a task, what counts: the strongest, of equally strong the latest. A view,
-- so that the order in which feedback arrives cannot matter.
CREATE VIEW judged_task AS
SELECT DISTINCT ON (team, task_id) team, task_id, score, given_by, given_at,
    count(*) OVER (PARTITION BY team, task_id) AS given
FROM feedback
ORDER BY team, task_id, strength DESC, given_at DESC, id DESC;

-- Reports are about spans of time, and read decisions in order.
CREATE INDEX task_time ON task (finished_at, id);
