//! Resources: everything an operator decides, declared in files and applied to the bus.

use crate::{
    PicoUsd, Timestamp, json,
    names::{Channel, DataClass, TaskType, Team, Zone},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

mod batch;
mod combine;
mod endpoint;
mod faults;
mod judge;
mod limits;
mod price;
mod provider;
mod route;
mod speed;
pub mod workflow;

pub use batch::BatchSpec;
pub use combine::{CascadeSpec, EnsembleSpec, HedgeSpec, StrategySpec};
pub use faults::SpecFault;
pub use judge::JudgeSpec;
pub use limits::LimitsSpec;
pub use price::{LongContextSpec, PriceSpec};
pub use provider::{Provider, Reasoning};
pub use route::{CacheSpec, MOST_NURSERY, Objective, RouteSpec, ShadowSpec, SplitSpec};
pub use speed::SpeedSpec;
pub use workflow::WorkflowSpec;

/// The version every resource file names.
pub const API_VERSION: &str = "neptune/v1";

/// A resource as it stands in a file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Manifest {
    /// `neptune/v1`.
    pub api_version: String,
    /// `Team`, `Key`, `Model`, `Route`, `Budget`, `Channel` or `Workflow`.
    pub kind: String,
    /// The name.
    pub metadata: Metadata,
    /// What is declared; its shape depends on the kind.
    pub spec: Value,
}

/// A resource's name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Metadata {
    /// Unique among resources of the kind.
    pub name: String,
}

/// A team and what it may do. What is not granted is refused.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct TeamSpec {
    /// Models it may use: names, or prefixes ending in `*`.
    #[serde(default)]
    pub models: Vec<String>,
    /// Zones its work may reach.
    #[serde(default = "all_zones")]
    pub zones: Vec<Zone>,
    /// Channels it may deliver over.
    #[serde(default)]
    pub channels: Vec<Channel>,
    /// The most one task may cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_cost_usd: Option<PicoUsd>,
    /// How sensitive its data is unless a task says more.
    #[serde(default)]
    pub class: DataClass,
}

fn all_zones() -> Vec<Zone> {
    Zone::ALL.to_vec()
}

/// An API key. Its name is the key's id; the secret itself is nowhere.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct KeySpec {
    /// Whose it is.
    pub team: Team,
    /// What it is for.
    #[serde(default)]
    pub role: KeyRole,
    /// HMAC-SHA-256 of the secret under the installation's pepper, hex.
    pub hash: String,
    /// It is void from this time on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// It is void now.
    #[serde(default)]
    pub disabled: bool,
}

/// What a key is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum KeyRole {
    /// Submits tasks and reads their results.
    #[default]
    Caller,
    /// Reads across teams; cannot call models.
    Admin,
}

/// A model: one deployment that can answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ModelSpec {
    /// How it is spoken to.
    pub provider: Provider,
    /// Base URL, for example `https://api.openai.com/v1`; `${VARIABLE}` is filled in from the
    /// executor's environment. What follows it depends on the provider, see there.
    pub endpoint: String,
    /// The name the provider knows it by; the resource's name without its provider prefix when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upstream_model: Option<String>,
    /// Variable of the executor's environment that holds the credential. It is sent only to the
    /// hosts that this variable is bound to (`NEPTUNE_EXECUTOR_CREDENTIAL_HOSTS`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential_env: Option<String>,
    /// Further headers of each call, for example of a gateway in between; `${VARIABLE}` as in `endpoint`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// Version of the provider's API, where its calls name one: Azure's `api-version`, Anthropic's
    /// `anthropic-version`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_version: Option<String>,
    /// Region that calls to AWS are signed for; by the endpoint's host when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// How it is told how much to think; when absent, an effort that a task asks for is left out
    /// with a warning. Providers that speak OpenAI's format take the effort as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<Reasoning>,
    /// Whether its host may be a private address although it is of the zone `external`. Models of
    /// other zones may, and so may endpoints that the executor's environment names.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub allow_private: bool,
    /// Where it runs.
    #[serde(default = "external")]
    pub zone: Zone,
    /// What it costs.
    pub price: PriceSpec,
    /// What it can do.
    #[serde(default)]
    pub capabilities: Capabilities,
    /// Expected quality by kind of work, 0 to 1; `default` for the others.
    #[serde(default)]
    pub quality: BTreeMap<String, f64>,
    /// Expected speed, until it is measured.
    #[serde(default)]
    pub speed: SpeedSpec,
    /// How much of it all executors together may use.
    #[serde(default, skip_serializing_if = "LimitsSpec::is_open")]
    pub limits: LimitsSpec,
    /// Whether tasks that can wait are sent to its provider in batches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch: Option<BatchSpec>,
    /// A call is given up after this time.
    #[serde(default = "default_timeout_ms")]
    pub timeout_ms: u64,
    /// It gets no traffic.
    #[serde(default)]
    pub disabled: bool,
}

