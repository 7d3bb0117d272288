//! Calling a model for an answer in pieces.

use super::{ANSWER_LIMIT_BYTES, Call, Provider, connection_failure, limits, read_body, refused};
use crate::{
    domain::{
        answer::{self, Answer},
        assemble::Assembly,
        failure::{Billed, Failure},
        frames, price, rate_headers, sse,
        wire::{self, Framing, Outgoing, Pieces, Wire},
    },
    outlet::Outlet,
};
use neptune_contracts::{
    Timestamp,
    attempt::{ErrorClass, Usage},
};
use reqwest::{Response, header::CONTENT_TYPE};
use serde_json::Value;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// A stream that says nothing for longer has stalled.
const LONGEST_SILENCE: Duration = Duration::from_secs(30);

impl Provider {
    /// The model's answer, its pieces passed on to `outlet` as they come. The first piece of content
    /// must be there within the call's timeout, the whole answer within `whole`; where the provider's
    /// pieces are not read the answer comes in one, as by [`Self::call`].
    ///
    /// # Errors
    /// The kind of failure, without the task's words or the provider's. What arrived of the answer is
    /// counted.
    pub async fn stream(&self, call: Call<'_>, whole: Duration, outlet: &Outlet) -> Result<Answer, Failure> {
        let wire = wire::of(call.model.provider);
        let Some(outgoing) = wire.streamed_request(&call.asked()) else { return self.call(call).await };
        let Outgoing { path, headers, body, warnings } = outgoing?;
        let request = self.request(&call, &path, (headers, body))?;
        let now = Instant::now();
        let (first_by, whole_by) = (now + call.timeout.min(whole), now + whole);
        let late = || timed_out(call.timeout.min(whole));
        let sent = timeout_at(first_by, self.execute(&call, request)).await;
        let mut response = sent.map_err(|_| late())??;
        let limits = limits(&response);
        let result = if !response.status().is_success() {
            Err(refused(wire, &mut response).await)
        } else if is_whole(&response, wire.framing()) {
            let body = timeout_at(first_by, read_body(&mut response)).await.map_err(|_| late())?;
            body.and_then(|body| wire.answer(&body, call.name, Timestamp::now()))
        } else {
            Incoming { call: &call, outlet, assembly: Assembly::default(), has_content: false, counted: None }
                .read(wire, &mut response, (first_by, whole_by))
                .await
        };
        rate_headers::attach(result.map(|answer| Answer { warnings, ..answer }), limits)
    }
}

/// A server that was asked for pieces and does not know them answers in one.
fn is_whole(response: &Response, framing: Framing) -> bool {
    let kind = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    !kind.trim_start().to_ascii_lowercase().starts_with(framing.media_type())
}

fn timed_out(after: Duration) -> Failure {
    let text = format!("no first piece of an answer within {} ms", after.as_millis());
    Failure::new(ErrorClass::Timeout, text).billed(Billed::Perhaps)
}

/// Reads what a body holds, however it is packed.
enum Events {
    ServerSent(sse::Reader),
    AwsFrames(Box<frames::Reader>),
}

impl Events {
    fn of(framing: Framing) -> Self {
        match framing {
            Framing::ServerSent => Self::ServerSent(sse::Reader::default()),
            Framing::AwsFrames => Self::AwsFrames(Box::default()),
        }
    }

    fn read(&mut self, bytes: &[u8]) -> Result<Vec<sse::Event>, Failure> {
        let unreadable = |text: String| Failure::new(ErrorClass::Malformed, text);
        match self {
            Self::ServerSent(reader) => reader.read(bytes).map_err(|error| unreadable(error.to_string())),
            Self::AwsFrames(reader) => reader.read(bytes).map_err(|error| unreadable(error.to_string())),
        }
    }
}

/// An answer as far as it has come.
struct Incoming<'c> {
    call: &'c Call<'c>,
    outlet: &'c Outlet,
    assembly: Assembly,
    has_content: bool,
    /// What was counted, where the pieces have no word for it.
    counted: Option<Usage>,
}

impl Incoming<'_> {
    async fn read(
        mut self,
        wire: &dyn Wire,
        response: &mut Response,
        (first_by, whole_by): (Instant, Instant),
    ) -> Result<Answer, Failure> {
        let (mut reader, mut pieces, mut size) = (Events::of(wire.framing()), wire.pieces(Timestamp::now()), 0);
        while !pieces.is_ended() {
            let silent_at = Instant::now() + LONGEST_SILENCE;
            let until = if self.has_content { silent_at.min(whole_by) } else { first_by };
            let arrived = timeout_at(until, response.chunk()).await.map_err(|_| self.late(whole_by))?;
            let bytes = match arrived.map_err(|error| self.broken(connection_failure(&error)))? {
                Some(bytes) => bytes,
                None => break,
            };
            size += bytes.len();
            if size > ANSWER_LIMIT_BYTES {
                let text = format!("the answer is larger than {ANSWER_LIMIT_BYTES} bytes");
                return Err(self.broken(Failure::new(ErrorClass::Malformed, text)));
            }
            for event in reader.read(&bytes).map_err(|failure| self.broken(failure))? {
                self.take(pieces.as_mut(), &event).await?;
            }
        }
        if !pieces.is_ended() && !self.assembly.is_complete() {
            return Err(self.broken(Failure::new(ErrorClass::Network, "the stream ended before the answer did")));
        }
        let answer = answer::of_output(self.assembly.completion(), self.call.name);
        let answer = answer.map_err(|failure| match self.counted {
            Some(usage) => failure.billed(Billed::Counted(usage)),
            None => failure,
        })?;
        self.outlet.end().await;
        Ok(Answer { usage: self.counted.or(answer.usage), ..answer })
    }

    async fn take(&mut self, pieces: &mut dyn Pieces, event: &sse::Event) -> Result<(), Failure> {
        let chunks = pieces.read(event);
        self.counted = pieces.usage();
        for mut chunk in chunks.map_err(|failure| self.broken(failure))? {
            let has_content = self.assembly.add(&chunk);
            self.has_content |= has_content;
            // What was counted is no piece of the answer.
            let is_piece = chunk.get("choices").and_then(Value::as_array).is_some_and(|choices| !choices.is_empty());
            if let (true, Some(fields)) = (is_piece, chunk.as_object_mut()) {
                fields.insert("model".into(), self.call.name.into());
                self.outlet.pass(chunk, has_content).await;
            }
        }
        Ok(())
    }

    fn late(&self, whole_by: Instant) -> Failure {
        if !self.has_content {
            return timed_out(self.call.timeout);
        }
        let text = if Instant::now() >= whole_by {
            "the deadline passed in the middle of the answer".to_owned()
        } else {
            format!("nothing of the answer came for {} s", LONGEST_SILENCE.as_secs())
        };
        self.broken(Failure::new(ErrorClass::Timeout, text))
    }

    /// The failure, charged by what arrived.
    fn broken(&self, failure: Failure) -> Failure {
        let output = self.assembly.completion();
        let billed = match (self.counted.or_else(|| price::openai_usage(&output)), failure.billed) {
            (Some(usage), _) => Billed::Counted(usage),
            (None, Billed::Counted(usage)) => Billed::Counted(usage),
            (None, _) if self.has_content => Billed::UpTo(price::estimated_usage(0, &output).output),
            (None, billed @ Billed::No) if failure.error.http_status.is_some() => billed,
            (None, _) => Billed::Perhaps,
        };
        failure.billed(billed)
    }
}
