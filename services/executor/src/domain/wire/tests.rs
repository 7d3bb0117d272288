#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]
use super::*;
use crate::domain::failure::Billed;
use neptune_contracts::{attempt::Usage, resource::Reasoning};
use proptest::prelude::*;
use serde_json::{Value, json};

mod streams;

const TRANSLATED: [Provider; 3] = [Provider::Anthropic, Provider::Gemini, Provider::Bedrock];

fn model(provider: Provider) -> ModelSpec {
    let price = json!({"inputUsdPerMtok": "1", "outputUsdPerMtok": "1"});
    let capabilities = json!({"maxOutputTokens": 4096});
    let spec = json!({"provider": provider, "endpoint": "http://x", "price": price, "capabilities": capabilities});
    serde_json::from_value(spec).unwrap()
}

/// What is sent for a request of one user message with these further fields.
fn sent(model: &ModelSpec, fields: &Value) -> Result<(Value, Vec<String>), Failure> {
    let mut request = json!({"messages": [{"role": "user", "content": "hi"}]});
    request.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    let input: ChatRequest = serde_json::from_value(request).unwrap();
    let prompt = Prompt::write(&input).unwrap();
    let asked = Asked { upstream_model: "m", model, input: &input, prompt: &prompt };
    let outgoing = of(model.provider).request(&asked)?;
    let fields = outgoing.warnings.into_iter().map(|warning| warning.field).collect();
    Ok((serde_json::from_slice(&outgoing.body).unwrap(), fields))
}

fn refused_class(provider: Provider, fields: &Value) -> ErrorClass {
    let failure = sent(&model(provider), fields).unwrap_err();
    assert_eq!(failure.billed, Billed::No);
    failure.error.class
}

fn now() -> Timestamp {
    Timestamp::from_unix_micros(1_790_000_000_000_000).unwrap()
}

