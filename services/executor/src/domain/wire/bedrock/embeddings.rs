//! Embeddings at Bedrock, by `InvokeModel`: each maker's models have a format of their own. Spoken are
//! Amazon's Titan, which takes one text a call, and Cohere's Embed.

use super::super::{Asked, Outgoing, openai::texts, reading, segment, unsupported, warnings::Warnings, written};
use crate::domain::{
    embedding::{Vectors, read},
    failure::{Billed, Failure},
};
use neptune_contracts::{attempt::ErrorClass, embedding::EmbeddingSpec};
use serde_json::{Map, Value, json};

/// What Cohere's models are to make of a text when nothing else is said: something that is looked for.
const INPUT_TYPE: &str = "search_document";

/// The request for the vectors of the texts.
pub(super) fn outgoing(asked: &Asked<'_>, spec: EmbeddingSpec) -> Result<Outgoing, Failure> {
    let model = asked.upstream_model;
    let mut warnings = Warnings::of("Bedrock");
    let others = asked.input.other.keys().map(String::as_str);
    others.filter(|name| !["user", "input_type"].contains(name)).for_each(|name| warnings.left_out(name));
    let body = if model.contains("titan-embed") {
        titan(asked, spec)?
    } else if model.contains("cohere.embed") {
        cohere(asked, spec)
    } else {
        return Err(unsupported("embeddings of this model of Bedrock cannot be asked for; Titan's and Cohere's can"));
    };
    let path = format!("model/{}/invoke", segment(model));
    Ok(Outgoing { path, headers: Vec::new(), body: written(&body)?, warnings: warnings.into_problems() })
}

fn titan(asked: &Asked<'_>, spec: EmbeddingSpec) -> Result<Value, Failure> {
    let mut texts = texts(asked);
    let (Some(text), None) = (texts.next(), texts.next()) else {
        return Err(unsupported("Titan makes a vector of one text a call, and several were sent"));
    };
    let mut body = Map::from_iter([("inputText".to_owned(), json!(text))]);
    body.extend(spec.dimensions.map(|dimensions| ("dimensions".to_owned(), json!(dimensions))));
    Ok(Value::Object(body))
}

fn cohere(asked: &Asked<'_>, spec: EmbeddingSpec) -> Value {
    let kind = asked.input.other.get("input_type").and_then(Value::as_str).unwrap_or(INPUT_TYPE);
    let texts: Vec<String> = texts(asked).collect();
    let mut body = json!({"texts": texts, "input_type": kind, "embedding_types": ["float"], "truncate": "NONE"});
    if let (Some(dimensions), Some(fields)) = (spec.dimensions, body.as_object_mut()) {
        fields.insert("output_dimension".into(), dimensions.into());
    }
    body
}

/// The vectors of an answer.
pub(super) fn vectors(body: &[u8]) -> Result<Vectors, Failure> {
    let body = reading::object(body)?;
    let malformed = || Failure::new(ErrorClass::Malformed, "the answer holds no vectors").billed(Billed::Perhaps);
    let one = body.get("embedding").map(std::slice::from_ref);
    let several = || match reading::list(&body, "/embeddings/float") {
        [] => reading::list(&body, "/embeddings"),
        list => list,
    };
    let vectors: Option<Vec<Vec<f32>>> = one.unwrap_or_else(several).iter().map(read).collect();
    let input_tokens = reading::count(&body, "/inputTextTokenCount");
    Ok(Vectors { vectors: vectors.ok_or_else(malformed)?, input_tokens })
}
