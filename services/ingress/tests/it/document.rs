//! The published document.

use neptune_ingress::routes;
use std::{fs, path::PathBuf};

/// Headers of a call in another API's shape.
const FOREIGN_CALL: [&str; 8] = [
    "idempotency-key",
    "traceparent",
    "x-neptune-cache",
    "x-neptune-deadline-ms",
    "x-neptune-lane",
    "x-neptune-max-cost-usd",
    "x-neptune-route",
    "x-neptune-task-type",
];

#[test]
fn the_published_document_is_fresh() {
    let (_, document) = routes::documented();
    let wanted = routes::openapi::render(&document).unwrap();
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../schemas/openapi.json");
    if std::env::var_os("UPDATE_SCHEMAS").is_some() {
        fs::write(&file, &wanted).unwrap();
    }
    assert!(
        fs::read_to_string(&file).unwrap_or_default() == wanted,
        "schemas/openapi.json is stale; run `make schemas`"
    );
}

#[test]
fn the_document_describes_every_route() {
    let (_, document) = routes::documented();
    let document = serde_json::to_value(&document).unwrap();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"), "{}", document["openapi"]);
    for (path, method, secured, parameters) in [
        ("/v1/tasks", "post", true, vec!["idempotency-key", "traceparent", "wait"]),
        ("/v1/tasks/{id}", "get", true, vec!["id"]),
        ("/v1/runs", "post", true, vec!["idempotency-key", "traceparent", "wait"]),
        (
            "/v1/runs",
            "get",
            true,
            vec!["cursor", "limit", "since", "state", "tag", "team", "totals", "until", "workflow"],
        ),
        ("/v1/runs/{id}", "get", true, vec!["id"]),
        ("/v1/chat/completions", "post", true, FOREIGN_CALL.to_vec()),
        ("/v1/messages", "post", true, FOREIGN_CALL.to_vec()),
        ("/v1/responses", "post", true, FOREIGN_CALL.to_vec()),
        ("/v1/embeddings", "post", true, FOREIGN_CALL.to_vec()),
        ("/v1/models", "get", true, vec![]),
        ("/v1/models/{id}", "get", true, vec!["id"]),
        ("/healthz", "get", false, vec![]),
        ("/readyz", "get", false, vec![]),
    ] {
        let operation = &document["paths"][path][method];
        assert!(operation["responses"]["200"].is_object(), "{path}: {operation}");
        assert_eq!(operation["security"].is_array(), secured, "{path}");
        let given = operation["parameters"].as_array().cloned().unwrap_or_default();
        let mut names: Vec<&str> = given.iter().map(|parameter| parameter["name"].as_str().unwrap()).collect();
        names.sort_unstable();
        assert_eq!(names, parameters, "{path}");
    }
    let problem = &document["paths"]["/v1/tasks"]["post"]["responses"]["default"]["content"];
    assert!(problem["application/problem+json"].is_object(), "{problem}");
}
