//! Errors over HTTP: OpenAI's shape on OpenAI's routes, RFC 9457 problems on Neptune's own.

use crate::domain::{answer::Meaning, keys::KeyError};
use axum::{
    Json,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response, sse::Event},
};
use neptune_bus::PublishError;
use neptune_contracts::{finished::TaskError, ids::TaskId, problem::Problem};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

/// When to come back after a passing fault that does not say.
const COME_BACK_MS: u64 = 1_000;

/// Which shape errors have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// `{"error": {…}}`.
    Openai,
    /// `{"type": "error", "error": {…}}`.
    Anthropic,
    /// `application/problem+json`.
    Problem,
}

/// An error in OpenAI's shape.
#[derive(Debug, Serialize, JsonSchema)]
pub struct OpenaiError {
    /// The error.
    error: OpenaiErrorBody,
}

/// What OpenAI's clients read of an error.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(inline)]
struct OpenaiErrorBody {
    /// What is wrong, and what to do about it.
    message: String,
    /// The kind of error.
    r#type: &'static str,
    /// The field that is wrong.
    param: Option<String>,
    /// Stable name of the reason.
    code: String,
}

/// An error in Anthropic's shape.
#[derive(Debug, Serialize, JsonSchema)]
pub struct AnthropicError {
    /// `error`.
    r#type: &'static str,
    /// The error.
    error: AnthropicErrorBody,
}

/// What Anthropic's clients read of an error.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(inline)]
struct AnthropicErrorBody {
    /// The kind of error.
    r#type: &'static str,
    /// What is wrong, and what to do about it.
    message: String,
    /// Stable name of the reason.
    code: String,
}

/// An RFC 9457 problem.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ProblemDocument {
    /// `about:blank`: the status says it.
    r#type: &'static str,
    /// The status in words.
    title: &'static str,
    /// The status.
    status: u16,
    /// What is wrong, and what to do about it.
    detail: String,
    /// Stable name of the reason.
    code: String,
    /// Every fault of the input.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    problems: Vec<Problem>,
    /// The task it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    task: Option<TaskId>,
}

/// An error on its way out.
#[derive(Clone, Debug)]
pub struct Fault {
    meaning: Meaning,
    code: String,
    message: String,
    problems: Vec<Problem>,
    retry_after_ms: Option<u64>,
    task: Option<TaskId>,
}

impl Fault {
    /// An error that another try does not mend.
    #[must_use]
    pub fn new(status: u16, kind: &'static str, code: &str, message: impl Into<String>) -> Self {
        let meaning = Meaning { status, kind, retry: Some(false) };
        Self {
            meaning,
            code: code.into(),
            message: message.into(),
            problems: Vec::new(),
            retry_after_ms: None,
            task: None,
        }
    }

    /// An error that passes.
    #[must_use]
    pub fn unavailable(code: &str, message: impl Into<String>) -> Self {
        Self::new(503, "service_unavailable", code, message).passing()
    }

    /// A request that cannot be understood.
    #[must_use]
    pub fn bad_request(field: &str, message: &str, remedy: &str) -> Self {
        Self::invalid(vec![Problem::new(field, message, remedy)])
    }

    /// The faults of an input.
    #[must_use]
    pub fn invalid(problems: Vec<Problem>) -> Self {
        let text: Vec<String> = problems.iter().map(ToString::to_string).collect();
        Self { problems, ..Self::new(400, "invalid_request_error", "invalid_request", text.join("; ")) }
    }

    /// Why a task has no answer.
    #[must_use]
    pub fn of_task(meaning: Meaning, error: TaskError, task: TaskId) -> Self {
        let TaskError { code, message, problems, retry_after_ms } = error;
        let come_back = (meaning.retry == Some(true)).then_some(COME_BACK_MS);
        Self { meaning, code, message, problems, retry_after_ms: retry_after_ms.or(come_back), task: Some(task) }
    }

    /// Names the fields it is about.
    #[must_use]
    pub fn with_problems(mut self, problems: Vec<Problem>) -> Self {
        self.problems = problems;
        self
    }

    /// Names the task it is about.
    #[must_use]
    pub fn about(mut self, task: TaskId) -> Self {
        self.task = Some(task);
        self
    }