#[test]
fn what_would_change_the_meaning_is_left_to_another_model() {
    let image = |url: &str| json!([{"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]}]);
    for fields in [
        json!({"logprobs": true}),
        json!({"logit_bias": {"5": 1}}),
        json!({"functions": [{"name": "f"}]}),
        json!({"modalities": ["text", "audio"]}),
        json!({"web_search_options": {"search_context_size": "low"}}),
        json!({"tools": [{"type": "custom", "custom": {"name": "c"}}]}),
        json!({"tool_choice": {"type": "allowed_tools"}}),
        json!({"response_format": {"type": "grammar"}}),
        json!({"reasoning_effort": "heroic"}),
        json!({"n": 9}),
        json!({"messages": image("ftp://x/y.png")}),
        json!({"messages": image("data:text,plain")}),
        json!({"messages": [{"role": "user", "content": [{"type": "file", "file": {"file_id": "f1"}}]}]}),
        json!({"messages": [{"role": "tool", "content": "x"}]}),
        json!({"messages": [{"role": "assistant", "tool_calls": [{"id": "1", "function": {"name": "f", "arguments": "{"}}]}]}),
        json!({"messages": [{"role": "user", "content": ""}]}),
    ] {
        for provider in TRANSLATED {
            assert_eq!(refused_class(provider, &fields), ErrorClass::Unsupported, "{provider:?} {fields}");
        }
    }
    let remote = json!({"messages": image("https://x.example/a.png")});
    assert_eq!(refused_class(Provider::Bedrock, &remote), ErrorClass::Unsupported);
    assert_eq!(refused_class(Provider::Anthropic, &json!({"n": 2})), ErrorClass::Unsupported);
    let fetched = sent(&model(Provider::Anthropic), &remote).unwrap().0;
    assert_eq!(
        fetched["messages"][0]["content"][0]["source"],
        json!({"type": "url", "url": "https://x.example/a.png"})
    );
    let fetched = sent(&model(Provider::Gemini), &remote).unwrap().0;
    let file = json!({"mimeType": "image/png", "fileUri": "https://x.example/a.png"});
    assert_eq!(fetched["contents"][0]["parts"][0]["fileData"], file);
    // What is spelt out but says nothing is no reason.
    let nothing =
        json!({"logprobs": false, "logit_bias": {}, "modalities": ["text"], "tool_choice": null, "stop": null});
    for provider in TRANSLATED {
        assert_eq!(sent(&model(provider), &nothing).unwrap().1, Vec::<String>::new());
    }
}

#[test]
fn what_responses_cannot_say_is_left_to_another_model() {
    let responses = Provider::OpenaiResponses;
    for fields in [
        json!({"stop": ["END"]}),
        json!({"n": 2}),
        json!({"logprobs": true}),
        json!({"messages": [{"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]}]}),
        json!({"messages": [{"role": "assistant", "tool_calls": [{"id": "1", "type": "custom"}]}]}),
    ] {
        assert_eq!(refused_class(responses, &fields), ErrorClass::Unsupported, "{fields}");
    }
    let fields =
        json!({"reasoning_effort": "low", "verbosity": "low", "presence_penalty": 0.5, "prompt_cache_key": "k"});
    let (body, warned) = sent(&model(responses), &fields).unwrap();
    assert_eq!((&body["reasoning"], &body["text"]), (&json!({"effort": "low"}), &json!({"verbosity": "low"})));
    assert_eq!((&body["prompt_cache_key"], &body["store"]), (&json!("k"), &json!(false)));
    assert_eq!(warned, ["input.presence_penalty"]);
}

#[test]
fn vectors_are_asked_for_and_read_in_each_providers_words() {
    let spec = EmbeddingSpec { dimensions: Some(2), ..EmbeddingSpec::default() };
    let ask = |provider, texts: &[&str]| {
        let input = ChatRequest::embedding(None, texts.iter().map(|text| (*text).to_owned()).collect(), spec);
        let (prompt, model) = (Prompt::write(&input).unwrap(), model(provider));
        let asked = Asked { upstream_model: "m", model: &model, input: &input, prompt: &prompt };
        let sent = of(provider).embeddings_request(&asked, spec)?;
        Ok::<_, Failure>((sent.path, serde_json::from_slice::<Value>(&sent.body).unwrap()))
    };
    let openai = json!({"model": "m", "input": ["a", "b"], "dimensions": 2, "encoding_format": "float"});
    let azure = "openai/deployments/m/embeddings?api-version=2024-10-21";
    for (provider, path) in
        [(Provider::Openai, "embeddings"), (Provider::OpenaiResponses, "embeddings"), (Provider::Azure, azure)]
    {
        assert_eq!(ask(provider, &["a", "b"]).unwrap(), (path.to_owned(), openai.clone()));
        let body = json!({"data": [{"index": 1, "embedding": [3, 4]}, {"index": 0, "embedding": "AACAPwAAAEA="}],
            "usage": {"prompt_tokens": 7, "total_tokens": 7}});
        let vectors = of(provider).vectors(body.to_string().as_bytes()).unwrap();
        assert_eq!(vectors, Vectors { vectors: vec![vec![1.0, 2.0], vec![3.0, 4.0]], input_tokens: Some(7) });
        assert_eq!(of(provider).vectors(b"{\"data\": [{}]}").unwrap_err().error.class, ErrorClass::Malformed);
        let inner = br#"{"error": {"code": 429, "message": "slow"}}"#;
        assert_eq!(of(provider).vectors(inner).unwrap_err().error.class, ErrorClass::RateLimit);
    }
    let one =
        |text: &str| json!({"model": "models/m", "content": {"parts": [{"text": text}]}, "outputDimensionality": 2});
    let gemini = Provider::Gemini;
    assert_eq!(ask(gemini, &["a"]).unwrap(), ("models/m:embedContent".to_owned(), one("a")));
    let batch = json!({"requests": [one("a"), one("b")]});
    assert_eq!(ask(gemini, &["a", "b"]).unwrap(), ("models/m:batchEmbedContents".to_owned(), batch));
    for (body, wanted) in [
        (json!({"embedding": {"values": [1, 2]}}), vec![vec![1.0, 2.0]]),
        (json!({"embeddings": [{"values": [1]}, {"values": [2]}]}), vec![vec![1.0], vec![2.0]]),
    ] {
        let vectors = of(gemini).vectors(body.to_string().as_bytes()).unwrap();
        assert_eq!(vectors, Vectors { vectors: wanted, input_tokens: None });
    }
    assert_eq!(ask(Provider::Anthropic, &["a"]).unwrap_err().error.class, ErrorClass::Unsupported);
}

#[test]
fn vectors_at_bedrock_have_their_makers_format() {
    let ask = |upstream_model, texts: &[&str], other: Value| {
        let spec = EmbeddingSpec { dimensions: Some(2), ..EmbeddingSpec::default() };
        let texts = texts.iter().map(|text| (*text).to_owned()).collect();
        let mut input = ChatRequest::embedding(None, texts, spec);
        input.other = other.as_object().unwrap().clone();
        let (prompt, model) = (Prompt::write(&input).unwrap(), model(Provider::Bedrock));
        let asked = Asked { upstream_model, model: &model, input: &input, prompt: &prompt };
        let sent = of(Provider::Bedrock).embeddings_request(&asked, spec)?;
        Ok::<_, Failure>((sent.path, serde_json::from_slice::<Value>(&sent.body).unwrap(), sent.warnings.len()))
    };
    let (titan, cohere) = ("amazon.titan-embed-text-v2:0", "cohere.embed-v4:0");
    let one = json!({"inputText": "a", "dimensions": 2});
    let path = "model/amazon.titan-embed-text-v2%3A0/invoke";
    assert_eq!(ask(titan, &["a"], json!({"user": "u", "x": 1})).unwrap(), (path.to_owned(), one, 1));
    assert_eq!(ask(titan, &["a", "b"], json!({})).unwrap_err().error.class, ErrorClass::Unsupported);
    let wanted = |kind: &str| json!({"texts": ["a", "b"], "input_type": kind, "embedding_types": ["float"], "truncate": "NONE", "output_dimension": 2});
    assert_eq!(ask(cohere, &["a", "b"], json!({})).unwrap().1, wanted("search_document"));
    assert_eq!(ask(cohere, &["a", "b"], json!({"input_type": "search_query"})).unwrap().1, wanted("search_query"));
    assert_eq!(ask("amazon.nova-pro", &["a"], json!({})).unwrap_err().error.class, ErrorClass::Unsupported);
    for (body, vectors, input_tokens) in [
        (json!({"embedding": [1, 2], "inputTextTokenCount": 3}), vec![vec![1.0, 2.0]], Some(3)),
        (json!({"embeddings": {"float": [[1], [2]]}}), vec![vec![1.0], vec![2.0]], None),
        (json!({"embeddings": [[1], [2]]}), vec![vec![1.0], vec![2.0]], None),
    ] {
        let found = of(Provider::Bedrock).vectors(body.to_string().as_bytes()).unwrap();
        assert_eq!(found, Vectors { vectors, input_tokens });
    }
}

#[test]
fn what_changes_little_is_left_out_with_a_warning() {
    let fields = json!({"seed": 1, "presence_penalty": 0.5, "temperature": 1.5, "top_p": 0.9, "verbosity": "low", "store": true,
        "response_format": {"type": "json_object"}});
    let (body, warned) = sent(&model(Provider::Anthropic), &fields).unwrap();
    assert_eq!((body["temperature"].as_f64(), body.get("top_p")), (Some(1.0), None));
    assert!(body["system"][0]["text"].as_str().unwrap().contains("JSON"));
    let wanted = ["verbosity", "seed", "presence_penalty", "response_format", "temperature", "top_p"];
    assert_eq!(warned, wanted.map(|field| format!("input.{field}")));
    let (body, warned) = sent(&model(Provider::Gemini), &fields).unwrap();
    let config = json!({"temperature": 1.5, "topP": 0.9, "seed": 1, "presencePenalty": 0.5, "responseMimeType": "application/json"});
    assert_eq!((&body["generationConfig"], warned), (&config, vec!["input.verbosity".to_owned()]));
    let late = json!({"messages": [{"role": "user", "content": "a"}, {"role": "system", "content": "b"}]});
    let (body, warned) = sent(&model(Provider::Bedrock), &late).unwrap();
    assert_eq!((&body["system"], warned), (&json!([{"text": "b"}]), vec!["input.messages[1]".to_owned()]));
}

#[test]
fn how_much_to_think_is_said_as_the_resource_says() {
    let check =
        |provider, reasoning: Option<Reasoning>, fields: Value, pointer: &str, wanted: Value, is_warned: bool| {
            let (body, warned) = sent(&ModelSpec { reasoning, ..model(provider) }, &fields).unwrap();
            assert_eq!(body.pointer(pointer).cloned().unwrap_or_default(), wanted, "{provider:?} {reasoning:?} {body}");
            assert_eq!(warned.contains(&"input.reasoning_effort".to_owned()), is_warned, "{provider:?} {reasoning:?}");
        };
    let (budget, effort) = (Some(Reasoning::Budget), Some(Reasoning::Effort));
    let low = || json!({"reasoning_effort": "low"});
    let enabled = json!({"type": "enabled", "budget_tokens": 2048});
    check(Provider::Anthropic, None, low(), "/thinking", Value::Null, true);
    check(Provider::Anthropic, budget, low(), "/thinking", enabled.clone(), false);
    check(Provider::Anthropic, effort, low(), "/output_config/effort", json!("low"), false);
    check(Provider::Bedrock, budget, low(), "/additionalModelRequestFields/thinking", enabled, false);
    check(Provider::Bedrock, effort, low(), "/additionalModelRequestFields/output_config/effort", json!("low"), false);
    check(Provider::Gemini, budget, low(), "/generationConfig/thinkingConfig/thinkingBudget", json!(2048), false);
    check(Provider::Gemini, effort, low(), "/generationConfig/thinkingConfig/thinkingLevel", json!("LOW"), false);
    check(Provider::Gemini, None, low(), "/generationConfig", Value::Null, true);
    let tight = json!({"reasoning_effort": "high", "max_tokens": 600});
    check(Provider::Anthropic, budget, tight.clone(), "/thinking", Value::Null, true);
    check(Provider::Bedrock, budget, tight, "/additionalModelRequestFields", Value::Null, true);
    let hot = json!({"reasoning_effort": "high", "temperature": 0.2});
    check(Provider::Anthropic, effort, hot, "/temperature", Value::Null, false);
    let none = json!({"reasoning_effort": "none"});
    check(Provider::Anthropic, effort, none, "/thinking", Value::Null, false);
}

#[test]
fn calls_go_back_with_what_was_thought_before_them() {
    let call = |extra: Value| {
        let mut call = json!({"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}});
        call.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        call
    };
    let talk = |assistant: Value| json!({"reasoning_effort": "high", "messages": [{"role": "user", "content": "a"}, assistant, {"role": "tool", "tool_call_id": "c", "content": "r"}]});
    let thinks = |provider| ModelSpec { reasoning: Some(Reasoning::Effort), ..model(provider) };
    let thought = json!({"type": "thinking", "thinking": "t", "signature": "s"});
    let with = talk(json!({"role": "assistant", "thinking_blocks": [thought], "tool_calls": [call(json!({}))]}));
    let without = talk(json!({"role": "assistant", "tool_calls": [call(json!({}))]}));
    let (body, warned) = sent(&thinks(Provider::Anthropic), &with).unwrap();
    assert_eq!((&body["messages"][1]["content"][0], warned), (&thought, Vec::new()));
    assert_eq!(sent(&thinks(Provider::Anthropic), &without).unwrap().1, ["input.reasoning_effort"]);
    let (body, _) = sent(&thinks(Provider::Bedrock), &with).unwrap();
    let signed = json!({"reasoningText": {"text": "t", "signature": "s"}});
    assert_eq!(body["messages"][1]["content"][0]["reasoningContent"], signed);
    let signature = |assistant: Value, model: &ModelSpec| {
        sent(model, &talk(assistant)).unwrap().0["contents"][1]["parts"][0]["thoughtSignature"].clone()
    };
    let own = call(json!({"extra_content": {"google": {"thought_signature": "sig"}}}));
    let gemini = thinks(Provider::Gemini);
    assert_eq!(signature(json!({"role": "assistant", "tool_calls": [own]}), &gemini), "sig");
    let unsigned = || json!({"role": "assistant", "tool_calls": [call(json!({}))]});
    assert_eq!(signature(unsigned(), &gemini), "skip_thought_signature_validator");
    assert_eq!(signature(unsigned(), &model(Provider::Gemini)), Value::Null);
}

#[test]
fn an_answer_that_is_none_has_its_class_and_its_bill() {
    let usage = Usage { input_uncached: 3, output: 2, ..Usage::default() };
    let check = |provider: Provider, body: Value, class, billed| {
        let failure = of(provider).answer(body.to_string().as_bytes(), "m", now()).unwrap_err();
        assert_eq!((failure.error.class, failure.billed), (class, billed), "{provider:?} {body}");
    };
    let (refusal, malformed) = (ErrorClass::Refusal, ErrorClass::Malformed);
    let said = json!({"input_tokens": 3, "output_tokens": 2});
    let counted = Billed::Counted(usage);
    check(Provider::Anthropic, json!({"content": [], "stop_reason": "refusal", "usage": said}), refusal, counted);
    check(Provider::Anthropic, json!({"type": "message"}), malformed, Billed::Perhaps);
    check(Provider::Anthropic, json!([]), malformed, Billed::Perhaps);
    let said = json!({"promptTokenCount": 3, "candidatesTokenCount": 2});
    check(
        Provider::Gemini,
        json!({"candidates": [{"finishReason": "SAFETY"}], "usageMetadata": said}),
        refusal,
        counted,
    );
    check(Provider::Gemini, json!({"promptFeedback": {"blockReason": "SAFETY"}}), refusal, Billed::Perhaps);
    check(
        Provider::Gemini,
        json!({"candidates": [{"finishReason": "MALFORMED_FUNCTION_CALL"}]}),
        malformed,
        Billed::Perhaps,
    );
    check(Provider::Gemini, json!({"usageMetadata": said}), malformed, counted);
    let said = json!({"inputTokens": 3, "outputTokens": 2});
    let message = json!({"message": {"content": []}});
    check(
        Provider::Bedrock,
        json!({"output": message, "stopReason": "content_filtered", "usage": said}),
        refusal,
        counted,
    );
    check(
        Provider::Bedrock,
        json!({"output": message, "stopReason": "malformed_tool_use"}),
        malformed,
        Billed::Perhaps,
    );
    check(Provider::Bedrock, json!({"Output": {}}), malformed, Billed::Perhaps);
}

#[test]
fn an_answer_that_was_cut_says_so() {
    for (provider, body) in [
        (Provider::Anthropic, json!({"content": [{"type": "text", "text": "ab"}], "stop_reason": "max_tokens"})),
        (
            Provider::Gemini,
            json!({"candidates": [{"finishReason": "MAX_TOKENS", "content": {"parts": [{"text": "ab"}]}}]}),
        ),
        (Provider::Bedrock, json!({"output": {"message": {"content": [{"text": "ab"}]}}, "stopReason": "max_tokens"})),
    ] {
        let answer = of(provider).answer(body.to_string().as_bytes(), "m", now()).unwrap();
        let choice = &answer.output["choices"][0];
        assert_eq!((&choice["finish_reason"], &choice["message"]["content"]), (&json!("length"), &json!("ab")));
        assert_eq!((answer.usage, answer.output.get("usage")), (None, None), "nobody counted");
    }
}

#[test]
fn several_answers_of_gemini_are_several_choices() {
    let part = |text: &str| json!({"finishReason": "STOP", "content": {"parts": [{"text": text}]}});
    let body = json!({"candidates": [part("a"), part("b")]}).to_string();
    let answer = of(Provider::Gemini).answer(body.as_bytes(), "m", now()).unwrap();
    assert_eq!(answer.output["choices"][1]["message"]["content"], "b");
    assert_eq!(answer.output["choices"][1]["index"], 1);
}

#[test]
fn names_are_encoded_in_paths() {
    assert_eq!(segment("anthropic.claude-x:0"), "anthropic.claude-x%3A0");
    assert_eq!(segment("../a b?"), "..%2Fa%20b%3F");
}

/// JSON that looks like what providers send, and JSON that does not.
fn any_json() -> impl Strategy<Value = Value> {
    let keys = "content|candidates|parts|text|type|usage|output|message|functionCall|toolUse|args|input|error|details|name|[a-z]{1,3}";
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,6}".prop_map(Value::from),
        Just(json!("tool_use"))
    ];
    leaf.prop_recursive(5, 48, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map(keys, inner, 0..5).prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn nothing_a_provider_sends_is_a_crash(body in any_json(), bytes in prop::collection::vec(any::<u8>(), 0..40), status in 300..600_u16) {
        for provider in Provider::ALL {
            for body in [body.to_string().into_bytes(), bytes.clone()] {
                let _ = of(provider).answer(&body, "m", now());
                let failure = of(provider).refused(&Refusal { status, error_type: Some("x#y:z"), body: &body, retry_after_ms: None });
                prop_assert_eq!(failure.error.http_status, Some(status));
            }
        }
    }

    #[test]
    fn every_text_reaches_every_provider(texts in prop::collection::vec(("system|user|assistant|developer", ".{1,20}"), 1..8)) {
        let messages: Vec<Value> = texts.iter().map(|(role, text)| json!({"role": role, "content": text})).collect();
        for provider in Provider::ALL {
            let (body, _) = sent(&model(provider), &json!({"messages": messages})).unwrap();
            let mut found = Vec::new();
            collect_texts(&body, &mut found);
            for (_, text) in &texts {
                prop_assert!(found.contains(text), "{:?} lost {:?}", provider, text);
            }
        }
    }

    #[test]
    fn no_request_is_a_crash(fields in any_json(), name in "tools|tool_choice|response_format|stop|reasoning_effort|seed|n2|messages") {
        let mut request = json!({"messages": [{"role": "user", "content": "hi"}]});
        request[&name] = fields;
        if let Ok(input) = serde_json::from_value::<ChatRequest>(request) {
            let prompt = Prompt::write(&input).unwrap();
            for provider in Provider::ALL {
                let model = model(provider);
                let _ = of(provider).request(&Asked { upstream_model: "m", model: &model, input: &input, prompt: &prompt });
            }
        }
    }
}

fn collect_texts(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) => found.push(text.clone()),
        Value::Array(list) => list.iter().for_each(|item| collect_texts(item, found)),
        Value::Object(fields) => fields.values().for_each(|item| collect_texts(item, found)),
        _ => {}
    }
}
