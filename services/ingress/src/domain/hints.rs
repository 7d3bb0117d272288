//! Headers of a completion that become constraints, because OpenAI's body has no place for them.

use neptune_contracts::{
    PicoUsd, Timestamp,
    names::{Lane, TaskType},
    problem::Problem,
    task::{CacheMode, Constraints},
};
use schemars::JsonSchema;
use serde::Serialize;

/// The longest deadline, in milliseconds: a week.
const MAX_DEADLINE_MS: i64 = 7 * 24 * 3_600_000;

/// Headers of a completion that become constraints.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
pub struct Hints {
    /// The task costs no more US dollars than this, all attempts together, for example `0.25`.
    #[serde(rename = "x-neptune-max-cost-usd")]
    pub max_cost_usd: Option<String>,
    /// After this many milliseconds nobody wants the answer; the task expires.
    #[serde(rename = "x-neptune-deadline-ms")]
    pub deadline_ms: Option<String>,
    /// The routing policy; `model` then says `auto`, or the same. Anything else is a 400.
    #[serde(rename = "x-neptune-route")]
    pub route: Option<String>,
    /// `realtime` or `batch`.
    #[serde(rename = "x-neptune-lane")]
    pub lane: Option<String>,
    /// The kind of work; recognised from the input when absent.
    #[serde(rename = "x-neptune-task-type")]
    pub task_type: Option<String>,
    /// `off`, `exact` or `near`: whether an answer to the same request, or to nearly the same, may
    /// serve again.
    #[serde(rename = "x-neptune-cache")]
    pub cache: Option<String>,
}

/// The headers that are read.
pub const NAMES: &[&str] = &[
    "x-neptune-max-cost-usd",
    "x-neptune-deadline-ms",
    "x-neptune-route",
    "x-neptune-lane",
    "x-neptune-task-type",
    "x-neptune-cache",
];

/// What is wrong with the names of a request's headers, of which `read` are read: a misspelt limit
/// must not silently be no limit.
pub fn unread<'h>(names: impl Iterator<Item = &'h str>, read: &[&str]) -> Vec<Problem> {
    let remedy = if read.is_empty() {
        "put it into the body's constraints; such headers are for /v1/chat/completions and /v1/messages".to_owned()
    } else {
        format!("use one of {}, or leave it out", read.join(", "))
    };
    let ours = names.filter(|name| name.starts_with("x-neptune-") && !read.contains(name));
    ours.take(16).map(|name| Problem::new(name, "no such header is read here", remedy.clone())).collect()
}

impl Hints {
    /// Reads the headers by `get`.
    pub fn read(get: impl Fn(&str) -> Option<String>) -> Self {
        Self {
            max_cost_usd: get("x-neptune-max-cost-usd"),
            deadline_ms: get("x-neptune-deadline-ms"),
            route: get("x-neptune-route"),
            lane: get("x-neptune-lane"),
            task_type: get("x-neptune-task-type"),
            cache: get("x-neptune-cache"),
        }
    }

