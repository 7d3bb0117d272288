//! The formats of other providers than OpenAI, and embeddings.

use serde_json::{Value, json};

use crate::server::Server;

const DECLARED: &str = r#"
models:
  m:
    tokens: {cachedShare: 0.25, cacheWriteShare: 0.25, reasoning: 3}
    price: {inputUsdPerMtok: "2", cachedInputUsdPerMtok: "0.5", cacheWriteUsdPerMtok: "2.5", outputUsdPerMtok: "8"}
"#;

/// Path, headers and body of the same question in each format, and where usage stands in the answer.
fn questions() -> Vec<(&'static str, &'static str, (&'static str, &'static str), Value)> {
    let text = "Say what a pump is, in a few words and without any list.";
    let openai = json!({"messages": [{"role": "user", "content": text}]});
    let anthropic = json!({"model": "m", "max_tokens": 500, "messages": [{"role": "user", "content": text}]});
    let gemini = json!({"contents": [{"role": "user", "parts": [{"text": text}]}]});
    let bedrock = json!({"messages": [{"role": "user", "content": [{"text": text}]}]});
    vec![
        ("azure", "/openai/deployments/m/chat/completions?api-version=2024-10-21", ("api-key", "k"), openai),
        ("responses", "/v1/responses", ("authorization", "Bearer k"), json!({"model": "m", "input": text})),
        ("anthropic", "/v1/messages", ("x-api-key", "k"), anthropic),
        ("gemini", "/v1beta/models/m:generateContent", ("x-goog-api-key", "k"), gemini),
        (
            "bedrock",
            "/model/m/converse",
            (
                "authorization",
                "AWS4-HMAC-SHA256 Credential=k/20260101/us-east-1/bedrock/aws4_request, SignedHeaders=host, Signature=0",
            ),
            bedrock,
        ),
    ]
}

async fn ask(server: &Server, path: &str, key: (&str, &str), body: &Value) -> (u16, Value, Option<String>) {
    let request = server.post(path).header(key.0, key.1).header("anthropic-version", "2023-06-01");
    let response = request.json(body).send().await.unwrap();
    let kind = response.headers().get("x-amzn-errortype").map(|kind| kind.to_str().unwrap().to_owned());
    (response.status().as_u16(), response.json().await.unwrap(), kind)
}

#[tokio::test]
async fn each_format_answers_the_same_and_charges_what_it_says() {
    let server = Server::start_with_key(DECLARED, Some("k")).await;
    let mut charged = 0_u64;
    let mut texts = Vec::new();
    for (format, path, key, body) in questions() {
        let (status, answer, _) = ask(&server, path, key, &body).await;
        assert_eq!(status, 200, "{format} {answer}");
        let at = |pointer: &str| answer.pointer(pointer).and_then(Value::as_u64).unwrap_or(0);
        let (text, plain, read, written, output) = match format {
            "azure" => (
                "/choices/0/message/content",
                at("/usage/prompt_tokens")
                    - at("/usage/prompt_tokens_details/cached_tokens")
                    - at("/usage/prompt_tokens_details/cache_write_tokens"),
                at("/usage/prompt_tokens_details/cached_tokens"),
                at("/usage/prompt_tokens_details/cache_write_tokens"),
                at("/usage/completion_tokens"),
            ),
            "responses" => (
                "/output/0/content/0/text",
                at("/usage/input_tokens") - at("/usage/input_tokens_details/cached_tokens"),
                at("/usage/input_tokens_details/cached_tokens"),
                0,
                at("/usage/output_tokens"),
            ),
            "anthropic" => (
                "/content/0/text",
                at("/usage/input_tokens"),
                at("/usage/cache_read_input_tokens"),
                at("/usage/cache_creation_input_tokens"),
                at("/usage/output_tokens"),
            ),
            "gemini" => (
                "/candidates/0/content/parts/0/text",
                at("/usageMetadata/promptTokenCount") - at("/usageMetadata/cachedContentTokenCount"),
                at("/usageMetadata/cachedContentTokenCount"),
                0,
                at("/usageMetadata/candidatesTokenCount") + at("/usageMetadata/thoughtsTokenCount"),
            ),
            _ => (
                "/output/message/content/0/text",
                at("/usage/inputTokens"),
                at("/usage/cacheReadInputTokens"),
                at("/usage/cacheWriteInputTokens"),
                at("/usage/outputTokens"),
            ),
        };
        let counts_no_writes = matches!(format, "gemini" | "responses");
        assert!(plain > 0 && read > 0 && output > 3 && (written > 0 || counts_no_writes), "{format} {answer}");
        charged += plain * 2_000_000 + read * 500_000 + written * 2_500_000 + output * 8_000_000;
        texts.push(answer.pointer(text).unwrap().as_str().unwrap().to_owned());
    }
    assert!(texts.iter().all(|text| text == &texts[0]), "{texts:?}");
    assert_eq!(server.account("m").await["cost_pico_usd"], charged.to_string());
}

