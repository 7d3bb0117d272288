//! The columns that batches fill, and the statement that fills them.

/// A table and the columns a batch fills, with their types.
pub(super) struct Table {
    name: &'static str,
    columns: &'static [(&'static str, &'static str)],
}

impl Table {
    /// Inserts a JSON array of rows, which is the only parameter: the statement is the same for any
    /// number of rows, has one plan, and never meets the limit of 65,535 parameters.
    pub(super) fn insert(&self) -> String {
        let names: Vec<&str> = self.columns.iter().map(|(name, _)| *name).collect();
        let typed: Vec<String> = self.columns.iter().map(|(name, kind)| format!("{name} {kind}")).collect();
        let (table, names, typed) = (self.name, names.join(", "), typed.join(", "));
        format!(
            "INSERT INTO {table} ({names}) SELECT {names} FROM json_to_recordset($1::json) AS given({typed}) ON CONFLICT DO NOTHING"
        )
    }
}

impl Table {
    /// The same for rows that change: of those with the same key the one with the highest `version` stands, whether it
    /// is in the table or in the batch. It changes the columns `changed`, or all but the key's when none are named.
    pub(super) fn upsert(&self, key: &[&str], version: &[&str], changed: &[&str]) -> String {
        let names: Vec<&str> = self.columns.iter().map(|(name, _)| *name).collect();
        let typed: Vec<String> = self.columns.iter().map(|(name, kind)| format!("{name} {kind}")).collect();
        let is_changed = |name: &&&str| if changed.is_empty() { !key.contains(*name) } else { changed.contains(*name) };
        let set: Vec<String> =
            names.iter().filter(is_changed).map(|name| format!("{name} = excluded.{name}")).collect();
        let of = |row: &str| version.iter().map(|name| format!("{row}.{name}")).collect::<Vec<_>>().join(", ");
        let newest = version.iter().map(|name| format!("{name} DESC")).collect::<Vec<_>>().join(", ");
        let (table, key, names, typed) = (self.name, key.join(", "), names.join(", "), typed.join(", "));
        format!(
            "INSERT INTO {table} AS held ({names}) SELECT DISTINCT ON ({key}) {names} \
             FROM json_to_recordset($1::json) AS given({typed}) ORDER BY {key}, {newest} \
             ON CONFLICT ({key}) DO UPDATE SET {} WHERE (({}) < ({})) IS NOT FALSE",
            set.join(", "),
            of("held"),
            of("excluded")
        )
    }
}

pub(super) const LEDGER_ENTRY: Table = Table {
    name: "ledger_entry",
    columns: &[
        ("entry_key", "uuid"),
        ("kind", "smallint"),
        ("seq", "smallint"),
        ("occurred_at", "timestamptz"),
        ("team", "text"),
        ("workflow", "text"),
        ("run_id", "uuid"),
        ("step", "text"),
        ("task_id", "uuid"),
        ("task_type", "text"),
        ("provider", "text"),
        ("model", "text"),
        ("zone", "text"),
        ("lane", "text"),
        ("tok_input", "bigint"),
        ("tok_cache_read", "bigint"),
        ("tok_cache_write", "bigint"),
        ("tok_output", "bigint"),
        ("tok_reasoning", "bigint"),
        ("latency_us", "bigint"),
        ("amount_pico_usd", "bigint"),
        ("saved_pico_usd", "bigint"),
        ("estimated", "boolean"),
        ("outcome", "text"),
        ("error", "jsonb"),
        ("attempt_rank", "smallint"),
        ("payload_hash", "uuid"),
    ],
};

pub(super) const TASK: Table = Table {
    name: "task",
    columns: &[
        ("id", "uuid"),
        ("team", "text"),
        ("origin", "text"),
        ("outcome", "text"),
        ("cost_pico_usd", "bigint"),
        ("task_type", "text"),
        ("lane", "text"),
        ("key_id", "text"),
        ("workflow", "text"),
        ("run_id", "uuid"),
        ("step", "text"),
        ("model", "text"),
        ("attempts", "integer"),
        ("error_code", "text"),
        ("submitted_at", "timestamptz"),
        ("admitted_at", "timestamptz"),
        ("routed_at", "timestamptz"),
        ("started_at", "timestamptz"),
        ("finished_at", "timestamptz"),
        ("added_us", "bigint"),
        ("shadow_of", "uuid"),
        ("answer_mark", "uuid"),
        ("fact", "jsonb"),
    ],
};

pub(super) const DELIVERY: Table = Table {
    name: "delivery",
    columns: &[
        ("id", "uuid"),
        ("team", "text"),
        ("task_id", "uuid"),
        ("channel", "text"),
        ("state", "text"),
        ("attempts", "integer"),
        ("receipt", "text"),
        ("error", "text"),
        ("cost_pico_usd", "bigint"),
        ("finished_at", "timestamptz"),
    ],
};

pub(super) const DELIVERY_ATTEMPT: Table = Table {
    name: "delivery_attempt",
    columns: &[
        ("delivery_id", "uuid"),
        ("attempt", "integer"),
        ("team", "text"),
        ("channel", "text"),
        ("started_at", "timestamptz"),
        ("latency_ms", "bigint"),
        ("error", "text"),
    ],
};

pub(super) const FEEDBACK: Table = Table {
    name: "feedback",
    columns: &[
        ("id", "uuid"),
        ("team", "text"),
        ("task_id", "uuid"),
        ("score", "double precision"),
        ("given_by", "text"),
        ("strength", "smallint"),
        ("given_at", "timestamptz"),
    ],
};

pub(super) const RUN: Table = Table {
    name: "run",
    columns: &[
        ("team", "text"),
        ("id", "uuid"),
        ("change", "bigint"),
        ("workflow", "text"),
        ("name", "text"),
        ("state", "text"),
        ("origin", "text"),
        ("key_id", "text"),
        ("labels", "jsonb"),
        ("tags", "jsonb"),
        ("parent", "jsonb"),
        ("cost_pico_usd", "bigint"),
        ("error", "text"),
        ("submitted_at", "timestamptz"),
        ("changed_at", "timestamptz"),
        ("ended_at", "timestamptz"),
    ],
};

/// What is kept of a run that was put aside, and of it where nothing else is known.
pub(super) const RUN_ASIDE: Table = Table {
    name: "run",
    columns: &[
        ("team", "text"),
        ("id", "uuid"),
        ("change", "bigint"),
        ("workflow", "text"),
        ("name", "text"),
        ("state", "text"),
        ("origin", "text"),
        ("key_id", "text"),
        ("labels", "jsonb"),
        ("tags", "jsonb"),
        ("parent", "jsonb"),
        ("cost_pico_usd", "bigint"),
        ("error", "text"),
        ("submitted_at", "timestamptz"),
        ("changed_at", "timestamptz"),
        ("ended_at", "timestamptz"),
        ("aside_at", "timestamptz"),
        ("aside_error", "text"),
    ],
};
