//! Bad input gets an error that names the field.

use neptune_contracts::{
    Timestamp,
    resource::{Manifest, ResourceError},
    task::TaskSubmitted,
};
use serde_json::{Value, json};

fn fields(body: Value) -> Vec<String> {
    let task: TaskSubmitted = serde_json::from_value(body).unwrap();
    task.problems(Timestamp::now()).into_iter().map(|problem| problem.field).collect()
}

#[test]
fn each_fault_of_a_task_is_named() {
    let good = json!({"role": "user", "content": "hi"});
    for (body, wanted) in [
        (json!({"input": {"messages": [good]}}), vec![]),
        (json!({"input": {"messages": []}}), vec!["input.messages"]),
        (json!({"input": {"messages": [{"role": "boss"}]}}), vec!["input.messages[0].role"]),
        (json!({"input": {"messages": [good], "temperature": 3}}), vec!["input.temperature"]),
        (json!({"input": {"messages": [good], "n": 0}}), vec!["input.n"]),
        (json!({"input": {"messages": [good], "max_tokens": 0}}), vec!["input.max_tokens"]),
        (
            json!({"input": {"messages": [good]}, "constraints": {"max_cost_usd": "-1"}}),
            vec!["constraints.max_cost_usd"],
        ),
        (
            json!({"input": {"messages": [good]}, "constraints": {"deadline": "2020-01-01T00:00:00Z"}}),
            vec!["constraints.deadline"],
        ),
        (json!({"input": {"messages": [good]}, "constraints": {"min_quality": 2}}), vec!["constraints.min_quality"]),
        (
            json!({"input": {"messages": [good]}, "deliver": [{"channel": "email", "to": "nobody"}]}),
            vec!["deliver[0].to"],
        ),
        (
            json!({"input": {"messages": [good]}, "deliver": [{"channel": "webhook", "to": "ftp://x"}]}),
            vec!["deliver[0].to"],
        ),
        (
            json!({"input": {"messages": [good]}, "deliver": [{"channel": "email", "to": "a@b", "subject": "a\nb"}]}),
            vec!["deliver[0].subject"],
        ),
        (json!({"input": {"messages": [good]}, "metadata": {"x": "y".repeat(20_000)}}), vec!["metadata"]),
    ] {
        assert_eq!(fields(body.clone()), wanted, "{body}");
    }
}

fn manifest(kind: &str, name: &str, spec: Value) -> Result<(), ResourceError> {
    let manifest = json!({"apiVersion": "neptune/v1", "kind": kind, "metadata": {"name": name}, "spec": spec});
    serde_json::from_value::<Manifest>(manifest).unwrap().check()
}

#[test]
fn resources_refuse_what_they_do_not_know() {
    assert!(manifest("Team", "support", json!({"models": ["*"]})).is_ok());
    let error = manifest("Team", "support", json!({"modles": ["*"]})).unwrap_err().to_string();
    assert!(error.contains("modles") && error.contains("Team support"), "{error}");
    assert!(matches!(manifest("Teem", "support", json!({})), Err(ResourceError::UnknownKind(_))));
    assert!(matches!(manifest("Team", "a.b", json!({})), Err(ResourceError::BadName { .. })));
    let price = json!({"inputUsdPerMtok": 2, "outputUsdPerMtok": "8"});
    let model = |extra: Value| {
        let mut spec = json!({"provider": "openai", "endpoint": "https://x/v1", "price": price});
        spec.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        manifest("Model", "openai/gpt-4.1", spec)
    };
    assert!(model(json!({})).is_ok());
    for (extra, word) in [
        (json!({"quality": {"chess": 0.5}}), "quality.chess"),
        (json!({"quality": {"chat": 1.5}}), "quality.chat"),
        (json!({"timeoutMs": 1}), "timeoutMs"),
        (json!({"price": {"inputUsdPerMtok": "-1", "outputUsdPerMtok": "8"}}), "price"),
        (json!({"price": {"inputUsdPerMtok": "1"}}), "outputUsdPerMtok"),
        (json!({"zone": "moon"}), "moon"),
    ] {
        let error = model(extra).unwrap_err().to_string();
        assert!(error.contains(word), "{error}");
    }
}