fn external() -> Zone {
    Zone::External
}

fn default_timeout_ms() -> u64 {
    120_000
}

/// What a model can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Capabilities {
    /// Input and output tokens together.
    pub context_tokens: u64,
    /// Most output tokens.
    pub max_output_tokens: u64,
    /// Calls tools.
    pub tools: bool,
    /// Follows a JSON Schema.
    pub json_schema: bool,
    /// Sees images.
    pub vision: bool,
    /// Says its answer piece by piece. Tasks that ask for a stream go only to models that do.
    pub streaming: bool,
    /// Turns texts into vectors, and does nothing else.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub embeddings: bool,
}

impl Default for Capabilities {
    fn default() -> Self {
        Self {
            context_tokens: 128_000,
            max_output_tokens: 16_384,
            tools: true,
            json_schema: true,
            vision: false,
            streaming: true,
            embeddings: false,
        }
    }
}

/// A limit on what is spent in a period.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct BudgetSpec {
    /// Whose spend it limits; everybody's together when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team: Option<Team>,
    /// The limit.
    pub limit_usd: PicoUsd,
    /// When it starts again, in UTC.
    pub period: Period,
    /// What happens while the budget cannot be read.
    #[serde(default)]
    pub on_outage: OnOutage,
    /// The router keeps spending in step with the period: while spending runs ahead, a right answer
    /// is taken to be worth less, and more while it lags. Without it models are chosen as if the budget
    /// were not there, until it is spent.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub pace: bool,
}

/// When a budget starts again, in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Period {
    /// At midnight.
    Day,
    /// On the first of the month.
    Month,
}

/// What happens while a budget cannot be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnOutage {
    /// Tasks are refused, so that the budget holds; those that nobody waits for are tried again for about
    /// six minutes first.
    #[default]
    Deny,
    /// Tasks go on, and are settled later.
    Allow,
}

/// How deliveries over one channel are made. The resource's name is the channel's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", tag = "type")]
pub enum ChannelSpec {
    /// Standard Webhooks.
    #[serde(rename = "webhook", rename_all = "camelCase")]
    Webhook {
        /// Variable of the notifier's environment that holds the signing secret (`whsec_…`).
        secret_env: String,
        /// `host:port` that may be reached although it is not public or not https.
        #[serde(default)]
        allow_private: Vec<String>,
    },
    /// SMTP.
    #[serde(rename = "email", rename_all = "camelCase")]
    Email {
        /// Variable of the notifier's environment that holds the SMTP URL (`smtp://user:password@host:port`).
        smtp_env: String,
        /// The sender's address.
        from: String,
    },
}

