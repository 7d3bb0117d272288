//! What is said about the answer to a task.

use crate::{
    Message, Timestamp,
    ids::{FeedbackId, TaskId},
    names::{Service, Team},
    topology::StreamName,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Somebody says how good the answer to a finished task was. Of several about one task only the
/// strongest counts, by whom it is from; of two equally strong ones the later.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FeedbackGiven {
    /// Minted by whoever says it.
    pub id: FeedbackId,
    /// Whose task it was; the subject says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team: Option<Team>,
    /// The task. It must have been answered within the last 24 hours.
    pub task: TaskId,
    /// How good the answer was, 0 to 1.
    pub score: f64,
    /// Who says so; whoever gives it, if nobody is named.
    #[serde(default, skip_serializing_if = "FeedbackBy::is_caller")]
    pub by: FeedbackBy,
    /// When it was said.
    pub given_at: Timestamp,
}

/// Who says whether an answer was good, strongest first; a caller's word is as strong as a person's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FeedbackBy {
    /// Whoever gives the feedback, and does not say on whose word: a program that knows what became of the answer.
    #[default]
    Caller,
    /// A person who saw the answer.
    Person,
    /// A rule or a test that the answer passed or failed.
    Validator,
    /// A model that judged the answer.
    Judge,
    /// Nobody: what became of the answer lets it be guessed, for example that it was edited.
    Implied,
}

impl FeedbackBy {
    /// As it stands in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Caller => "caller",
            Self::Person => "person",
            Self::Validator => "validator",
            Self::Judge => "judge",
            Self::Implied => "implied",
        }
    }

    /// Whether nobody is named; it then stays out of the message.
    #[must_use]
    pub const fn is_caller(&self) -> bool {
        matches!(self, Self::Caller)
    }

    /// Of several about one task the one with the highest strength counts; 1 to 4.
    #[must_use]
    pub const fn strength(self) -> i16 {
        match self {
            Self::Implied => 1,
            Self::Judge => 2,
            Self::Validator => 3,
            Self::Caller | Self::Person => 4,
        }
    }
}

impl Message for FeedbackGiven {
    const SUBJECT: &'static str = "feedback.given.v1.<team>";
    const STREAM: StreamName = StreamName::Facts;
    const PRODUCERS: &'static [Service] = &[Service::Client, Service::Ingress, Service::Router, Service::Executor];
    const CONSUMERS: &'static [Service] = &[Service::Router, Service::Metering];

    fn parameters(&self) -> Vec<String> {
        self.team.iter().map(ToString::to_string).collect()
    }

    fn dedup_key(&self) -> String {
        // Another team's feedback of the same id is another one.
        self.team.as_ref().map(|team| format!("{team}.{}", self.id)).unwrap_or_default()
    }

    fn read_parameters(&mut self, parameters: &[&str]) {
        self.team = parameters.first().and_then(|team| team.parse().ok());
    }
}
