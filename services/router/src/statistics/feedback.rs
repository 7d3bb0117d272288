//! What was said about answers, in Redis: one script counts each task once for a model, by its
//! strongest signal.
//!
//! Keys (hash tag = namespace): `{ns}:r:cells` one JSON per context and model, field `context|model`;
//! `{ns}:r:cells:version` counts changes; `{ns}:r:checks` one JSON per context with what became of checked
//! answers; `{ns}:r:signal:<task>:<model>` what counts for a task, for a
//! week.

use super::Store;
use crate::domain::checks::{CHECKS_KEPT, CheckCounts, Checks};
use crate::domain::lesson::Lesson;
use crate::domain::quality::{
    ALARM_AT, ALARM_SLACK, Cell, Cells, DOUBT_AFTER_ALARM, FADES_MS, MASS_AFTER_ALARM, OBSERVATIONS_KEPT,
};
use redis::RedisError;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::HashMap;

/// A stronger signal may come so late.
const SIGNAL_KEPT_SECONDS: u32 = 604_800;

/// What a lesson did.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Learnt {
    /// `counted`, `replaced` or `ignored`.
    pub effect: String,
    /// Contexts in which the model is no longer what it was.
    #[serde(default)]
    pub changed: Vec<String>,
}

impl Store {
    /// Takes in lessons, in order, and tells what each did. The same one again, and one weaker than
    /// what is known, change nothing.
    ///
    /// # Errors
    /// Redis does not answer.
    pub async fn learn(&self, lessons: &[Lesson]) -> Result<Vec<Learnt>, RedisError> {
        if lessons.is_empty() {
            return Ok(Vec::new());
        }
        let mut call = self.learn.key(self.key("cells"));
        call.key(self.key("cells:version")).key(self.key("signal")).key(self.key("checks")).arg(rules().to_string());
        for lesson in lessons {
            call.arg(written(lesson).to_string());
        }
        let answer: String = call.invoke_async(&mut self.connection.clone()).await?;
        serde_json::from_str(&answer)
            .map_err(|error| RedisError::from((redis::ErrorKind::UnexpectedReturnType, "learn.lua", error.to_string())))
    }

    /// All feedback with its version; nothing when it is still that of `known`.
    ///
    /// # Errors
    /// Redis does not answer.
    pub async fn read_cells(&self, known: Option<u64>) -> Result<Option<(u64, Cells)>, RedisError> {
        let mut connection = self.connection.clone();
        let version: Option<u64> =
            redis::cmd("GET").arg(self.key("cells:version")).query_async(&mut connection).await?;
        let version = version.unwrap_or(0);
        if known == Some(version) {
            return Ok(None);
        }
        let records: HashMap<String, String> =
            redis::cmd("HGETALL").arg(self.key("cells")).query_async(&mut connection).await?;
        let mut cells = Cells::new();
        for (field, record) in records {
            let Some((context, model)) = field.rsplit_once('|') else { continue };
            let Ok(cell) = serde_json::from_str::<Cell>(&record) else { continue };
            cells.entry(context.to_owned()).or_default().insert(model.to_owned(), cell);
        }
        Ok(Some((version, cells)))
    }

    /// What became of checked answers, by context. It changes with the version of the feedback.
    ///
    /// # Errors
    /// Redis does not answer.
    pub async fn read_checks(&self) -> Result<CheckCounts, RedisError> {
        let records: HashMap<String, String> =
            redis::cmd("HGETALL").arg(self.key("checks")).query_async(&mut self.connection.clone()).await?;
        let of = |(context, record): (String, String)| Some((context, serde_json::from_str::<Checks>(&record).ok()?));
        Ok(records.into_iter().filter_map(of).collect())
    }
}

/// The constants of the domain, so that the script has none of its own.
fn rules() -> Value {
    json!({
        "fades_ms": FADES_MS,
        "observations_kept": OBSERVATIONS_KEPT,
        "alarm_slack": ALARM_SLACK,
        "alarm_at": ALARM_AT,
        "mass_after_alarm": MASS_AFTER_ALARM,
        "doubt_after_alarm": DOUBT_AFTER_ALARM,
        "signal_kept_seconds": SIGNAL_KEPT_SECONDS,
        "checks_kept": CHECKS_KEPT,
    })
}

fn written(lesson: &Lesson) -> Value {
    let mut written = json!({
        "task": lesson.task.to_string(),
        "model": lesson.model,
        "contexts": lesson.contexts,
        "expected": lesson.expected,
        "reward": lesson.signal.reward,
        "weight": lesson.signal.kind.weight(),
        "rank": lesson.signal.kind.rank(),
        "at_ms": lesson.signal.at_ms,
    });
    let says = |is_right: bool| Value::from(if is_right { "right" } else { "wrong" });
    let optional = [("verdict", lesson.verdict.map(|verdict| json!(verdict))), ("says", lesson.says_right.map(says))];
    if let Value::Object(fields) = &mut written {
        // Absent, because the script would read null as a value.
        fields.extend(optional.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
    }
    written
}