    /// What they ask for, at `now`.
    ///
    /// # Errors
    /// Every header that cannot be read.
    pub fn constraints(&self, now: Timestamp) -> Result<(Constraints, Option<TaskType>), Vec<Problem>> {
        let mut problems = Vec::new();
        let mut wrong = |header: &str, expected: &str| {
            let text = format!("not valid, expected {expected}");
            problems.push(Problem::new(header, text, "correct the header or leave it out"));
        };
        let mut constraints = Constraints { route: self.route.clone(), ..Constraints::default() };
        if let Some(text) = &self.max_cost_usd {
            constraints.max_cost_usd = text.parse::<PicoUsd>().ok();
            if constraints.max_cost_usd.is_none_or(|cost| cost < PicoUsd::ZERO) {
                wrong("x-neptune-max-cost-usd", "US dollars from 0, like 0.25");
            }
        }
        if let Some(text) = &self.deadline_ms {
            match text.parse::<i64>().ok().filter(|millis| (1..=MAX_DEADLINE_MS).contains(millis)) {
                Some(millis) => constraints.deadline = Some(now.plus_millis(millis)),
                None => wrong("x-neptune-deadline-ms", "milliseconds from now, 1 to 604800000"),
            }
        }
        if let Some(text) = &self.lane {
            match text.parse::<Lane>() {
                Ok(lane) => constraints.lane = lane,
                Err(_) => wrong("x-neptune-lane", "realtime or batch"),
            }
        }
        constraints.cache = match self.cache.as_deref() {
            None => None,
            Some("off") => Some(CacheMode::Off),
            Some("exact") => Some(CacheMode::Exact),
            Some("near") => Some(CacheMode::Near),
            Some(_) => {
                wrong("x-neptune-cache", "off, exact or near");
                None
            }
        };
        let task_type = self.task_type.as_ref().map(|text| text.parse::<TaskType>()).transpose();
        let task_type = task_type.unwrap_or_else(|known| {
            wrong("x-neptune-task-type", known.trim_start_matches("expected "));
            None
        });
        if problems.is_empty() { Ok((constraints, task_type)) } else { Err(problems) }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    type Holds<'a> = &'a dyn Fn(&Constraints, Option<TaskType>) -> bool;

    fn check(header: &str, value: &str, wanted: Result<Holds<'_>, &str>) {
        let now = Timestamp::from_unix_micros(1_700_000_000_000_000).unwrap();
        let hints = Hints::read(|name| (name == header).then(|| value.to_owned()));
        match (hints.constraints(now), wanted) {
            (Ok((constraints, task_type)), Ok(holds)) => assert!(holds(&constraints, task_type), "{header}: {value}"),
            (Err(problems), Err(says)) => {
                let text: String = problems.iter().map(ToString::to_string).collect();
                assert!(text.starts_with(header) && text.contains(says), "{text}");
            }
            (found, _) => panic!("{header}: {value} became {found:?}"),
        }
    }

    #[test]
    fn headers_become_constraints() {
        let cost = |wanted: &str| wanted.parse::<PicoUsd>().ok();
        check("x-neptune-max-cost-usd", "0.25", Ok(&|found, _| found.max_cost_usd == cost("0.25")));
        check("x-neptune-max-cost-usd", "0", Ok(&|found, _| found.max_cost_usd == cost("0")));
        check("x-neptune-max-cost-usd", "-1", Err("US dollars"));
        check("x-neptune-max-cost-usd", "$1", Err("US dollars"));
        let in_1_5_s = Timestamp::from_unix_micros(1_700_000_001_500_000);
        check("x-neptune-deadline-ms", "1500", Ok(&|found, _| found.deadline == in_1_5_s));
        check("x-neptune-deadline-ms", "0", Err("1 to 604800000"));
        check("x-neptune-deadline-ms", "604800001", Err("1 to 604800000"));
        check("x-neptune-route", "auto:cheap", Ok(&|found, _| found.route.as_deref() == Some("auto:cheap")));
        check("x-neptune-lane", "batch", Ok(&|found, _| found.lane == Lane::Batch));
        check("x-neptune-lane", "slow", Err("realtime or batch"));
        check("x-neptune-cache", "near", Ok(&|found, _| found.cache == Some(CacheMode::Near)));
        check("x-neptune-cache", "always", Err("off, exact or near"));
        check("x-neptune-task-type", "translation", Ok(&|_, task_type| task_type == Some(TaskType::Translation)));
        check("x-neptune-task-type", "poetry", Err("one of code_generation"));
        check("x-other", "poetry", Ok(&|found, task_type| *found == Constraints::default() && task_type.is_none()));
    }

    #[test]
    fn a_header_that_nobody_reads_is_named() {
        let names = ["content-type", "x-neptune-max-cost", "x-neptune-lane", "x-request-id"];
        let fields = |read: &[&str]| -> Vec<String> {
            unread(names.into_iter(), read).into_iter().map(|problem| problem.field).collect()
        };
        assert_eq!(fields(NAMES), ["x-neptune-max-cost"]);
        assert_eq!(fields(&[]), ["x-neptune-max-cost", "x-neptune-lane"]);
    }

    #[test]
    fn the_names_are_those_that_are_documented() {
        let schema = serde_json::to_value(schemars::schema_for!(Hints)).unwrap();
        let mut documented: Vec<&str> =
            schema.get("properties").and_then(|all| all.as_object()).unwrap().keys().map(String::as_str).collect();
        let mut read = NAMES.to_vec();
        documented.sort_unstable();
        read.sort_unstable();
        assert_eq!(read, documented);
    }

    #[test]
    fn every_wrong_header_is_named() {
        let hints = Hints { lane: Some("x".into()), deadline_ms: Some("x".into()), ..Hints::default() };
        let problems = hints.constraints(Timestamp::from_unix_micros(0).unwrap()).unwrap_err();
        let fields: Vec<&str> = problems.iter().map(|problem| problem.field.as_str()).collect();
        assert_eq!(fields, ["x-neptune-deadline-ms", "x-neptune-lane"]);
    }
}
