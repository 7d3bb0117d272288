//! An answer in pieces, as its provider sends it.

use std::convert::Infallible;
use std::io;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::HeaderValue;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use futures::{StreamExt as _, stream};
use serde_json::{Value, json};

use super::reply;
use crate::account::Outcome;
use crate::domain::answer::{Answer, Content};
use crate::domain::behaviour::Fault;
use crate::domain::dialect::{Dialect, Reply, tokens_of};
use crate::domain::usage::Usage;
use crate::provider::Running;
use crate::wire::Wire;

/// While a stream rests, what was written of it is sent.
const FLUSH: Duration = Duration::from_millis(5);

/// How a stream goes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Course {
    pub(super) dialect: Dialect,
    pub(super) per_token: Duration,
    pub(super) with_usage: bool,
    /// What goes wrong on the way.
    pub(super) fault: Option<Fault>,
    /// After so many pieces; half of them when absent.
    pub(super) breaks_after: Option<u32>,
}

struct Pieces {
    events: std::vec::IntoIter<Bytes>,
    /// Pieces until the stream breaks.
    left: Option<usize>,
    course: Course,
    wire: Wire,
    /// Until it has ended; a client that goes away before that abandons it.
    call: Option<(Running, Usage)>,
}

/// The answer to `call`, piece by piece.
pub(super) fn respond(call: Running, reply: &Reply<'_>, course: Course, wire: &Wire) -> Response {
    let events = course.dialect.pieces(reply).unwrap_or_else(|| events(reply, course.with_usage));
    let breaks = matches!(course.fault, Some(Fault::Cut | Fault::CutMidway | Fault::Malformed | Fault::Stall));
    let half = u32::try_from(events.len() / 2).unwrap_or(u32::MAX);
    let left = breaks.then(|| course.breaks_after.unwrap_or(half) as usize);
    let pieces =
        Pieces { events: events.into_iter(), left, course, wire: wire.clone(), call: Some((call, *reply.usage)) };
    let body = stream::unfold(pieces, |mut pieces| async move {
        let bytes = pieces.next().await?;
        Some((Ok::<Bytes, Infallible>(bytes), pieces))
    });
    let kind = HeaderValue::from_static(course.dialect.stream_type());
    ([(CONTENT_TYPE, kind)], Body::from_stream(body)).into_response()
}

/// A whole answer whose connection breaks in the middle of it.
pub(super) fn broken(body: &Bytes, wire: &Wire) -> Response {
    let (half, wire) = (body.slice(..body.len() / 2), wire.clone());
    let end = stream::once(async move {
        // What was said before gets out.
        tokio::time::sleep(FLUSH).await;
        wire.cut();
        Err(io::Error::from(io::ErrorKind::ConnectionAborted))
    });
    let said = Body::from_stream(stream::iter([Ok(half)]).chain(end));
    let kind = HeaderValue::from_static("application/json");
    ([(CONTENT_TYPE, kind), (CONTENT_LENGTH, HeaderValue::from(body.len()))], said).into_response()
}

impl Pieces {
    async fn next(&mut self) -> Option<Bytes> {
        if let Some(left) = &mut self.left {
            if *left == 0 {
                return self.go_wrong().await;
            }
            *left -= 1;
        }
        let event = self.events.next()?;
        if self.events.len() == 0
            && let Some((call, usage)) = self.call.take()
        {
            call.answered(Outcome::of(self.course.fault), &usage);
        }
        if !self.course.per_token.is_zero() {
            tokio::time::sleep(self.course.per_token).await;
        }
        Some(event)
    }

    async fn go_wrong(&mut self) -> Option<Bytes> {
        self.left = None;
        // What was said before gets out.
        tokio::time::sleep(FLUSH).await;
        self.events = Vec::new().into_iter();
        match self.course.fault {
            Some(Fault::Malformed) => {
                self.fail();
                Some(Bytes::from_static(self.course.dialect.broken_piece()))
            }
            // Nothing more comes, and nobody says so.
            Some(Fault::Stall) => std::future::pending().await,
            _ => {
                self.wire.cut();
                self.fail();
                Some(Bytes::from_static(b"data: "))
            }
        }
    }

    fn fail(&mut self) {
        if let Some((call, _)) = self.call.take() {
            call.failed(Outcome::of(self.course.fault));
        }
    }
}

fn events(reply: &Reply<'_>, with_usage: bool) -> Vec<Bytes> {
    let chunk = |choices: Value| {
        let mut chunk = json!({
            "id": reply::id(reply), "object": "chat.completion.chunk", "created": reply.created_unix_s, "model": reply.model,
            "system_fingerprint": "fp_simulator", "choices": choices,
        });
        if let (true, Some(fields)) = (with_usage, chunk.as_object_mut()) {
            fields.insert("usage".into(), Value::Null);
        }
        chunk
    };
    let piece = |index: usize, delta: Value, finish_reason: Option<&str>| {
        chunk(json!([{"index": index, "delta": delta, "logprobs": null, "finish_reason": finish_reason}]))
    };
    let mut chunks = Vec::new();
    for (index, answer) in reply.answers.iter().enumerate() {
        chunks.extend(deltas(reply, index, answer).into_iter().map(|delta| piece(index, delta, None)));
        chunks.push(piece(index, json!({}), Some(answer.finish_reason)));
    }
    if with_usage {
        let mut last = chunk(json!([]));
        if let Some(fields) = last.as_object_mut() {
            fields.insert("usage".into(), json!(reply::tokens(reply.usage)));
        }
        chunks.push(last);
    }
    let events = chunks.iter().map(|chunk| Bytes::from(format!("data: {chunk}\n\n")));
    events.chain([Bytes::from_static(b"data: [DONE]\n\n")]).collect()
}

/// The role first, then one piece a token.
fn deltas(reply: &Reply<'_>, index: usize, answer: &Answer) -> Vec<Value> {
    match &answer.content {
        Content::Text(text) => {
            let first = json!({"role": "assistant", "content": "", "refusal": null});
            [first].into_iter().chain(tokens_of(text).into_iter().map(|part| json!({"content": part}))).collect()
        }
        Content::Call { name, arguments } => {
            let call = |piece: Value| json!({"tool_calls": [piece]});
            let begin = json!({"index": 0, "id": reply::call_id(reply, index), "type": "function", "function": {"name": name, "arguments": ""}});
            let mut first = call(begin);
            if let Some(fields) = first.as_object_mut() {
                fields.extend([
                    ("role".to_owned(), json!("assistant")),
                    ("content".to_owned(), Value::Null),
                    ("refusal".to_owned(), Value::Null),
                ]);
            }
            let rest =
                tokens_of(arguments).into_iter().map(|part| call(json!({"index": 0, "function": {"arguments": part}})));
            [first].into_iter().chain(rest).collect()
        }
    }
}
