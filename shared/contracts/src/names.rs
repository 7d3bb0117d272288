//! Names that occur in subjects, so they are checked once, where they enter.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, de};
use std::{borrow::Cow, fmt, str::FromStr, sync::Arc};

/// Routes that are there without being declared; a declared one of the name gives it another meaning.
pub const BUILT_IN_ROUTES: [&str; 4] = ["auto", "auto:cheap", "auto:fast", "auto:best"];

/// Why a text is not a name.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("a name has 1 to 63 characters out of a-z, A-Z, 0-9, '-' and '_', and starts with a letter or digit")]
pub struct InvalidName;

/// Whether `text` can stand as one token of a subject.
#[must_use]
pub fn is_name(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    text.len() <= 63
        && text.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric())
        && text.bytes().all(allowed)
}

/// The name of a team: who asks; the unit of permission, budget and subject.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Team(Arc<str>);

impl Team {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Team {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if is_name(text) { Ok(Self(text.into())) } else { Err(InvalidName) }
    }
}

impl fmt::Display for Team {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Team {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

impl JsonSchema for Team {
    fn schema_name() -> Cow<'static, str> {
        "Team".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "pattern": "^[a-zA-Z0-9][a-zA-Z0-9_-]{0,62}$", "description": "Name of a team."})
    }
}

macro_rules! tokens {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
        pub enum $name {
            $($(#[$variant_doc])* #[serde(rename = $text)] $variant),+
        }

        impl $name {
            /// Every value, in order of declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// As it stands in subjects and JSON.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::ALL.iter().copied().find(|value| value.as_str() == text).ok_or_else(|| {
                    let known: Vec<&str> = Self::ALL.iter().map(|value| value.as_str()).collect();
                    format!("expected one of {}", known.join(", "))
                })
            }
        }
    };
}

tokens!(/// Where a model runs, and so which executors may call it.
Zone {
    /// Beyond the organisation: a provider on the internet.
    External = "external",
    /// In the organisation's own cloud account.
    Private = "private",
    /// On the organisation's own premises.
    Onprem = "onprem",
});

tokens!(/// How urgent a task is. Batch work never delays realtime work.
#[derive(Default)]
Lane {
    /// Somebody waits.
    #[default]
    Realtime = "realtime",
    /// Whenever there is room.
    Batch = "batch",
});

tokens!(/// How a result reaches somebody.
Channel {
    /// An HTTP POST signed as Standard Webhooks has it.
    Webhook = "webhook",
    /// E-mail over SMTP.
    Email = "email",
    /// Short message.
    Sms = "sms",
    /// WhatsApp.
    Whatsapp = "whatsapp",
    /// Slack.
    Slack = "slack",
});

tokens!(/// The kind of work a task is, for routing.
TaskType {
    /// Writing code.
    CodeGeneration = "code_generation",
    /// Making a text shorter.
    Summarization = "summarization",
    /// Working something out in steps.
    Reasoning = "reasoning",
    /// Taking facts out of a text.
    Extraction = "extraction",
    /// Choosing among labels.
    Classification = "classification",
    /// From one language to another.
    Translation = "translation",
    /// Answering a question of fact.
    QuestionAnswering = "question_answering",
    /// Inventing text.
    CreativeWriting = "creative_writing",
    /// Talking.
    Chat = "chat",
    /// Putting a text into other words.
    Rewriting = "rewriting",
});

tokens!(/// How sensitive data is.
#[derive(Default)]
DataClass {
    /// May be known to everybody.
    Public = "public",
    /// For the organisation.
    #[default]
    Internal = "internal",
    /// For some in the organisation.
    Confidential = "confidential",
    /// Leaves no controlled place.
    Restricted = "restricted",
});

tokens!(/// Where a task came from; a token of the finished fact's subject.
#[derive(Default)]
Origin {
    /// The HTTP ingress.
    Api = "api",
    /// A publish on the bus.
    #[default]
    Bus = "bus",
    /// A step of a workflow run.
    Run = "run",
    /// Unseen work about another task: a copy for a model that is only compared, or a judgement of its answer.
    Shadow = "shadow",
});

tokens!(/// The parts that speak on the bus.
Service {
    /// HTTP in and out.
    Ingress = "ingress",
    /// Allows.
    Governance = "governance",
    /// Chooses.
    Router = "router",
    /// Calls models.
    Executor = "executor",
    /// Counts.
    Metering = "metering",
    /// Tells.
    Notifier = "notifier",
    /// A program of a team that publishes for itself.
    Client = "client",
    /// The operator's command line.
    Operator = "operator",
});
