//! OpenAI's batches: a file of items, a batch of the file, and files of what came out.

use super::{Api, Found, Line, Request, Said, Standing, is_name, text, unknown};
use crate::domain::failure::Failure;
use neptune_contracts::{batch::Batch, ids::AttemptId};
use serde_json::{Value, json};

/// What is asked of a batch's items, as OpenAI names it whatever the endpoint is.
const ENDPOINT: &str = "/v1/chat/completions";
/// Under which a batch is known again.
const METADATA: &str = "neptune_batch";
/// In no item after a line break, because JSON escapes those.
const BOUNDARY: &str = "neptune-5b0c4a8f2d7e4e36";

pub(super) struct Openai;

fn file_name(batch: AttemptId) -> String {
    format!("neptune-{batch}.jsonl")
}

impl Api for Openai {
    fn item(&self, id: AttemptId, body: &[u8]) -> Vec<u8> {
        let mut item = format!(r#"{{"custom_id":"{id}","method":"POST","url":"{ENDPOINT}","body":"#).into_bytes();
        item.extend_from_slice(body);
        item.push(b'}');
        item
    }

    fn upload(&self, batch: AttemptId, items: &[Vec<u8>]) -> Option<Request> {
        let disposition = "Content-Disposition: form-data; name";
        let mut body = format!(
            "--{BOUNDARY}\r\n{disposition}=\"purpose\"\r\n\r\nbatch\r\n--{BOUNDARY}\r\n{disposition}=\"file\"; filename=\"{}\"\r\n\
             Content-Type: application/jsonl\r\n\r\n",
            file_name(batch)
        )
        .into_bytes();
        for item in items {
            body.extend_from_slice(item);
            body.push(b'\n');
        }
        body.extend_from_slice(format!("\r\n--{BOUNDARY}--\r\n").as_bytes());
        let content_type = format!("multipart/form-data; boundary={BOUNDARY}");
        Some(Request { is_post: true, path: "files".into(), content_type, body })
    }

    fn files(&self) -> Request {
        Request::get("files?purpose=batch&order=desc&limit=1000")
    }

    fn file(&self, body: &Value, batch: AttemptId) -> Option<String> {
        let wanted = file_name(batch);
        let found = list(body).find(|file| text(file, "/filename") == wanted)?;
        Some(text(found, "/id").to_owned()).filter(|id| is_name(id))
    }

    fn create(&self, batch: AttemptId, file: Option<&str>, _items: &[Vec<u8>]) -> Request {
        let body = json!({
            "input_file_id": file.unwrap_or_default(), "endpoint": ENDPOINT, "completion_window": "24h",
            "metadata": {METADATA: batch.to_string()},
        });
        Request::post("batches", body.to_string().into_bytes())
    }

    fn list(&self) -> Request {
        Request::get("batches?limit=100")
    }

    fn find(&self, body: &Value, batch: &Batch) -> Found {
        let wanted = batch.id.to_string();
        let found = list(body).find(|other| text(other, "/metadata/neptune_batch") == wanted);
        let id = found.map(|found| text(found, "/id")).filter(|id| is_name(id));
        id.map_or(Found::No, |id| Found::This(id.to_owned()))
    }

    fn look(&self, upstream: &str) -> Request {
        Request::get(format!("batches/{upstream}"))
    }

    fn standing(&self, body: &Value) -> Result<Standing, Failure> {
        match text(body, "/status") {
            "validating" | "in_progress" | "finalizing" | "cancelling" => Ok(Standing::Working),
            "completed" | "failed" | "expired" | "cancelled" => {
                let files = ["/output_file_id", "/error_file_id"].map(|field| text(body, field));
                Ok(Standing::Ended(
                    files.iter().filter(|id| is_name(id)).map(|id| format!("files/{id}/content")).collect(),
                ))
            }
            other => Err(unknown(other)),
        }
    }

    fn cancel(&self, upstream: &str) -> Request {
        Request::post(format!("batches/{upstream}/cancel"), Vec::new())
    }

    fn line(&self, line: &[u8]) -> Option<Line> {
        let line: Value = serde_json::from_slice(line).ok()?;
        let id = text(&line, "/custom_id").parse().ok()?;
        let body = || line.pointer("/response/body").map(Value::to_string).unwrap_or_default().into_bytes();
        let status = line.pointer("/response/status_code").and_then(Value::as_u64);
        let said = match (text(&line, "/error/code"), status.and_then(|status| u16::try_from(status).ok())) {
            ("batch_expired", _) => Said::Expired,
            ("batch_cancelled", _) => Said::Cancelled,
            ("", Some(200..=299)) => Said::Answered(body()),
            (_, Some(status)) => Said::Refused(status, body()),
            (_, None) => Said::Refused(500, line.get("error").map(Value::to_string).unwrap_or_default().into_bytes()),
        };
        Some(Line { id, said })
    }
}

fn list(body: &Value) -> impl Iterator<Item = &Value> {
    body.get("data").and_then(Value::as_array).into_iter().flatten()
}
