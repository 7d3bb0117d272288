//! The task: what a caller submits.

use crate::{
    Message, PicoUsd, Timestamp,
    admission::Task,
    chat::ChatRequest,
    delivery::DeliverySpec,
    embedding,
    fingerprint::Fingerprint,
    ids::{RunId, TaskId},
    names::{DataClass, Lane, Origin, Service, TaskType, Team},
    problem::Problem,
    resource::Resources,
    topology::StreamName,
    unknown,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use crate::output::OutputSpec;

/// Most deliveries a task may ask for.
pub const MAX_DELIVERIES: usize = 16;
/// A body may name its team, as the result does; the subject or the API key decides.
pub const TEAM: &str = "team";
/// Most bytes of metadata, as JSON.
pub const MAX_METADATA_BYTES: usize = 16 * 1024;

/// Somebody asks for a task. The team is the one in the subject, whatever the body says. Neptune's
/// own doors append the origin to the subject, which the broker lets nobody else do: only from them
/// `origin`, `key`, `step` and `fingerprint` are taken over.
///
/// Fields that are not known are ignored, and named in the `warnings` of the finished fact.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TaskSubmitted {
    /// Minted by the caller (UUID v7), so that a repeated submit is the same task. Without one the
    /// id follows from where the broker stored the message. A task ends once: whatever comes later
    /// under its id is answered with its fact, so another try after a refusal needs a new id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<TaskId>,
    /// Taken from the subject.
    #[serde(skip)]
    #[schemars(skip)]
    pub team: Option<Team>,
    /// Where the task came from; `bus` unless one of Neptune's own doors says otherwise.
    #[serde(default)]
    pub origin: Origin,
    /// Id of the API key it came with; only the ingress can say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// What to do.
    pub input: ChatRequest,
    /// The kind of work; recognised from the input when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task_type: Option<TaskType>,
    /// What must hold.
    #[serde(default)]
    pub constraints: Constraints,
    /// What the output must be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<OutputSpec>,
    /// Who gets the result, besides the caller.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deliver: Vec<DeliverySpec>,
    /// Set when the task is a step of a run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<StepRef>,
    /// The caller's own labels, kept with the result and in the ledger; at most 16 KiB of JSON.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub metadata: Map<String, Value>,
    /// What the caller said, by which a repeat is compared; set by the ingress where it made
    /// something else of it, such as a time of a time span.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<Box<Fingerprint>>,
    /// What was ignored while it was read.
    #[serde(skip)]
    #[schemars(skip)]
    pub warnings: Vec<Problem>,
}

/// What must hold for a task. Everything is optional.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Constraints {
    /// The task costs no more than this, all attempts together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_cost_usd: Option<PicoUsd>,
    /// The answer should be there within this time; models expected to be slower are passed over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_latency_ms: Option<u64>,
    /// After this time nobody wants the answer; the task expires.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Timestamp>,
    /// Expected quality a model must have for this task type, 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_quality: Option<f64>,
    /// Only these models.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub models: Vec<String>,
    /// The routing policy. `input.model` then says the same, `auto` or nothing: a task that names a model or another
    /// route there too is refused, because nobody can tell which of them is meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route: Option<String>,
    /// How urgent it is.
    #[serde(default)]
    pub lane: Lane,
    /// Whether a cached answer will do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache: Option<CacheMode>,
    /// How sensitive the caller says the input is. Findings can raise it, nothing lowers it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<DataClass>,
}

/// Which cached answers will do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CacheMode {
    /// None.
    Off,
    /// To exactly this request.
    Exact,
    /// To this request or one that differs in nothing that matters.
    Near,
}

/// The step of a run that a task is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StepRef {
    /// The run.
    pub run: RunId,
    /// The workflow it executes, `namespace/name:version`.
    pub workflow: String,
    /// The step's path in the workflow.
    pub step: String,
    /// The step's number in the run, by which its fact finds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<u64>,
}

impl Message for TaskSubmitted {
    const SUBJECT: &'static str = "task.submitted.v1.<team>.<origin?>";
    const STREAM: StreamName = StreamName::Tasks;
    const PRODUCERS: &'static [Service] =
        &[Service::Client, Service::Ingress, Service::Router, Service::Executor, Service::Operator];
    const CONSUMERS: &'static [Service] = &[Service::Governance];

    fn parameters(&self) -> Vec<String> {
        let door = Some(self.origin).filter(|origin| *origin != Origin::Bus);
        self.team.iter().map(ToString::to_string).chain(door.iter().map(ToString::to_string)).collect()
    }

    fn dedup_key(&self) -> String {
        // Another team's task of the same id is another task.
        self.id.zip(self.team.as_ref()).map(|(id, team)| format!("{team}.{id}")).unwrap_or_default()
    }

    fn decode(body: &[u8]) -> serde_json::Result<Self> {
        let (mut task, unknown): (Self, _) = unknown::read(body, &[TEAM])?;
        task.warnings = unknown.into_warnings();
        // Every program that leaves its id unset would otherwise name the same task.
        if task.id.is_some_and(|id| id.0.is_nil()) {
            task.id = None;
            let text = "the nil UUID names no task, so it was ignored";
            task.warnings.push(Problem::new("id", text, "mint a UUID v7, or leave it out"));
        }
        Ok(task)
    }

