//! Batches of calls as providers keep them: files, batches, and what came out of their items.

use axum::body::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::dialect::{Dialect, Wrong};

/// How a time is written, given in milliseconds since 1970.
pub type Written = fn(u64) -> String;

/// How a model's batches go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Batching {
    /// A batch is done so long after it was made, in milliseconds.
    pub delay_ms: u64,
    /// Making one takes so long, in milliseconds; a client that goes away meanwhile has made none.
    pub create_delay_ms: u64,
    /// Items whose request has this text fail with a server error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fails_on: Option<String>,
    /// Items whose request has this text are not begun in time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_on: Option<String>,
    /// What an item is charged, in percent of the price.
    pub price_percent: u64,
}

impl Default for Batching {
    fn default() -> Self {
        Self { delay_ms: 0, create_delay_ms: 0, fails_on: None, expires_on: None, price_percent: 50 }
    }
}

impl Batching {
    /// Whether nothing was said of them.
    pub fn is_usual(&self) -> bool {
        *self == Self::default()
    }
}

/// A request in a batch.
#[derive(Debug, Clone)]
pub struct Item {
    /// The client's name of it.
    pub custom_id: String,
    /// The request.
    pub body: Bytes,
}

/// What came out of an item.
#[derive(Debug, Clone)]
pub enum End {
    /// Its answer.
    Answered(Value),
    /// Its error.
    Failed(Wrong),
    /// It was not begun in time.
    Expired,
    /// It was called off.
    Cancelled,
}

/// How far a batch is.
#[derive(Debug, Clone)]
pub enum State {
    /// Its time has not come.
    Working,
    /// Its items have ended.
    Ended(Vec<(String, End)>),
    /// It was called off, with its items.
    Cancelled(Vec<(String, End)>),
    /// It cannot be begun; why.
    Failed(String),
}

/// A batch.
#[derive(Debug, Clone)]
pub struct Batch {
    /// Its name.
    pub id: String,
    /// The format it was made in.
    pub dialect: Dialect,
    /// When it was made.
    pub created_unix_ms: u64,
    /// When it is done.
    pub due_unix_ms: u64,
    /// The file it was made of.
    pub input_file: Option<String>,
    /// What the client says of it.
    pub metadata: Value,
    /// Its items.
    pub items: Vec<Item>,
    /// How far it is.
    pub state: State,
}

/// A file.
#[derive(Debug, Clone)]
pub struct File {
    /// Its name here.
    pub id: String,
    /// Its name at the client.
    pub name: String,
    /// What it is for.
    pub purpose: String,
    /// When it came.
    pub created_unix_ms: u64,
    /// What is in it.
    pub content: Bytes,
}

/// All files and batches.
#[derive(Debug, Default)]
pub struct Store {
    /// In the order in which they came.
    pub files: Vec<File>,
    /// In the order in which they were made.
    pub batches: Vec<Batch>,
    /// How many names were given.
    pub named: u64,
}

impl Store {
    /// A new name.
    pub fn name(&mut self, prefix: &str) -> String {
        self.named += 1;
        format!("{prefix}{:08}", self.named)
    }
}

impl File {
    /// As OpenAI shows it.
    pub fn shown(&self) -> Value {
        json!({
            "id": self.id, "object": "file", "bytes": self.content.len(), "created_at": self.created_unix_ms / 1_000,
            "filename": self.name, "purpose": self.purpose, "status": "processed",
        })
    }
}

impl Batch {
    /// What came out so far.
    pub fn ends(&self) -> &[(String, End)] {
        match &self.state {
            State::Ended(ends) | State::Cancelled(ends) => ends,
            State::Working | State::Failed(_) => &[],
        }
    }

    fn count(&self, is_counted: fn(&End) -> bool) -> usize {
        self.ends().iter().filter(|(_, end)| is_counted(end)).count()
    }