/// All resources in force.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Resources {
    /// Grows with every change.
    pub revision: u64,
    /// By name.
    pub teams: BTreeMap<String, TeamSpec>,
    /// By key id.
    pub keys: BTreeMap<String, KeySpec>,
    /// By name.
    pub models: BTreeMap<String, ModelSpec>,
    /// By name.
    pub routes: BTreeMap<String, RouteSpec>,
    /// By name.
    pub budgets: BTreeMap<String, BudgetSpec>,
    /// By name.
    pub channels: BTreeMap<String, ChannelSpec>,
    /// By `namespace/name:version`.
    pub workflows: BTreeMap<String, WorkflowSpec>,
}

/// Why a resource is not accepted.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ResourceError {
    /// The kind does not exist.
    #[error("unknown kind {0:?}; use Team, Key, Model, Route, Budget, Channel or Workflow")]
    UnknownKind(String),
    /// The version is not the one this program knows.
    #[error("apiVersion {0:?} is not known; use {API_VERSION}")]
    UnknownVersion(String),
    /// The name cannot be used.
    #[error(
        "{kind} name {name:?} is not valid: 1 to 128 characters out of a-z, A-Z, 0-9 and -_./:, starting with a letter or digit{extra}"
    )]
    BadName {
        /// The kind.
        kind: String,
        /// The name.
        name: String,
        /// A further limit of the kind.
        extra: &'static str,
    },
    /// The spec does not have its kind's shape.
    #[error("{kind} {name}: {detail}")]
    BadSpec {
        /// The kind.
        kind: String,
        /// The name.
        name: String,
        /// What is wrong.
        detail: String,
    },
}

impl Manifest {
    /// The key under which the resource is stored: `model/openai/gpt-4.1`.
    #[must_use]
    pub fn key(&self) -> String {
        format!("{}/{}", self.kind.to_ascii_lowercase(), self.metadata.name)
    }

    /// Checks the version, the name and the spec's shape and values.
    ///
    /// # Errors
    /// Names the resource and the fault.
    pub fn check(&self) -> Result<(), ResourceError> {
        if self.api_version != API_VERSION {
            return Err(ResourceError::UnknownVersion(self.api_version.clone()));
        }
        // What was stored before this rule stays in force, so `Resources::insert` does not know it.
        if self.kind.eq_ignore_ascii_case("route") && self.metadata.name.contains('/') {
            let extra = "; for this kind without /, because models have such names and a route would hide one";
            return Err(bad_name(&self.kind, &self.metadata.name, extra));
        }
        Resources::default().insert(&self.kind, &self.metadata.name, self.spec.clone())
    }

    /// Every fault of the spec, each with its field; a kind that does not exist has none.
    #[must_use]
    pub fn faults(&self) -> Vec<SpecFault> {
        faults::of_kind(&self.kind, &self.spec)
    }
}

impl Resources {
    /// Takes in one resource.
    ///
    /// # Errors
    /// Names the resource and the fault.
    pub fn insert(&mut self, kind: &str, name: &str, spec: Value) -> Result<(), ResourceError> {
        let is_label = kind.eq_ignore_ascii_case("team") || kind.eq_ignore_ascii_case("key");
        check_name(kind, name, is_label)?;
        match kind.to_ascii_lowercase().as_str() {
            "team" => drop(self.teams.insert(name.into(), read(kind, name, spec)?)),
            "key" => drop(self.keys.insert(name.into(), read(kind, name, spec)?)),
            "model" => {
                let model: ModelSpec = read(kind, name, spec)?;
                sound(kind, name, &model.faults())?;
                self.models.insert(name.into(), model);
            }
            "route" => {
                let route: RouteSpec = read(kind, name, spec)?;
                sound(kind, name, &route.faults())?;
                self.routes.insert(name.into(), route);
            }
            "budget" => {
                let budget: BudgetSpec = read(kind, name, spec)?;
                sound(kind, name, &budget.faults())?;
                self.budgets.insert(name.into(), budget);
            }
            "channel" => drop(self.channels.insert(name.into(), read(kind, name, spec)?)),
            "workflow" => {
                let workflow: WorkflowSpec = read(kind, name, spec)?;
                workflow.check(name).map_err(|detail| bad_spec(kind, name, detail))?;
                self.workflows.insert(name.into(), workflow);
            }
            _ => return Err(ResourceError::UnknownKind(kind.into())),
        }
        Ok(())
    }