    fn read_parameters(&mut self, parameters: &[&str]) {
        self.team = parameters.first().and_then(|team| team.parse().ok());
        let door: Option<Origin> = parameters.get(1).and_then(|origin| origin.parse().ok());
        match door.filter(|origin| *origin != Origin::Bus) {
            Some(origin) => self.origin = origin,
            None => self.disclaim(),
        }
    }
}

impl TaskSubmitted {
    /// A task of `team` with everything else left open.
    #[must_use]
    pub fn new(team: Team, input: ChatRequest) -> Self {
        Self {
            id: Some(TaskId::mint()),
            team: Some(team),
            origin: Origin::Bus,
            key: None,
            input,
            task_type: None,
            constraints: Constraints::default(),
            output: None,
            deliver: Vec::new(),
            step: None,
            metadata: Map::new(),
            fingerprint: None,
            warnings: Vec::new(),
        }
    }

    /// Forgets what only Neptune's own doors can know. Whoever publishes on the bus is known as a
    /// team and no further, so the ledger must not name a key or a run on its word.
    fn disclaim(&mut self) {
        let claims = [
            ("origin", self.origin != Origin::Bus),
            ("key", self.key.is_some()),
            ("step", self.step.is_some()),
            ("fingerprint", self.fingerprint.is_some()),
        ];
        for (field, _) in claims.iter().filter(|(_, is_claimed)| *is_claimed) {
            let text = "a client on the bus cannot say it, so it was ignored";
            self.warnings.push(Problem::new(*field, text, "leave it out"));
        }
        (self.origin, self.key, self.step, self.fingerprint) = (Origin::Bus, None, None, None);
    }

    /// The same task with its identity settled: its own id or else `stored_id`. Nothing when the
    /// subject named no team.
    #[must_use]
    pub fn settle(self, stored_id: TaskId, submitted_at: Timestamp) -> Option<Task> {
        Some(Task {
            id: self.id.unwrap_or(stored_id),
            team: self.team?,
            origin: self.origin,
            key: self.key,
            submitted_at,
            input: self.input,
            task_type: self.task_type,
            constraints: self.constraints,
            output: self.output,
            deliver: self.deliver,
            step: self.step,
            metadata: self.metadata,
            fingerprint: self.fingerprint,
            warnings: self.warnings,
            parked: None,
        })
    }

    /// Everything wrong with the task, as seen at `now` with `resources` in force.
    #[must_use]
    pub fn problems(&self, now: Timestamp, resources: &Resources) -> Vec<Problem> {
        let mut problems = self.input.problems("input.");
        if self.input.embedding.is_some() {
            embedding::task_problems(self, resources, &mut problems);
        }
        self.constraints.problems(now, &mut problems);
        if problems.iter().all(|problem| problem.field != "constraints.route") {
            problems.extend(self.contradiction());
        }
        problems.extend(self.output.iter().flat_map(OutputSpec::problems));
        if self.deliver.len() > MAX_DELIVERIES {
            let text = format!("{} deliveries, the limit is {MAX_DELIVERIES}", self.deliver.len());
            problems.push(Problem::new("deliver", text, "send fewer, or fan out behind one webhook"));
        }
        for (index, delivery) in self.deliver.iter().enumerate() {
            delivery.problems(&format!("deliver[{index}]"), resources, &mut problems);
        }
        let metadata_bytes = serde_json::to_vec(&self.metadata).map_or(usize::MAX, |json| json.len());
        if metadata_bytes > MAX_METADATA_BYTES {
            let text = format!("{metadata_bytes} bytes, the limit is {MAX_METADATA_BYTES}");
            problems.push(Problem::new("metadata", text, "keep large data elsewhere and put a reference here"));
        }
        problems
    }

    /// A route and something else in the place of the model; `auto` leaves the choice to the route.
    fn contradiction(&self) -> Option<Problem> {
        let bare = |name: &'_ String| name.strip_prefix("neptune/").unwrap_or(name).to_owned();
        let route = bare(self.constraints.route.as_ref()?);
        let model = bare(self.input.model.as_ref().filter(|name| !name.is_empty())?);
        (model != "auto" && model != route).then(|| {
            let text = format!("names {route} while input.model names {model}, and only one of them can be followed");
            Problem::new("constraints.route", text, "leave one of them out, or say auto for the model")
        })
    }
}

impl Constraints {
    fn problems(&self, now: Timestamp, problems: &mut Vec<Problem>) {
        let mut must = |field: &str, ok: bool, message: &str, remedy: &str| {
            if !ok {
                problems.push(Problem::new(format!("constraints.{field}"), message, remedy));
            }
        };
        must(
            "max_cost_usd",
            self.max_cost_usd.is_none_or(|cost| cost.0 >= 0),
            "negative, the limit is 0 or more",
            "give the most the task may cost",
        );
        must(
            "max_latency_ms",
            self.max_latency_ms.is_none_or(|ms| ms >= 1),
            "0, the limit is 1 or more",
            "give milliseconds or leave it out",
        );
        must(
            "deadline",
            self.deadline.is_none_or(|deadline| deadline > now),
            "already past",
            "give a time to come or leave it out",
        );
        must(
            "min_quality",
            self.min_quality.is_none_or(|quality| (0.0..=1.0).contains(&quality)),
            "out of range, the limit is 0 to 1",
            "choose a value in the range or leave it out",
        );
        must("models", self.models.len() <= 64, "more than 64 models", "name fewer, or use a route");
    }
}