    /// As OpenAI shows it.
    pub fn openai(&self) -> Value {
        let status = match &self.state {
            State::Working => "in_progress",
            State::Ended(ends) if !ends.is_empty() && ends.iter().all(|(_, end)| matches!(end, End::Expired)) => {
                "expired"
            }
            State::Ended(_) => "completed",
            State::Cancelled(_) => "cancelled",
            State::Failed(_) => "failed",
        };
        let is_answered = |end: &End| matches!(end, End::Answered(_));
        let answered = self.count(is_answered);
        let failed = self.ends().len() - answered;
        let file = |kind: &str, count: usize| (count > 0).then(|| format!("file-{kind}-{}", self.id));
        let errors = match &self.state {
            State::Failed(why) => json!({"object": "list", "data": [{"code": "invalid_json_line", "message": why}]}),
            _ => Value::Null,
        };
        json!({
            "id": self.id, "object": "batch", "endpoint": "/v1/chat/completions", "errors": errors,
            "input_file_id": self.input_file, "completion_window": "24h", "status": status,
            "output_file_id": file("output", answered), "error_file_id": file("error", failed),
            "created_at": self.created_unix_ms / 1_000, "expires_at": self.created_unix_ms / 1_000 + 86_400,
            "request_counts": {"total": self.items.len(), "completed": answered, "failed": failed},
            "metadata": self.metadata,
        })
    }

    /// The lines of OpenAI's file of answers, or of errors.
    pub fn openai_lines(&self, of_answers: bool) -> String {
        let line = |(custom_id, end): &(String, End)| {
            let response =
                |status: u16, body: &Value| json!({"status_code": status, "request_id": "req_simulator", "body": body});
            let (response, error) = match end {
                End::Answered(body) => (response(200, body), Value::Null),
                End::Failed(wrong) => {
                    (response(wrong.status(Dialect::OpenAi), &wrong.body(Dialect::OpenAi).0), Value::Null)
                }
                End::Expired => (
                    Value::Null,
                    json!({"code": "batch_expired", "message": "This request could not be executed before the completion window expired."}),
                ),
                End::Cancelled => (
                    Value::Null,
                    json!({"code": "batch_cancelled", "message": "This request was not executed because the batch was cancelled."}),
                ),
            };
            let id = format!("batch_req_{custom_id}");
            json!({"id": id, "custom_id": custom_id, "response": response, "error": error}).to_string() + "\n"
        };
        self.ends().iter().filter(|(_, end)| matches!(end, End::Answered(_)) == of_answers).map(line).collect()
    }

    /// As Anthropic shows it, with times as `at` writes them.
    pub fn anthropic(&self, at: Written) -> Value {
        let has_ended = !matches!(self.state, State::Working);
        let results = format!("https://api.anthropic.com/v1/messages/batches/{}/results", self.id);
        json!({
            "id": self.id, "type": "message_batch", "processing_status": if has_ended { "ended" } else { "in_progress" },
            "request_counts": {
                "processing": if has_ended { 0 } else { self.items.len() },
                "succeeded": self.count(|end| matches!(end, End::Answered(_))),
                "errored": self.count(|end| matches!(end, End::Failed(_))),
                "canceled": self.count(|end| matches!(end, End::Cancelled)),
                "expired": self.count(|end| matches!(end, End::Expired)),
            },
            "created_at": at(self.created_unix_ms), "expires_at": at(self.created_unix_ms + 86_400_000),
            "ended_at": has_ended.then(|| at(self.due_unix_ms)), "results_url": has_ended.then_some(results),
            "archived_at": null, "cancel_initiated_at": null,
        })
    }

    /// The lines of Anthropic's results.
    pub fn anthropic_lines(&self) -> String {
        let line = |(custom_id, end): &(String, End)| {
            let result = match end {
                End::Answered(body) => json!({"type": "succeeded", "message": body}),
                End::Failed(wrong) => json!({"type": "errored", "error": wrong.body(Dialect::Anthropic).0}),
                End::Expired => json!({"type": "expired"}),
                End::Cancelled => json!({"type": "canceled"}),
            };
            json!({"custom_id": custom_id, "result": result}).to_string() + "\n"
        };
        self.ends().iter().map(line).collect()
    }
}

/// The items of OpenAI's file.
///
/// # Errors
/// Which line is none, and why.
pub fn openai_items(content: &[u8]) -> Result<Vec<Item>, String> {
    let lines = content.split(|byte| *byte == b'\n').filter(|line| !line.iter().all(u8::is_ascii_whitespace));
    let items = lines.enumerate().map(|(number, line)| {
        let item: Value = serde_json::from_slice(line)
            .map_err(|_| format!("This line {} is not parseable as valid JSON.", number + 1))?;
        let text = |field: &str| item.get(field).and_then(Value::as_str).unwrap_or_default();
        if text("method") != "POST" || text("url") != "/v1/chat/completions" {
            return Err(format!("Line {}: the method or url does not match the batch's endpoint.", number + 1));
        }
        Ok(Item { custom_id: text("custom_id").to_owned(), body: body_of(&item, "body") })
    });
    distinct(items.collect::<Result<_, _>>()?)
}