    /// Takes out one resource.
    pub fn remove(&mut self, kind: &str, name: &str) {
        match kind {
            "team" => drop(self.teams.remove(name)),
            "key" => drop(self.keys.remove(name)),
            "model" => drop(self.models.remove(name)),
            "route" => drop(self.routes.remove(name)),
            "budget" => drop(self.budgets.remove(name)),
            "channel" => drop(self.channels.remove(name)),
            "workflow" => drop(self.workflows.remove(name)),
            _ => {}
        }
    }
}

fn check_name(kind: &str, name: &str, is_label: bool) -> Result<(), ResourceError> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:".contains(&byte);
    let well_formed = name.len() <= 128
        && name.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric())
        && name.bytes().all(allowed);
    let extra = if is_label { "; for this kind without . / : and at most 63" } else { "" };
    if well_formed && (!is_label || crate::names::is_name(name)) { Ok(()) } else { Err(bad_name(kind, name, extra)) }
}

fn bad_name(kind: &str, name: &str, extra: &'static str) -> ResourceError {
    ResourceError::BadName { kind: kind.into(), name: name.chars().take(128).collect(), extra }
}

fn read<T: for<'de> Deserialize<'de>>(kind: &str, name: &str, spec: Value) -> Result<T, ResourceError> {
    serde_json::from_value(spec).map_err(|error| bad_spec(kind, name, json::plain(&error)))
}

fn bad_spec(kind: &str, name: &str, detail: String) -> ResourceError {
    ResourceError::BadSpec { kind: kind.into(), name: name.into(), detail }
}

fn sound(kind: &str, name: &str, faults: &[String]) -> Result<(), ResourceError> {
    if faults.is_empty() { Ok(()) } else { Err(bad_spec(kind, name, faults.join("; "))) }
}

impl BudgetSpec {
    fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        faults::not_negative("limitUsd", Some(self.limit_usd), &mut faults);
        faults
    }
}

impl ModelSpec {
    /// Everything wrong with the values, each beginning with the path of its field.
    fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        for (task_type, quality) in &self.quality {
            if task_type != "default"
                && let Err(known) = task_type.parse::<TaskType>()
            {
                faults.push(format!("quality.{task_type} is no task type; {known}, default"));
            }
            if !(0.0..=1.0).contains(quality) {
                faults.push(format!("quality.{task_type} is {quality}; the limit is 0 to 1"));
            }
        }
        faults.extend(endpoint::check(&self.endpoint).err());
        faults.extend(self.price.faults());
        faults.extend(self.limits.faults());
        faults.extend(self.batch.iter().flat_map(|batch| batch.faults(self.provider)));
        faults.extend(provider::check_headers(&self.headers).err());
        if !(100..=3_600_000).contains(&self.timeout_ms) {
            faults.push(format!("timeoutMs is {}; the limit is 100 to 3600000", self.timeout_ms));
        }
        if self.speed.tokens_per_second <= 0.0 {
            faults.push(format!("speed.tokensPerSecond is {}; the limit is above 0", self.speed.tokens_per_second));
        }
        faults
    }

    /// Expected quality for a kind of work, 0.5 when nothing is known.
    #[must_use]
    pub fn prior_quality(&self, task_type: TaskType) -> f64 {
        self.declared_quality(task_type).unwrap_or(0.5)
    }

    /// Expected quality for a kind of work, as declared for it or for every other kind.
    #[must_use]
    pub fn declared_quality(&self, task_type: TaskType) -> Option<f64> {
        self.quality.get(task_type.as_str()).or_else(|| self.quality.get("default")).copied()
    }
}
