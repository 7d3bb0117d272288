//! Anthropic's message batches: the items are sent with the batch, which has no name of ours; it is known again by
//! its items alone, when it has ended.

use super::{Api, Found, Line, Request, Said, Standing, is_name, text, unknown};
use crate::domain::failure::Failure;
use neptune_contracts::{Timestamp, batch::Batch, ids::AttemptId};
use serde_json::{Value, json};

/// Clocks may differ by so much.
const SKEW_MS: i64 = 60_000;

pub(super) struct Anthropic;

impl Api for Anthropic {
    fn item(&self, id: AttemptId, body: &[u8]) -> Vec<u8> {
        let mut item = format!(r#"{{"custom_id":"{id}","params":"#).into_bytes();
        item.extend_from_slice(body);
        item.push(b'}');
        item
    }

    fn upload(&self, _batch: AttemptId, _items: &[Vec<u8>]) -> Option<Request> {
        None
    }

    fn files(&self) -> Request {
        Request::get("files")
    }

    fn file(&self, _body: &Value, _batch: AttemptId) -> Option<String> {
        None
    }

    fn create(&self, _batch: AttemptId, _file: Option<&str>, items: &[Vec<u8>]) -> Request {
        let mut body = br#"{"requests":["#.to_vec();
        body.extend_from_slice(&items.join(&b','));
        body.extend_from_slice(b"]}");
        Request::post("messages/batches", body)
    }

    fn list(&self) -> Request {
        Request::get("messages/batches?limit=100")
    }

    fn find(&self, body: &Value, batch: &Batch) -> Found {
        let since = batch.planned_at.plus_millis(-SKEW_MS);
        let may_be = |other: &&Value| {
            let made_at: Option<Timestamp> =
                other.get("created_at").and_then(|at| serde_json::from_value(at.clone()).ok());
            made_at.is_some_and(|made_at| made_at >= since) && count(other) <= batch.members.len() as u64
        };
        let all = body.get("data").and_then(Value::as_array).into_iter().flatten();
        let names: Vec<String> =
            all.filter(may_be).map(|other| text(other, "/id").to_owned()).filter(|id| is_name(id)).collect();
        if names.is_empty() { Found::No } else { Found::Perhaps(names) }
    }

    fn look(&self, upstream: &str) -> Request {
        Request::get(format!("messages/batches/{upstream}"))
    }

    fn standing(&self, body: &Value) -> Result<Standing, Failure> {
        match text(body, "/processing_status") {
            "in_progress" | "canceling" => Ok(Standing::Working),
            "ended" => {
                let id = Some(text(body, "/id")).filter(|id| is_name(id));
                Ok(Standing::Ended(id.map(|id| format!("messages/batches/{id}/results")).into_iter().collect()))
            }
            other => Err(unknown(other)),
        }
    }

    fn cancel(&self, upstream: &str) -> Request {
        Request::post(format!("messages/batches/{upstream}/cancel"), Vec::new())
    }

    fn line(&self, line: &[u8]) -> Option<Line> {
        let line: Value = serde_json::from_slice(line).ok()?;
        let id = text(&line, "/custom_id").parse().ok()?;
        let said = match text(&line, "/result/type") {
            "succeeded" => Said::Answered(part(&line, "/result/message")),
            "expired" => Said::Expired,
            "canceled" => Said::Cancelled,
            _ => {
                let kind = [text(&line, "/result/error/error/type"), text(&line, "/result/error/type")];
                Said::Refused(status(kind), part(&line, "/result/error"))
            }
        };
        Some(Line { id, said })
    }
}

fn part(line: &Value, pointer: &str) -> Vec<u8> {
    line.pointer(pointer).unwrap_or(&json!(null)).to_string().into_bytes()
}

fn count(batch: &Value) -> u64 {
    let counts = batch.get("request_counts").and_then(Value::as_object).into_iter().flatten();
    counts.filter_map(|(_, count)| count.as_u64()).fold(0, u64::saturating_add)
}

/// The HTTP status that comes with an error of this type when it is no item's.
fn status(kind: [&str; 2]) -> u16 {
    let known = kind.into_iter().find_map(|kind| match kind {
        "invalid_request_error" => Some(400),
        "authentication_error" => Some(401),
        "billing_error" => Some(402),
        "permission_error" => Some(403),
        "not_found_error" => Some(404),
        "request_too_large" => Some(413),
        "rate_limit_error" => Some(429),
        "timeout_error" => Some(504),
        "overloaded_error" => Some(529),
        _ => None,
    });
    known.unwrap_or(500)
}