    fn passing(mut self) -> Self {
        self.meaning.retry = Some(true);
        self.retry_after_ms = Some(COME_BACK_MS);
        self
    }

    /// The answer in the given shape.
    #[must_use]
    pub fn answer(self, shape: Shape) -> Response {
        let status = StatusCode::from_u16(self.meaning.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        if status.is_server_error() {
            tracing::warn!(
                status = status.as_u16(),
                code = self.code,
                task.id = self.task.map(tracing::field::display),
                "answered with an error"
            );
        }
        let headers = self.headers();
        match shape {
            Shape::Openai => (status, headers, Json(self.openai())).into_response(),
            Shape::Anthropic => (status, headers, Json(self.anthropic())).into_response(),
            Shape::Problem => {
                let mut response = (status, headers, Json(self.problem(status))).into_response();
                let kind = HeaderValue::from_static("application/problem+json");
                response.headers_mut().insert(header::CONTENT_TYPE, kind);
                response
            }
        }
    }

    /// The error in OpenAI's shape without its frame, for the last event of a stream that has begun.
    pub fn told(self) -> Value {
        self.log_in_stream();
        serde_json::to_value(self.openai().error).unwrap_or_default()
    }

    fn log_in_stream(&self) {
        tracing::debug!(
            code = self.code,
            task.id = self.task.map(tracing::field::display),
            "a stream ended with an error"
        );
    }

    /// The error as the last event of a stream that has begun.
    pub fn event(self, shape: Shape) -> Event {
        self.log_in_stream();
        // Texts always can be written.
        match shape {
            Shape::Anthropic => {
                Event::default().event("error").data(serde_json::to_string(&self.anthropic()).unwrap_or_default())
            }
            _ => Event::default().data(serde_json::to_string(&self.openai()).unwrap_or_default()),
        }
    }

    fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let mut put = |name: &'static str, value: String| {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(HeaderName::from_static(name), value);
            }
        };
        if let Some(millis) = self.retry_after_ms {
            put("retry-after", millis.div_ceil(1_000).to_string());
            put("retry-after-ms", millis.to_string());
        }
        if let Some(retry) = self.meaning.retry {
            put("x-should-retry", retry.to_string());
        }
        if let Some(task) = self.task {
            put("x-neptune-task-id", task.to_string());
        }
        if self.meaning.status == 401 {
            put("www-authenticate", "Bearer realm=\"neptune\"".into());
        }
        headers
    }

    fn openai(self) -> OpenaiError {
        // The body as a whole is no parameter.
        let param = self.problems.into_iter().map(|problem| problem.field).find(|field| !field.starts_with('('));
        OpenaiError {
            error: OpenaiErrorBody { message: self.message, r#type: self.meaning.kind, param, code: self.code },
        }
    }

    fn anthropic(self) -> AnthropicError {
        let kind = match self.meaning.status {
            400 | 405 | 408 | 409 | 415 | 422 => "invalid_request_error",
            401 => "authentication_error",
            402 => "billing_error",
            403 => "permission_error",
            404 => "not_found_error",
            413 => "request_too_large",
            429 => "rate_limit_error",
            503 => "overloaded_error",
            504 => "timeout_error",
            _ => "api_error",
        };
        AnthropicError {
            r#type: "error",
            error: AnthropicErrorBody { r#type: kind, message: self.message, code: self.code },
        }
    }

    fn problem(self, status: StatusCode) -> ProblemDocument {
        ProblemDocument {
            r#type: "about:blank",
            title: status.canonical_reason().unwrap_or("error"),
            status: status.as_u16(),
            detail: self.message,
            code: self.code,
            problems: self.problems,
            task: self.task,
        }
    }
}

impl From<KeyError> for Fault {
    fn from(error: KeyError) -> Self {
        Self::new(401, "authentication_error", "invalid_api_key", error.to_string())
    }
}

impl From<&PublishError> for Fault {
    fn from(error: &PublishError) -> Self {
        match error {
            PublishError::Full { .. } => {
                let text = "too many of the team's tasks are waiting; send it again later";
                Self::new(429, "rate_limit_error", "queue_full", text).passing()
            }
            PublishError::TooLarge { .. } => Self::new(413, "invalid_request_error", "too_large", error.to_string()),
            _ => Self::unavailable("bus_unavailable", "the task could not be stored; send it again"),
        }
    }
}
