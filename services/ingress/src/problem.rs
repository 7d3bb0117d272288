//! Errors over HTTP: OpenAI's shape on OpenAI's routes, RFC 9457 problems on Neptune's own.

use crate::domain::{answer::Meaning, keys::KeyError};
use axum::{
    Json,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use neptune_bus::PublishError;
use neptune_contracts::{finished::TaskError, ids::TaskId, problem::Problem};
use serde_json::{Value, json};

/// Which shape errors have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// `{"error": {…}}`.
    Openai,
    /// `application/problem+json`.
    Problem,
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
    /// An error with a status of its own.
    #[must_use]
    pub fn new(status: u16, kind: &'static str, code: &str, message: impl Into<String>) -> Self {
        let meaning = Meaning { status, kind, retry: Some(status == 503) };
        Self { meaning, code: code.into(), message: message.into(), problems: Vec::new(), retry_after_ms: None, task: None }
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
        Self { meaning, code, message, problems, retry_after_ms, task: Some(task) }
    }

    /// Names the task it is about.
    #[must_use]
    pub fn about(mut self, task: TaskId) -> Self {
        self.task = Some(task);
        self
    }

    /// The answer in the given shape.
    #[must_use]
    pub fn answer(self, shape: Shape) -> Response {
        let status = StatusCode::from_u16(self.meaning.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = self.headers();
        let mut response = match shape {
            Shape::Openai => (status, headers, Json(self.openai())).into_response(),
            Shape::Problem => (status, headers, Json(self.problem(status))).into_response(),
        };
        if shape == Shape::Problem {
            response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        }
        response
    }

    fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let mut put = |name: &'static str, value: String| {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(name, value);
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
        headers
    }

    fn openai(self) -> Value {
        let param = self.problems.first().map(|problem| problem.field.clone());
        json!({"error": {"message": self.message, "type": self.meaning.kind, "param": param, "code": self.code}})
    }

    fn problem(self, status: StatusCode) -> Value {
        let mut problem = json!({
            "type": "about:blank",
            "title": status.canonical_reason().unwrap_or("error"),
            "status": status.as_u16(),
            "detail": self.message,
            "code": self.code,
        });
        if let Some(object) = problem.as_object_mut() {
            if !self.problems.is_empty() {
                object.insert("problems".into(), json!(self.problems));
            }
            object.extend(self.task.map(|task| ("task".to_owned(), json!(task))));
        }
        problem
    }
}

impl From<KeyError> for Fault {
    fn from(error: KeyError) -> Self {
        Self::new(401, "authentication_error", "invalid_api_key", error.to_string())
    }
}

impl From<&PublishError> for Fault {
    fn from(error: &PublishError) -> Self {
        let mut fault = match error {
            PublishError::Full { .. } => Self::new(429, "rate_limit_error", "queue_full", "too many of the team's tasks are waiting; send it again later"),
            PublishError::TooLarge { .. } => return Self::new(413, "invalid_request_error", "too_large", error.to_string()),
            _ => Self::new(503, "service_unavailable", "bus_unavailable", "the task could not be stored; send it again"),
        };
        fault.retry_after_ms = Some(1_000);
        fault.meaning.retry = Some(true);
        fault
    }
}
