//! Errors of tasks: problem details (RFC 9457) with the types of the language.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What the standard types begin with.
const BASE: &str = "https://open-workflow-specification.org/spec/1.0.0/errors/";
/// What they begin with elsewhere: the conformance kit, the examples and older documents differ.
const ALIASES: [&str; 4] = [
    BASE,
    "https://open-workflow-specification.org/dsl/errors/types/",
    "https://serverlessworkflow.io/spec/1.0.0/errors/",
    "https://serverlessworkflow.io/dsl/errors/types/",
];

/// What went wrong, where.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Problem {
    /// Its type, a URI.
    #[serde(rename = "type")]
    pub kind: String,
    /// What it is like, as an HTTP status.
    pub status: i64,
    /// In a few words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// More about this occurrence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The task, as a JSON pointer into the definition.
    #[serde(default)]
    pub instance: String,
}

/// The standard types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standard {
    /// What is asked for is not set up.
    Configuration,
    /// Data is not what a schema says.
    Validation,
    /// An expression has no value.
    Expression,
    /// Nobody knows who asks.
    Authentication,
    /// It is not allowed.
    Authorization,
    /// It took too long.
    Timeout,
    /// A service failed or did not answer.
    Communication,
    /// The run itself cannot go on.
    Runtime,
    /// There is no money left for it.
    Budget,
}

impl Standard {
    /// Name, usual status and title.
    fn parts(self) -> (&'static str, i64, &'static str) {
        match self {
            Self::Configuration => ("configuration", 400, "Configuration Error"),
            Self::Validation => ("validation", 400, "Validation Error"),
            Self::Expression => ("expression", 400, "Expression Error"),
            Self::Authentication => ("authentication", 401, "Authentication Error"),
            Self::Authorization => ("authorization", 403, "Authorization Error"),
            Self::Timeout => ("timeout", 408, "Timeout Error"),
            Self::Communication => ("communication", 500, "Communication Error"),
            Self::Runtime => ("runtime", 500, "Runtime Error"),
            Self::Budget => ("budget", 402, "Budget Exhausted"),
        }
    }

    /// Its URI.
    #[must_use]
    pub fn uri(self) -> String {
        format!("{BASE}{}", self.parts().0)
    }
}

impl Problem {
    /// A problem of a standard type. Where it happened is filled in by the run.
    #[must_use]
    pub fn new(standard: Standard, detail: impl Into<String>) -> Self {
        let (_, status, title) = standard.parts();
        let detail = Some(detail.into());
        Self { kind: standard.uri(), status, title: Some(title.to_owned()), detail, instance: String::new() }
    }

    /// The same with another status and title, such as those of an HTTP answer.
    #[must_use]
    pub fn with_status(mut self, status: i64, title: &str) -> Self {
        self.status = status;
        self.title = Some(title.to_owned());
        self
    }

    /// The same, of a task.
    #[must_use]
    pub fn at(mut self, pointer: &str) -> Self {
        pointer.clone_into(&mut self.instance);
        self
    }

    /// The same, of a task, unless it says already of which.
    #[must_use]
    pub fn at_least_at(self, pointer: &str) -> Self {
        if self.instance.is_empty() { self.at(pointer) } else { self }
    }

    /// Whether it is of a standard type.
    #[must_use]
    pub fn is(&self, standard: Standard) -> bool {
        canonical(&self.kind) == standard.uri()
    }

    /// As a value, for expressions.
    #[must_use]
    pub fn to_value(&self) -> Value {
        serde_json::to_value(self).unwrap_or(Value::Null)
    }

    /// An error as a `raise` task says it, or what is wrong with it.
    ///
    /// # Errors
    /// A part is missing or not what it must be.
    pub fn read(error: &Value) -> Result<Self, Self> {
        let text = |name: &str| error.get(name).and_then(Value::as_str).map(str::to_owned);
        let wrong = |detail: String| Self::new(Standard::Expression, detail);
        let kind = text("type").ok_or_else(|| wrong(format!("the type of the error is no text: {error}")))?;
        let status = error.get("status").and_then(Value::as_i64);
        let status = status.ok_or_else(|| wrong(format!("the status of the error is no whole number: {error}")))?;
        Ok(Self { kind, status, title: text("title"), detail: text("detail"), instance: String::new() })
    }

    /// Whether every property of a filter is that of this problem.
    #[must_use]
    pub fn fits(&self, filter: &Value) -> bool {
        let own = self.to_value();
        let Value::Object(filter) = filter else { return true };
        filter.iter().all(|(name, wanted)| match (name.as_str(), wanted) {
            ("type", Value::String(wanted)) => canonical(wanted) == canonical(&self.kind),
            ("status", Value::Number(wanted)) => wanted.as_f64() == json!(self.status).as_f64(),
            _ => own.get(name) == Some(wanted),
        })
    }
}

/// A type with the beginning that Neptune uses.
fn canonical(kind: &str) -> String {
    let name = ALIASES.iter().find_map(|alias| kind.strip_prefix(alias));
    name.map_or_else(|| kind.to_owned(), |name| format!("{BASE}{name}"))
}
