//! Deliveries: one message to one recipient over one channel.

use crate::{
    Message, PicoUsd, Timestamp,
    address::{self, Refused},
    ids::{DeliveryId, TaskId},
    names::{Channel, DataClass, Service, Team},
    problem::Problem,
    resource::{ChannelSpec, Resources},
    run::RunStepRef,
    topology::StreamName,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A delivery that a task asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DeliverySpec {
    /// How to deliver.
    pub channel: Channel,
    /// To whom: a URL for a webhook, an address for e-mail.
    pub to: String,
    /// Subject line of an e-mail; one line of at most 200 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
}

/// The longest subject line of an e-mail, in characters.
const MAX_SUBJECT_CHARACTERS: usize = 200;

impl DeliverySpec {
    /// Adds everything wrong with it, as seen with `resources` in force; fields are named below
    /// `path`.
    pub fn problems(&self, path: &str, resources: &Resources, problems: &mut Vec<Problem>) {
        let mut found = |field: &str, message: String, remedy: &str| {
            problems.push(Problem::new(format!("{path}.{field}"), message, remedy));
        };
        if let Err(refused) = self.reaches(resources) {
            found("to", refused.to_string(), refused.remedy());
        }
        if matches!(self.channel, Channel::Sms | Channel::Whatsapp | Channel::Slack) {
            let text = "no provider is configured for this channel".to_owned();
            found("channel", text, "use webhook or email");
        }
        let is_line =
            |text: &String| text.chars().count() <= MAX_SUBJECT_CHARACTERS && !text.chars().any(char::is_control);
        if !self.subject.as_ref().is_none_or(is_line) {
            let text = format!("longer than {MAX_SUBJECT_CHARACTERS} characters or not one line");
            found("subject", text, "shorten it to one line");
        }
    }

    /// Whether its address is one that is ever delivered to. While the channel is not declared,
    /// nobody knows yet which private addresses it may reach.
    fn reaches(&self, resources: &Resources) -> Result<(), Refused> {
        match (self.channel, resources.channels.get(self.channel.as_str())) {
            (Channel::Webhook, Some(ChannelSpec::Webhook { allow_private, .. })) => {
                address::reach(&self.to, allow_private).map(drop)
            }
            (Channel::Webhook, _) => address::webhook(&self.to).map(drop),
            (Channel::Email, _) => address::mailbox(&self.to),
            (Channel::Sms | Channel::Whatsapp | Channel::Slack, _) => Ok(()),
        }
    }
}

/// What is delivered, and to whom.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Delivery {
    /// Follows from what caused it, so the same delivery is requested only once.
    pub id: DeliveryId,
    /// On whose behalf.
    pub team: Team,
    /// The task whose result it carries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<TaskId>,
    /// The step of a run that it is; only the executor can say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<RunStepRef>,
    /// How, to whom, under which subject line.
    pub spec: DeliverySpec,
    /// How sensitive the content is.
    pub class: DataClass,
    /// When it was requested.
    pub requested_at: Timestamp,
    /// The content.
    pub content: DeliveryContent,
}

/// What a delivery says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DeliveryContent {
    /// Event type, for example `task.completed`; the `type` of a webhook's body.
    pub event: String,
    /// The text a person reads (Markdown).
    pub text: String,
    /// The data a system reads; the `data` of a webhook's body.
    pub data: Value,
}

/// Somebody wants something delivered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DeliveryRequested {
    /// What, how and to whom.
    pub delivery: Delivery,
}

/// A delivery may go out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DeliveryAdmitted {
    /// What, how and to whom.
    pub delivery: Delivery,
    /// Version of the policy that decided.
    pub policy_version: String,
}

/// One try to deliver was made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DeliveryAttempted {
    /// The delivery.
    pub id: DeliveryId,
    /// On whose behalf.
    pub team: Team,
    /// The channel.
    pub channel: Channel,
    /// Counted from 1.
    pub attempt: u32,
    /// When the try began.
    pub started_at: Timestamp,
    /// How long it took.
    pub latency_ms: u64,
    /// Why it failed; absent when it succeeded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// A delivery has ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DeliveryFinished {
    /// The delivery.
    pub id: DeliveryId,
    /// On whose behalf.
    pub team: Team,
    /// The task whose result it carried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<TaskId>,
    /// The step of a run that it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<RunStepRef>,
    /// The channel.
    pub channel: Channel,
    /// How it ended.
    pub outcome: DeliveryOutcome,
    /// Tries made.
    pub attempts: u32,
    /// The receiving side's id for it, when it gave one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<String>,
    /// Why it was not delivered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// What it cost.
    pub cost_usd: PicoUsd,
    /// When it ended.
    pub finished_at: Timestamp,
}

/// How a delivery ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryOutcome {
    /// The receiving side took it.
    Delivered,
    /// It cannot be delivered.
    Failed,
    /// Governance refused it.
    Rejected,
}

impl Message for DeliveryRequested {
    const SUBJECT: &'static str = "delivery.requested.v1.<team>";
    const STREAM: StreamName = StreamName::Deliveries;
    const PRODUCERS: &'static [Service] = &[Service::Notifier, Service::Executor, Service::Client];
    const CONSUMERS: &'static [Service] = &[Service::Governance];

    fn parameters(&self) -> Vec<String> {
        vec![self.delivery.team.to_string()]
    }

    fn dedup_key(&self) -> String {
        format!("{}.requested", self.delivery.id)
    }

    fn read_parameters(&mut self, parameters: &[&str]) {
        if let Some(team) = parameters.first().and_then(|team| team.parse().ok()) {
            self.delivery.team = team;
        }
    }
}

impl Message for DeliveryAdmitted {
    const SUBJECT: &'static str = "delivery.admitted.v1.<channel>";
    const STREAM: StreamName = StreamName::Deliveries;
    const PRODUCERS: &'static [Service] = &[Service::Governance];
    const CONSUMERS: &'static [Service] = &[Service::Notifier];

    fn parameters(&self) -> Vec<String> {
        vec![self.delivery.spec.channel.to_string()]
    }

    fn dedup_key(&self) -> String {
        format!("{}.admitted", self.delivery.id)
    }
}

impl Message for DeliveryAttempted {
    const SUBJECT: &'static str = "delivery.attempted.v1.<channel>";
    const STREAM: StreamName = StreamName::Facts;
    const PRODUCERS: &'static [Service] = &[Service::Notifier];
    const CONSUMERS: &'static [Service] = &[Service::Metering];

    fn parameters(&self) -> Vec<String> {
        vec![self.channel.to_string()]
    }

    fn dedup_key(&self) -> String {
        format!("{}.attempt.{}", self.id, self.attempt)
    }
}

impl Message for DeliveryFinished {
    const SUBJECT: &'static str = "delivery.finished.v1.<channel>";
    const STREAM: StreamName = StreamName::Facts;
    const PRODUCERS: &'static [Service] = &[Service::Notifier, Service::Governance];
    const CONSUMERS: &'static [Service] = &[Service::Metering, Service::Executor];

    fn parameters(&self) -> Vec<String> {
        vec![self.channel.to_string()]
    }

    fn dedup_key(&self) -> String {
        format!("{}.finished", self.id)
    }
}
