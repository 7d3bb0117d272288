//! The ingress against its published document.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::{fs, path::PathBuf};

#[test]
fn the_published_document_is_fresh() {
    let (_, document) = neptune_ingress::routes::documented();
    let wanted = serde_json::to_string_pretty(&document).unwrap() + "\n";
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../schemas/openapi.json");
    if std::env::var_os("UPDATE_SCHEMAS").is_some() {
        fs::write(&file, &wanted).unwrap();
    }
    assert!(fs::read_to_string(&file).unwrap_or_default() == wanted, "schemas/openapi.json is stale; run `make schemas`");
    assert!(wanted.contains("\"openapi\": \"3.1"), "OpenAPI 3.1");
    for path in ["/v1/tasks", "/v1/tasks/{id}", "/v1/chat/completions", "/v1/models", "/healthz", "/readyz"] {
        assert!(document.paths.as_ref().unwrap().paths.contains_key(path), "{path}");
    }
}
