//! Vectors of texts: from what a provider gave to OpenAI's list of embeddings.

use super::{
    answer::Answer,
    failure::{Billed, Failure},
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use neptune_contracts::{
    attempt::{ErrorClass, Usage},
    chat::ChatRequest,
    embedding::{EmbeddingSpec, Encoding},
};
use serde_json::{Value, json};

/// Bytes of a number of a vector in base64.
const NUMBER_BYTES: usize = 4;

/// What a provider gave.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Vectors {
    /// In the order of the texts.
    pub vectors: Vec<Vec<f32>>,
    /// Input tokens, when it counted them.
    pub input_tokens: Option<u64>,
}

/// The answer of the model resource `name` to `input`, written as `spec` asks.
///
/// # Errors
/// Class `malformed` when there is not one vector for each text; `unsupported` when they have not as many
/// numbers as were asked for.
pub fn answer(given: Vectors, name: &str, (input, spec): (&ChatRequest, EmbeddingSpec)) -> Result<Answer, Failure> {
    let usage = given.input_tokens.map(|input_uncached| Usage { input_uncached, ..Usage::default() });
    let billed = usage.map_or(Billed::Perhaps, Billed::Counted);
    let fail = |class, text: String| Err(Failure::new(class, text).billed(billed));
    let (count, wanted) = (given.vectors.len(), input.messages.len());
    if count != wanted {
        return fail(ErrorClass::Malformed, format!("the answer holds {count} vectors for {wanted} texts"));
    }
    if given.vectors.iter().any(|vector| vector.is_empty() || !vector.iter().all(|number| number.is_finite())) {
        return fail(ErrorClass::Malformed, "a vector of the answer is empty or holds what is no number".into());
    }
    let odd = |dimensions: u32| given.vectors.iter().map(Vec::len).find(|length| *length != dimensions as usize);
    if let Some((dimensions, length)) = spec.dimensions.and_then(|dimensions| Some((dimensions, odd(dimensions)?))) {
        let text = format!("the model gives vectors of {length} numbers, {dimensions} were asked for");
        return fail(ErrorClass::Unsupported, text);
    }
    let item = |(index, vector): (usize, &Vec<f32>)| json!({"object": "embedding", "index": index, "embedding": written(vector, spec.encoding_format)});
    let data: Vec<Value> = given.vectors.iter().enumerate().map(item).collect();
    let tokens = given.input_tokens.unwrap_or_else(|| input.estimated_input_tokens());
    let usage_object = json!({"prompt_tokens": tokens, "total_tokens": tokens});
    let output = json!({"object": "list", "data": data, "model": name, "usage": usage_object});
    Ok(Answer { output, usage, warnings: Vec::new(), limits: None })
}

/// A vector as it stands in a body: a list of numbers, or the base64 of little-endian ones.
#[must_use]
pub fn read(value: &Value) -> Option<Vec<f32>> {
    match value {
        Value::Array(numbers) => numbers.iter().map(|number| number.as_f64().map(single)).collect(),
        Value::String(text) => {
            let bytes = BASE64_STANDARD.decode(text).ok()?;
            let (numbers, rest) = bytes.as_chunks::<NUMBER_BYTES>();
            rest.is_empty().then(|| numbers.iter().map(|number| f32::from_le_bytes(*number)).collect())
        }
        _ => None,
    }
}

fn written(vector: &[f32], encoding: Encoding) -> Value {
    match encoding {
        Encoding::Base64 => {
            let bytes: Vec<u8> = vector.iter().flat_map(|number| number.to_le_bytes()).collect();
            BASE64_STANDARD.encode(bytes).into()
        }
        Encoding::Float => vector.iter().map(|number| shortest(*number)).collect(),
    }
}

#[expect(clippy::cast_possible_truncation, reason = "embeddings are of single precision")]
fn single(number: f64) -> f32 {
    number as f32
}

/// The number with as few digits as name it, instead of those of its double.
fn shortest(number: f32) -> Value {
    let text = number.to_string();
    text.parse::<f64>().map_or_else(|_| json!(number), |number| json!(number))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn input(texts: &[&str], spec: EmbeddingSpec) -> ChatRequest {
        ChatRequest::embedding(None, texts.iter().map(|text| (*text).to_owned()).collect(), spec)
    }

    fn asked(dimensions: Option<u32>, encoding_format: Encoding) -> EmbeddingSpec {
        EmbeddingSpec { dimensions, encoding_format }
    }

    #[test]
    fn vectors_are_written_as_asked_and_read_back() {
        for encoding in [Encoding::Float, Encoding::Base64] {
            let spec = asked(Some(2), encoding);
            let given = Vectors { vectors: vec![vec![0.1, -2.5], vec![1e-7, 0.0]], input_tokens: Some(3) };
            let answer = answer(given.clone(), "a/b", (&input(&["x", "y"], spec), spec)).unwrap();
            assert_eq!(answer.usage, Some(Usage { input_uncached: 3, ..Usage::default() }));
            assert_eq!(answer.output["model"], "a/b");
            assert_eq!(answer.output["usage"], json!({"prompt_tokens": 3, "total_tokens": 3}));
            for (index, vector) in given.vectors.iter().enumerate() {
                assert_eq!(answer.output["data"][index]["index"], index);
                assert_eq!(read(&answer.output["data"][index]["embedding"]).as_ref(), Some(vector), "{encoding:?}");
            }
            if encoding == Encoding::Float {
                assert_eq!(answer.output["data"][0]["embedding"].to_string(), "[0.1,-2.5]");
            }
        }
    }

    #[test]
    fn what_is_not_one_sound_vector_for_each_text_is_refused() {
        let spec = asked(Some(2), Encoding::Float);
        let fault = |vectors: Vec<Vec<f32>>| {
            let given = Vectors { vectors, input_tokens: None };
            answer(given, "a/b", (&input(&["x"], spec), spec)).unwrap_err().error.class
        };
        assert_eq!(fault(vec![]), ErrorClass::Malformed);
        assert_eq!(fault(vec![vec![1.0, 2.0], vec![1.0, 2.0]]), ErrorClass::Malformed);
        assert_eq!(fault(vec![vec![]]), ErrorClass::Malformed);
        assert_eq!(fault(vec![vec![f32::NAN, 1.0]]), ErrorClass::Malformed);
        assert_eq!(fault(vec![vec![1.0]]), ErrorClass::Unsupported);
        assert_eq!(read(&json!("AAA")), None);
        assert_eq!(read(&json!([1, "2"])), None);
    }

    #[test]
    fn what_nobody_counted_is_estimated_for_the_caller_only() {
        let spec = asked(None, Encoding::Float);
        let given = Vectors { vectors: vec![vec![1.0]], input_tokens: None };
        let answer = answer(given, "a/b", (&input(&["12345678"], spec), spec)).unwrap();
        assert_eq!((answer.usage, &answer.output["usage"]["prompt_tokens"]), (None, &json!(6)));
    }
}
