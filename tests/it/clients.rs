//! The official packages of OpenAI and Anthropic, unmodified, through the whole system: chatting, in pieces, with
//! tools, and the exceptions that they raise.

use neptune_tests::{
    keys::key,
    resources::CALLER,
    stack::Stack,
    tools::{root, skipped, tool},
};
use serde_json::{Value, json};

const MODEL: &str = "openai/gpt-4.1";

/// Runs a script under `tests/it/clients` against the stack. Nothing where its packages cannot be had.
async fn run(stack: &Stack, packages: &'static str, script: &str, arguments: &[&str]) -> Option<Value> {
    let found = tokio::task::spawn_blocking(move || tool(packages)).await.unwrap();
    let command = match found {
        Ok(command) => command,
        Err(reason) => {
            skipped(&reason);
            return None;
        }
    };
    let mut command = tokio::process::Command::from(command);
    command.arg(root().join("tests/it/clients").join(script)).arg(MODEL).args(arguments);
    for (name, value) in [
        ("OPENAI_BASE_URL", format!("{}/v1", stack.url)),
        ("ANTHROPIC_BASE_URL", stack.url.clone()),
        ("OPENAI_API_KEY", key(CALLER).key),
        ("ANTHROPIC_API_KEY", key(CALLER).key),
        ("NO_PROXY", "127.0.0.1".to_owned()),
    ] {
        command.env(name, value);
    }
    let output = command.output().await.unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{script}: {said}");
    Some(serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{script}: {error}: {said}")))
}

fn joined(pieces: &Value) -> String {
    pieces.as_array().unwrap().iter().map(|piece| piece.as_str().unwrap()).collect()
}

/// What a package of Anthropic's saw.
fn check_messages(seen: &Value) {
    let whole = &seen["whole"];
    let text = whole["content"][0]["text"].as_str().unwrap_or_else(|| panic!("{seen}"));
    assert_eq!((&whole["role"], &whole["stop_reason"]), (&json!("assistant"), &json!("end_turn")));
    assert!(!text.is_empty() && whole["usage"]["output_tokens"].as_u64().unwrap() > 0, "{whole}");
    assert!(seen["pieces"].as_array().unwrap().len() > 10, "{seen}");
    assert_eq!(joined(&seen["pieces"]), text, "in pieces it is the same answer");
    for field in ["content", "stop_reason", "usage", "model"] {
        assert_eq!(seen["streamed"][field], whole[field], "{field}");
    }
    let asked = &seen["asked"];
    let call = asked["content"].as_array().unwrap().last().unwrap();
    assert_eq!(
        (&asked["stop_reason"], &call["type"], &call["name"]),
        (&json!("tool_use"), &json!("tool_use"), &json!("find"))
    );
    assert!(call["input"]["part"].is_string(), "{asked}");
    let after = &seen["told"];
    assert_eq!((&after["stop_reason"], &after["content"][0]["type"]), (&json!("end_turn"), &json!("text")), "{after}");
}

/// What a package of OpenAI's saw.
fn check_completions(seen: &Value) {
    let whole = &seen["whole"];
    let text = whole["choices"][0]["message"]["content"].as_str().unwrap_or_else(|| panic!("{seen}"));
    assert_eq!((&whole["object"], &whole["model"]), (&json!("chat.completion"), &json!(MODEL)));
    assert!(seen["pieces"].as_array().unwrap().len() > 10, "{seen}");
    assert_eq!(joined(&seen["pieces"]), text, "in pieces it is the same answer");
    let streamed = &seen["streamed"];
    assert_eq!(streamed["choices"][0]["message"]["content"], text);
    assert_eq!(streamed["usage"]["total_tokens"], whole["usage"]["total_tokens"]);
    let asked = &seen["asked"]["choices"][0];
    let function = &asked["message"]["tool_calls"][0]["function"];
    assert_eq!((&asked["finish_reason"], &function["name"]), (&json!("tool_calls"), &json!("find")), "{asked}");
    let arguments: Value = serde_json::from_str(function["arguments"].as_str().unwrap()).unwrap();
    assert!(arguments["part"].is_string(), "{arguments}");
    let after = &seen["told"]["choices"][0];
    assert!(after["finish_reason"] == "stop" && after["message"]["content"].is_string(), "{after}");
    assert!(!seen["response"].as_str().unwrap().is_empty(), "{seen}");
}

#[tokio::test(flavor = "multi_thread")]
async fn anthropics_package_for_python_chats_streams_calls_tools_and_raises_its_own_errors() {
    let stack = Stack::start().await;
    let Some(seen) = run(&stack, "python-clients", "anthropic_chat.py", &[]).await else { return };
    check_messages(&seen);
    let (whole, streamed) = (&seen["asked"], &seen["asked_streamed"]);
    assert_eq!(streamed["stop_reason"], whole["stop_reason"]);
    let of = |message: &Value| {
        let call = message["content"].as_array().unwrap().last().unwrap().clone();
        (call["name"].clone(), call["input"].clone())
    };
    assert_eq!(of(streamed), of(whole), "the arguments came in pieces");
    for (what, class, kind) in [
        ("unknown_model", "NotFoundError", "not_found_error"),
        ("unknown_key", "AuthenticationError", "authentication_error"),
        ("not_expressible", "BadRequestError", "invalid_request_error"),
    ] {
        assert_eq!((&seen[what]["class"], &seen[what]["type"]), (&json!(class), &json!(kind)), "{what}: {seen}");
    }
    // What breaks in the middle is raised, after the pieces that came.
    stack.simulate(MODEL, json!({"faults": {"cut": 1.0, "breaksAfter": 6}})).await;
    let broken = run(&stack, "python-clients", "anthropic_chat.py", &["broken"]).await.unwrap();
    assert_eq!(broken["error"]["code"], "stream_interrupted", "{broken}");
    assert!(broken["pieces"].as_u64().unwrap() > 0, "{broken}");
}

#[tokio::test(flavor = "multi_thread")]
async fn openais_package_for_python_chats_streams_calls_tools_and_raises_its_own_errors() {
    let stack = Stack::start().await;
    let Some(seen) = run(&stack, "python-clients", "openai_chat.py", &[]).await else { return };
    check_completions(&seen);
    assert!(seen["task"].is_string());
    assert_eq!(seen["response"], seen["response_streamed"]);
    let events = seen["response_events"].as_array().unwrap();
    assert_eq!((&events[0], events.last().unwrap()), (&json!("response.created"), &json!("response.completed")));
    let models = seen["models"].as_array().unwrap();
    assert!(models.contains(&json!("auto")) && models.contains(&json!(MODEL)), "{models:?}");
    for (what, class, code) in [
        ("unknown_model", "NotFoundError", "model_not_found"),
        ("unknown_key", "AuthenticationError", "invalid_api_key"),
    ] {
        assert_eq!((&seen[what]["class"], &seen[what]["code"]), (&json!(class), &json!(code)), "{what}: {seen}");
    }
    stack.simulate(MODEL, json!({"faults": {"cut": 1.0, "breaksAfter": 6}})).await;
    let broken = run(&stack, "python-clients", "openai_chat.py", &["broken"]).await.unwrap();
    assert_eq!(
        (&broken["error"]["class"], &broken["error"]["code"]),
        (&json!("APIError"), &json!("stream_interrupted")),
        "{broken}"
    );
    assert!(broken["pieces"].as_u64().unwrap() > 0, "{broken}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_packages_for_node_chat_stream_and_call_tools() {
    let stack = Stack::start().await;
    let Some(seen) = run(&stack, "node-clients", "chat.cjs", &[]).await else { return };
    check_completions(&seen["openai"]);
    check_messages(&seen["anthropic"]);
    for package in ["openai", "anthropic"] {
        let error = &seen[package]["unknown_model"];
        assert_eq!((&error["class"], &error["status"]), (&json!("NotFoundError"), &json!(404)), "{package}: {error}");
    }
}
