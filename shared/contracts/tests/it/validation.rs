//! Bad input gets an error that names the field.

use neptune_contracts::{
    Message as _, Timestamp,
    names::Origin,
    resource::{Manifest, ResourceError, Resources},
    task::TaskSubmitted,
};
use serde_json::{Value, json};

fn fields(body: Value) -> Vec<String> {
    let task: TaskSubmitted = serde_json::from_value(body).unwrap();
    task.problems(Timestamp::now(), &Resources::default()).into_iter().map(|problem| problem.field).collect()
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
            json!({"input": {"messages": [good], "model": "openai/x"}, "constraints": {"route": "auto:cheap"}}),
            vec!["constraints.route"],
        ),
        (
            json!({"input": {"messages": [good], "model": "auto:best"}, "constraints": {"route": "auto:cheap"}}),
            vec!["constraints.route"],
        ),
        (json!({"input": {"messages": [good], "model": "auto"}, "constraints": {"route": "auto:cheap"}}), vec![]),
        (json!({"input": {"messages": [good], "model": "neptune/own"}, "constraints": {"route": "own"}}), vec![]),
        (json!({"input": {"messages": [good], "model": ""}, "constraints": {"route": "own"}}), vec![]),
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
        (json!({"input": {"messages": [good]}, "output": {"schema": {"type": "objekt"}}}), vec!["output.schema"]),
        (json!({"input": {"messages": [good]}, "output": {"pattern": "("}}), vec!["output.pattern"]),
    ] {
        assert_eq!(fields(body.clone()), wanted, "{body}");
    }
}

#[test]
fn a_recipient_that_can_never_be_reached_is_named() {
    let fault = |channels: &Resources, channel: &str, to: &str| {
        let body = json!({"input": {"messages": [{"role": "user", "content": "hi"}]}, "deliver": [
            {"channel": "email", "to": "a@b.example"}, {"channel": channel, "to": to},
        ]});
        let task: TaskSubmitted = serde_json::from_value(body).unwrap();
        let problems = task.problems(Timestamp::now(), channels);
        problems.into_iter().map(|problem| format!("{}: {}", problem.field, problem.message)).collect::<Vec<_>>()
    };
    let mut declared = Resources::default();
    let channel = json!({"type": "webhook", "secretEnv": "X", "allowPrivate": ["10.0.0.7:80", "sink.example:80"]});
    declared.insert("Channel", "webhook", channel).unwrap();
    for (channel, to, wanted) in [
        ("webhook", "https://hooks.example/a", None),
        ("webhook", "http://10.0.0.7/a", None),
        ("webhook", "http://sink.example/a", None),
        ("webhook", "http://hooks.example/a", Some("deliver[1].to: the address is not https")),
        ("webhook", "https://169.254.169.254/latest", Some("deliver[1].to: the address is not public")),
        ("webhook", "https://[::1]/", Some("deliver[1].to: the address is not public")),
        (
            "webhook",
            "https://ann:secret@hooks.example/a",
            Some("deliver[1].to: the address holds a user name or a password"),
        ),
        ("webhook", "https://ann@hooks.example/a", Some("deliver[1].to: the address holds a user name or a password")),
        ("webhook", "gopher://hooks.example", Some("deliver[1].to: the address is neither http nor https")),
        ("webhook", "https://", Some("deliver[1].to: the address is not a URL with a host")),
        ("webhook", "https://a.example/\r\nX: 1", Some("deliver[1].to: the address contains control characters")),
        ("email", "a@b.example\nBcc: x@y.example", Some("deliver[1].to: the address contains control characters")),
        ("email", "not an address", Some("deliver[1].to: the address is not an e-mail address")),
        ("sms", "+4912345", Some("deliver[1].channel: no provider is configured for this channel")),
    ] {
        assert_eq!(fault(&declared, channel, to), wanted.into_iter().collect::<Vec<_>>(), "{to}");
    }
    let nowhere = Resources::default();
    assert_eq!(fault(&nowhere, "webhook", "http://10.0.0.7/a"), [""; 0], "the channel may be declared any moment");
    assert_eq!(fault(&nowhere, "webhook", "ftp://10.0.0.7/a").len(), 1);
}

#[test]
fn only_neptunes_own_doors_say_where_a_task_came_from() {
    let body = json!({
        "input": {"messages": [{"role": "user", "content": "hi"}]}, "team": "sales", "origin": "api", "key": "k1",
        "step": {"run": "0199f2aa-0000-7000-8000-0000000000e1", "workflow": "w", "step": "/do"},
        "constraints": {"max_cost": 1}, "fingerprint": {},
    });
    let read = |parameters: &[&str]| {
        let mut task = TaskSubmitted::decode(body.to_string().as_bytes()).unwrap();
        task.read_parameters(parameters);
        let fields: Vec<String> = task.warnings.iter().map(|warning| warning.field.clone()).collect();
        (task, fields)
    };
    for parameters in [["support"].as_slice(), &["support", "bus"], &["support", "nonsense"]] {
        let (task, warnings) = read(parameters);
        assert_eq!((task.origin, task.key, task.step, task.fingerprint), (Origin::Bus, None, None, None));
        assert_eq!(warnings, ["constraints.max_cost", "origin", "key", "step", "fingerprint"]);
        assert_eq!(task.team.unwrap().as_str(), "support");
    }
    let (task, warnings) = read(&["support", "api"]);
    assert_eq!((task.origin, task.key.as_deref(), task.step.is_some()), (Origin::Api, Some("k1"), true));
    assert_eq!(task.parameters(), ["support", "api"]);
    assert_eq!(warnings, ["constraints.max_cost"]);
}

#[test]
fn the_nil_id_on_the_bus_counts_as_none() {
    let read = |id: &str| {
        let body = json!({"id": id, "input": {"messages": [{"role": "user", "content": "hi"}]}});
        TaskSubmitted::decode(body.to_string().as_bytes()).unwrap()
    };
    let nil = read("00000000-0000-0000-0000-000000000000");
    assert_eq!((nil.id, nil.warnings.len(), nil.warnings[0].field.as_str()), (None, 1, "id"));
    let random = read("9b2c1f6e-5a0d-4b8f-9c37-2f1f0a5d6e21");
    assert!(random.id.is_some() && random.warnings.is_empty(), "the bus is lenient");
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
    let slash = manifest("Route", "openai/gpt-4.1", json!({})).unwrap_err().to_string();
    assert!(slash.contains("without /, because models have such names"), "{slash}");
    manifest("Route", "auto:cheap", json!({})).unwrap();
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