#[tokio::test]
async fn errors_have_the_shape_of_the_format() {
    let server = Server::start_with_key(DECLARED, Some("k")).await;
    for (format, path, key, body) in questions() {
        let (status, error, kind) = ask(&server, path, ("x", "y"), &body).await;
        let wanted = match format {
            "bedrock" => 403,
            "gemini" => 400,
            _ => 401,
        };
        assert_eq!(status, wanted, "{format} {error}");
        server.put("m", json!({"failNext": 2, "failWith": "rateLimit", "faults": {"retryAfterMs": 1500}})).await;
        let (status, error, limited) = ask(&server, path, key, &body).await;
        assert_eq!(status, 429, "{format} {error}");
        match format {
            "azure" => assert_eq!(error["error"]["code"], "429"),
            "responses" => assert_eq!(error["error"]["code"], "rate_limit_exceeded"),
            "anthropic" => {
                assert_eq!((&error["type"], &error["error"]["type"]), (&json!("error"), &json!("rate_limit_error")))
            }
            "gemini" => assert_eq!(error["error"]["details"][0]["retryDelay"], "1.500s"),
            _ => assert_eq!(
                (kind.as_deref(), limited.as_deref()),
                (Some("UnrecognizedClientException"), Some("ThrottlingException"))
            ),
        }
        server.put("m", json!({"failNext": 1, "failWith": "filter"})).await;
        let (status, filtered, _) = ask(&server, path, key, &body).await;
        let said = ["/error/code", "/stop_reason", "/promptFeedback/blockReason", "/stopReason"]
            .iter()
            .find_map(|at| filtered.pointer(at));
        let wanted = match format {
            "azure" | "responses" => (400, "content_filter"),
            "anthropic" => (200, "refusal"),
            "gemini" => (200, "SAFETY"),
            _ => (200, "content_filtered"),
        };
        assert_eq!((status, said.and_then(Value::as_str)), (wanted.0, Some(wanted.1)), "{format} {filtered}");
    }
    assert_eq!(server.account("m").await["faults"]["refused"], 5);
}

#[tokio::test]
async fn a_forced_call_is_said_in_each_format() {
    let server = Server::start("default: {}").await;
    let schema = json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]});
    for (format, path, key, mut body) in questions() {
        let (tools, choice, at) = match format {
            "azure" => (
                json!({"tools": [{"type": "function", "function": {"name": "f", "parameters": schema}}]}),
                json!({"tool_choice": "required"}),
                "/choices/0/message/tool_calls/0/function/name",
            ),
            "responses" => (
                json!({"tools": [{"type": "function", "name": "f", "parameters": schema}]}),
                json!({"tool_choice": "required"}),
                "/output/0/name",
            ),
            "anthropic" => (
                json!({"tools": [{"name": "f", "input_schema": schema}]}),
                json!({"tool_choice": {"type": "any"}}),
                "/content/0/name",
            ),
            "gemini" => (
                json!({"tools": [{"functionDeclarations": [{"name": "f", "parametersJsonSchema": schema}]}]}),
                json!({"toolConfig": {"functionCallingConfig": {"mode": "ANY"}}}),
                "/candidates/0/content/parts/0/functionCall/name",
            ),
            _ => (
                json!({"toolConfig": {"tools": [{"toolSpec": {"name": "f", "inputSchema": {"json": schema}}}], "toolChoice": {"any": {}}}}),
                json!({}),
                "/output/message/content/0/toolUse/name",
            ),
        };
        for more in [tools, choice] {
            body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        }
        let (status, answer, _) = ask(&server, path, key, &body).await;
        assert_eq!((status, answer.pointer(at)), (200, Some(&json!("f"))), "{format} {answer}");
    }
}

