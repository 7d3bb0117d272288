//! Gemini's stream in OpenAI's chunks: each event is an answer as far as it has grown.

use super::{
    answer::{call, end, usage},
    refusal,
};
use crate::domain::{
    failure::{Billed, Failure},
    sse::Event,
    wire::{
        Pieces, Refusal,
        chunks::Writer,
        completion::End,
        event_data,
        reading::{list, text},
    },
};
use neptune_contracts::{
    Timestamp,
    attempt::{ErrorClass, Usage},
};
use serde_json::{Value, json};

#[derive(Debug)]
pub(super) struct Reader {
    writer: Writer,
    response: String,
}

impl Reader {
    pub(super) fn new(now: Timestamp) -> Self {
        Self { writer: Writer::new(now), response: String::new() }
    }

    fn add(&mut self, index: usize, candidate: &Value, pieces: &mut Vec<Value>) {
        for part in list(candidate, "/content/parts") {
            let words = text(part, "/text");
            if part.get("thought").and_then(Value::as_bool) == Some(true) {
                pieces.extend(self.writer.thought(index, words));
            } else {
                pieces.extend(self.writer.text(index, words));
            }
            let place = self.writer.calls(index);
            if let Some(call) = call(part, (index, place), Some(self.response.as_str()).filter(|id| !id.is_empty())) {
                let extra = call.signature.map(|signature| json!({"google": {"thought_signature": signature}}));
                let (piece, place) = self.writer.call(index, (&call.id, &call.name), extra);
                pieces.push(piece);
                pieces.push(self.writer.arguments(index, place, &call.arguments.to_string()));
            }
        }
        let reason = text(candidate, "/finishReason");
        if !reason.is_empty() {
            pieces.extend(self.writer.end(index, end(reason)));
        }
    }
}

impl Pieces for Reader {
    fn read(&mut self, event: &Event) -> Result<Vec<Value>, Failure> {
        let data = event_data(event)?;
        if let Some(error) = data.get("error") {
            let code = error.get("code").and_then(Value::as_u64).and_then(|code| u16::try_from(code).ok());
            let status = code.filter(|code| (400..600).contains(code)).unwrap_or(500);
            return Err(refusal::read(&Refusal { status, body: event.data.as_bytes(), ..Refusal::default() }));
        }
        let id = text(&data, "/responseId");
        if !id.is_empty() {
            self.writer.named(id);
            id.clone_into(&mut self.response);
        }
        let usage = usage(data.get("usageMetadata"));
        let fail =
            |class, what: &str| Err(Failure::new(class, what).billed(usage.map_or(Billed::Perhaps, Billed::Counted)));
        let candidates = list(&data, "/candidates");
        if candidates.is_empty() && !text(&data, "/promptFeedback/blockReason").is_empty() {
            return fail(ErrorClass::Refusal, "the provider's content filter stopped the request");
        }
        let mut pieces = Vec::new();
        for (place, candidate) in candidates.iter().enumerate() {
            let index = candidate.get("index").and_then(Value::as_u64).and_then(|index| usize::try_from(index).ok());
            self.add(index.unwrap_or(place), candidate, &mut pieces);
        }
        if self.writer.all_ended(End::Malformed) {
            return fail(ErrorClass::Malformed, "the model produced what its provider cannot read");
        }
        // Counts before the end are of a part of the answer.
        if let (true, Some(usage)) = (self.writer.any_ended(), &usage) {
            pieces.push(self.writer.usage(usage));
        }
        Ok(pieces)
    }

    /// Gemini says no more than that each candidate has ended.
    fn is_ended(&self) -> bool {
        false
    }

    fn usage(&self) -> Option<Usage> {
        self.writer.counted()
    }
}
