-- One entry per model call or delivery, never changed. Partitioned by its own UUID v7 key, so the
-- key is unique over all partitions and a partition is a span of time. The default partition takes
-- what no other wants, so an insert never fails for want of one.
CREATE TABLE ledger_entry (
    entry_key uuid NOT NULL,
    kind smallint NOT NULL, -- 1 reserve, 2 settle, 3 void, 4 correct, 5 cache hit, 6 deliver, 7 judge
    seq smallint NOT NULL DEFAULT 0, -- the nth correction
    occurred_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    team text NOT NULL,
    workflow text,
    run_id uuid,
    step text,
    task_id uuid,
    task_type text,
    provider text NOT NULL,
    model text,
    zone text,
    lane text,
    tok_input bigint NOT NULL,
    tok_cache_read bigint NOT NULL,
    tok_cache_write bigint NOT NULL,
    tok_output bigint NOT NULL,
    tok_reasoning bigint NOT NULL,
    latency_us bigint,
    amount_pico_usd bigint NOT NULL,
    estimated boolean NOT NULL,
    outcome text NOT NULL,
    error jsonb,
    attempt_rank smallint,
    payload_hash uuid NOT NULL,
    PRIMARY KEY (entry_key, kind, seq),
    CONSTRAINT only_corrections_are_negative CHECK (amount_pico_usd >= 0 OR kind = 4)
) PARTITION BY RANGE (entry_key);

CREATE TABLE ledger_entry_default PARTITION OF ledger_entry DEFAULT;

CREATE INDEX ledger_entry_task ON ledger_entry (task_id);
CREATE INDEX ledger_entry_team_time ON ledger_entry (team, occurred_at);
CREATE INDEX ledger_entry_recorded ON ledger_entry (recorded_at);
CREATE INDEX ledger_entry_time ON ledger_entry USING brin (occurred_at);
CREATE INDEX ledger_entry_run ON ledger_entry (run_id) WHERE run_id IS NOT NULL;

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the ledger is append-only: add a correcting entry instead'
        USING ERRCODE = 'restrict_violation';
END
$$;

CREATE TRIGGER ledger_entry_append_only BEFORE UPDATE OR DELETE ON ledger_entry
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER ledger_entry_keep BEFORE TRUNCATE ON ledger_entry
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- A finished task. `fact` is the whole message without its output: admission, explanation and
-- attempts are its parts. The columns are what is searched and summed.
CREATE TABLE task (
    team text NOT NULL,
    id uuid NOT NULL,
    origin text NOT NULL,
    outcome text NOT NULL,
    cost_pico_usd bigint NOT NULL,
    task_type text,
    lane text NOT NULL,
    key_id text,
    workflow text,
    run_id uuid,
    step text,
    model text,
    attempts integer NOT NULL,
    error_code text,
    submitted_at timestamptz NOT NULL,
    admitted_at timestamptz,
    routed_at timestamptz,
    started_at timestamptz,
    finished_at timestamptz NOT NULL,
    added_us bigint NOT NULL,
    fact jsonb NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (team, id)
);

CREATE INDEX task_id ON task (id);
CREATE INDEX task_team_time ON task (team, finished_at);
CREATE INDEX task_run ON task (run_id) WHERE run_id IS NOT NULL;

-- A delivery that ended. One that has tries and no row here is still going on.
CREATE TABLE delivery (
    team text NOT NULL,
    id uuid NOT NULL,
    task_id uuid,
    channel text NOT NULL,
    state text NOT NULL,
    attempts integer NOT NULL,
    receipt text,
    error text,
    cost_pico_usd bigint NOT NULL,
    finished_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (team, id)
);

CREATE INDEX delivery_id ON delivery (id);
CREATE INDEX delivery_task ON delivery (task_id) WHERE task_id IS NOT NULL;

CREATE TABLE delivery_attempt (
    delivery_id uuid NOT NULL,
    attempt integer NOT NULL,
    team text NOT NULL,
    channel text NOT NULL,
    started_at timestamptz NOT NULL,
    latency_ms bigint NOT NULL,
    error text,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (delivery_id, attempt)
);