/// The items of Anthropic's request.
///
/// # Errors
/// What is wrong with it.
pub fn anthropic_items(body: &[u8]) -> Result<Vec<Item>, String> {
    let body: Value = serde_json::from_slice(body).map_err(|error| format!("The body is not JSON: {error}"))?;
    let requests = body.get("requests").and_then(Value::as_array).ok_or("requests: Field required")?;
    let item = |request: &Value| Item {
        custom_id: request.get("custom_id").and_then(Value::as_str).unwrap_or_default().to_owned(),
        body: body_of(request, "params"),
    };
    distinct(requests.iter().map(item).collect())
}

fn body_of(item: &Value, field: &str) -> Bytes {
    item.get(field).map(Value::to_string).unwrap_or_default().into()
}

fn distinct(items: Vec<Item>) -> Result<Vec<Item>, String> {
    let is_name = |name: &str| {
        (1..=64).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
    };
    if items.is_empty() {
        return Err("There is no request in it.".into());
    }
    let mut names: Vec<&str> = items.iter().map(|item| item.custom_id.as_str()).collect();
    if let Some(name) = names.iter().find(|name| !is_name(name)) {
        return Err(format!("custom_id {name:?}: String should match pattern '^[a-zA-Z0-9_-]{{1,64}}$'"));
    }
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    if names.len() < all { Err("custom_id must be unique within a batch.".into()) } else { Ok(items) }
}

/// The parts of a multipart body by name: the file's name, where it is one, and the content.
pub fn parts<'b>(content_type: &str, body: &'b [u8]) -> Vec<(String, Option<String>, &'b [u8])> {
    let Some((_, boundary)) = content_type.split_once("boundary=") else { return Vec::new() };
    let boundary = format!("--{}", boundary.trim_matches('"'));
    let mut parts = Vec::new();
    let mut rest = body;
    while let Some(start) = find(rest, boundary.as_bytes()) {
        let after = rest.get(start + boundary.len()..).unwrap_or_default();
        let Some(head) = find(after, b"\r\n\r\n") else { break };
        let headers = String::from_utf8_lossy(after.get(..head).unwrap_or_default()).into_owned();
        let content = after.get(head + 4..).unwrap_or_default();
        let end = find(content, format!("\r\n{boundary}").as_bytes()).unwrap_or(content.len());
        let said = |field: &str| {
            let (_, value) = headers.split_once(&format!("{field}=\""))?;
            value.split('"').next().map(str::to_owned)
        };
        parts.push((said(" name").unwrap_or_default(), said("filename"), content.get(..end).unwrap_or_default()));
        rest = content.get(end..).unwrap_or_default();
    }
    parts
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_read_part_by_part() {
        let body = "--b\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\nbatch\r\n--b\r\n\
                    Content-Disposition: form-data; name=\"file\"; filename=\"x.jsonl\"\r\nContent-Type: application/jsonl\r\n\r\n{}\n{}\n\r\n--b--\r\n";
        let parts = parts("multipart/form-data; boundary=b", body.as_bytes());
        assert_eq!(parts[0], ("purpose".into(), None, b"batch".as_slice()));
        assert_eq!(parts[1], ("file".into(), Some("x.jsonl".into()), b"{}\n{}\n".as_slice()));
        assert_eq!(parts.len(), 2);
    }

    #[test]
    fn items_are_refused_as_providers_refuse_them() {
        let line = |id: &str| {
            format!(r#"{{"custom_id":"{id}","method":"POST","url":"/v1/chat/completions","body":{{"model":"m"}}}}"#)
        };
        assert_eq!(openai_items(format!("{}\n{}\n", line("a"), line("b")).as_bytes()).unwrap().len(), 2);
        assert!(openai_items(format!("{}\n{}", line("a"), line("a")).as_bytes()).unwrap_err().contains("unique"));
        assert!(openai_items(b"{").unwrap_err().contains("line 1"));
        assert!(openai_items(br#"{"custom_id":"a","method":"GET"}"#).unwrap_err().contains("method"));
        assert!(anthropic_items(br#"{"requests":[{"custom_id":"a.b","params":{}}]}"#).unwrap_err().contains("pattern"));
        assert!(anthropic_items(b"{}").unwrap_err().contains("requests"));
    }
}
