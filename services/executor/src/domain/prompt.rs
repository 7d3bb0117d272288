//! The task's input as JSON, written once: its digest is compared with the admission's, and the
//! same bytes go to each model under the name its provider knows.

use neptune_contracts::chat::ChatRequest;
use serde_json::Value;

/// A task's input as JSON.
pub struct Prompt {
    /// As governance hashed it.
    hashed: Vec<u8>,
    /// The same without streaming, when the two differ.
    plain: Option<Vec<u8>>,
    /// Where the fields after `model` begin in what is sent.
    tail_at: usize,
}

impl Prompt {
    /// Writes the input.
    ///
    /// # Errors
    /// It cannot be written as JSON.
    pub fn write(input: &ChatRequest) -> Result<Self, serde_json::Error> {
        let hashed = serde_json::to_vec(input)?;
        if input.stream.is_none() && !input.other.contains_key("stream_options") {
            let tail_at = tail_at(input.model.as_deref())?;
            return Ok(Self { hashed, plain: None, tail_at });
        }
        let mut input = input.clone();
        (input.model, input.stream) = (None, None);
        input.other.remove("stream_options");
        Ok(Self { hashed, plain: Some(serde_json::to_vec(&input)?), tail_at: tail_at(None)? })
    }

    /// The input as the admission's digest covers it.
    #[must_use]
    pub fn hashed(&self) -> &[u8] {
        &self.hashed
    }

    /// The request for the model that its provider knows as `upstream_model`, with the form of the
    /// answer where the input itself has none.
    ///
    /// # Errors
    /// The name or the form cannot be written as JSON.
    pub fn request(&self, upstream_model: &str, response_format: Option<&Value>) -> Result<Vec<u8>, serde_json::Error> {
        let tail = self.plain.as_ref().unwrap_or(&self.hashed).get(self.tail_at..).unwrap_or_default();
        let mut request = Vec::with_capacity(tail.len() + upstream_model.len() + 16);
        request.extend_from_slice(b"{\"model\":");
        serde_json::to_writer(&mut request, upstream_model)?;
        if let Some(format) = response_format {
            request.extend_from_slice(b",\"response_format\":");
            serde_json::to_writer(&mut request, format)?;
        }
        request.push(b',');
        request.extend_from_slice(tail);
        Ok(request)
    }
}

/// `model` is the first field a request is written with, and `messages`, which is never absent,
/// the second.
fn tail_at(model: Option<&str>) -> Result<usize, serde_json::Error> {
    let Some(model) = model else { return Ok("{".len()) };
    Ok("{\"model\":,".len() + serde_json::to_vec(model)?.len())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn check(input: &ChatRequest, upstream_model: &str) {
        let prompt = Prompt::write(input).unwrap();
        assert_eq!(prompt.hashed(), serde_json::to_vec(input).unwrap());
        let mut wanted = serde_json::to_value(input).unwrap();
        wanted["model"] = upstream_model.into();
        wanted.as_object_mut().unwrap().retain(|field, _| field != "stream" && field != "stream_options");
        let sent: Value = serde_json::from_slice(&prompt.request(upstream_model, None).unwrap()).unwrap();
        assert_eq!(sent, wanted);
        let format = json!({"type": "json_object"});
        wanted["response_format"] = format.clone();
        let sent: Value = serde_json::from_slice(&prompt.request(upstream_model, Some(&format)).unwrap()).unwrap();
        assert_eq!(sent, wanted);
    }

    #[test]
    fn unknown_fields_go_along_and_streaming_does_not() {
        let input = json!({
            "model": "auto", "messages": [{"role": "user", "content": "hi", "name": "n"}], "temperature": 0.5, "seed": 7,
            "metadata": {"a": "b"}, "stream": true, "stream_options": {"include_usage": true}
        });
        let mut input: ChatRequest = serde_json::from_value(input).unwrap();
        check(&input, "gpt-4.1");
        input.stream = None;
        check(&input, "gpt-4.1");
        input.other.remove("stream_options");
        check(&input, "gpt-4.1");
        input.model = None;
        check(&input, "gpt-4.1");
    }

    proptest! {
        #[test]
        fn any_name_and_text_survive(model in proptest::option::of(".*"), upstream in ".*", text in ".*", stream in proptest::option::of(any::<bool>())) {
            let input = ChatRequest { model, stream, ..ChatRequest::user(text) };
            check(&input, &upstream);
        }
    }
}