#[tokio::test]
async fn embeddings_are_counted_and_charged() {
    let server = Server::start(DECLARED).await;
    let body = json!({"model": "m", "input": ["the pump leaks", "the pump leaks"], "dimensions": 4});
    let response = server.post("/v1/embeddings").json(&body).send().await.unwrap();
    let answer: Value = response.json().await.unwrap();
    assert_eq!(answer["usage"], json!({"prompt_tokens": 8, "total_tokens": 8}));
    assert_eq!(answer["data"][0]["embedding"], answer["data"][1]["embedding"]);
    assert_eq!(answer["data"][1]["embedding"].as_array().unwrap().len(), 4);
    let body = json!({"model": "m", "input": "x", "dimensions": 4, "encoding_format": "base64"});
    let answer: Value = server.post("/v1/embeddings").json(&body).send().await.unwrap().json().await.unwrap();
    assert_eq!(answer["data"][0]["embedding"].as_str().unwrap().len(), 24, "16 bytes in base64");
    assert_eq!(server.account("m").await["cost_pico_usd"], (9 * 2_000_000_u64).to_string());
    let wrong = server.post("/v1/embeddings").json(&json!({"model": "m", "input": []})).send().await.unwrap();
    assert_eq!(wrong.status().as_u16(), 400);
}

#[tokio::test]
async fn vectors_are_the_same_in_each_format() {
    let server = Server::start(DECLARED).await;
    let ask = async |path: &str, body: Value| -> Value {
        server.post(path).json(&body).send().await.unwrap().json().await.unwrap()
    };
    let openai = ask("/v1/embeddings", json!({"model": "m", "input": ["a", "b"], "dimensions": 4})).await;
    let azure = "/openai/deployments/m/embeddings?api-version=2024-10-21";
    let azure = ask(azure, json!({"input": ["a", "b"], "dimensions": 4})).await;
    assert_eq!(azure["data"], openai["data"]);
    let text = |text: &str| json!({"content": {"parts": [{"text": text}]}, "outputDimensionality": 4});
    let both = ask("/v1beta/models/m:batchEmbedContents", json!({"requests": [text("a"), text("b")]})).await;
    let one = ask("/v1beta/models/m:embedContent", text("b")).await;
    for (index, item) in openai["data"].as_array().unwrap().iter().enumerate() {
        assert_eq!(both["embeddings"][index]["values"], item["embedding"]);
    }
    assert_eq!(one["embedding"], both["embeddings"][1]);
    let (status, error, _) = ask_gemini(&server, json!({"requests": []})).await;
    assert_eq!((status, &error["error"]["status"]), (400, &json!("INVALID_ARGUMENT")));
}

async fn ask_gemini(server: &Server, body: Value) -> (u16, Value, Option<String>) {
    ask(server, "/v1beta/models/m:batchEmbedContents", ("x-goog-api-key", "k"), &body).await
}

#[tokio::test]
async fn a_response_comes_in_typed_events_that_add_up() {
    let server = Server::start(DECLARED).await;
    let body = json!({"model": "m", "input": "Say what a pump is."});
    let whole: Value = server.post("/v1/responses").json(&body).send().await.unwrap().json().await.unwrap();
    let mut streamed = body;
    streamed["stream"] = json!(true);
    let text = server.post("/v1/responses").json(&streamed).send().await.unwrap().text().await.unwrap();
    let events: Vec<Value> = text
        .lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .map(|data| serde_json::from_str(data).unwrap())
        .collect();
    let deltas = events.iter().filter(|event| event["type"] == "response.output_text.delta");
    let said: String = deltas.map(|event| event["delta"].as_str().unwrap()).collect();
    assert_eq!(whole["output"][0]["content"][0]["text"], json!(said));
    assert_eq!(events.first().unwrap()["type"], "response.created");
    let last = events.last().unwrap();
    assert_eq!((&last["type"], &last["response"]["usage"]), (&json!("response.completed"), &whole["usage"]));
}
