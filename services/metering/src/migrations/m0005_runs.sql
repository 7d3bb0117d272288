-- A run of a workflow as it stands. Its row is what the message with the highest `change` says, in
-- whatever order they come. Never its input or output.
CREATE TABLE run (
    team text NOT NULL,
    id uuid NOT NULL,
    change bigint NOT NULL, -- counts the changes of its state
    workflow text NOT NULL, -- namespace/name:version
    name text NOT NULL, -- namespace/name
    state text NOT NULL,
    origin text NOT NULL,
    key_id text,
    labels jsonb NOT NULL,
    tags jsonb NOT NULL, -- a list of words
    parent jsonb, -- the step of a run that it is
    cost_pico_usd bigint, -- once it has ended
    error text,
    submitted_at timestamptz NOT NULL,
    changed_at timestamptz NOT NULL,
    ended_at timestamptz,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (team, id)
);

-- Pages go by time and then by id, so every index that a page may be read from ends with both.
CREATE INDEX run_time ON run (submitted_at, id);
CREATE INDEX run_team_time ON run (team, submitted_at, id);
CREATE INDEX run_name_time ON run (name, submitted_at, id);
CREATE INDEX run_state_time ON run (state, submitted_at, id);
CREATE INDEX run_tags ON run USING gin (tags jsonb_path_ops);
