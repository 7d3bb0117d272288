//! A server in place of every host that the scenarios name: `https://HOST/PATH` is asked here as `/HOST/PATH`.

use axum::{
    Json, Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, Method, StatusCode, Uri},
    response::{IntoResponse, Response},
};
use neptune_rehearsal::web::Rewrite;
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

/// How often each key was called.
type Counts = Arc<Mutex<BTreeMap<String, u64>>>;

pub(crate) struct Service {
    address: String,
    counts: Counts,
}

impl Service {
    pub(crate) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let counts = Counts::default();
        let router = Router::new().fallback(answer).with_state(Arc::clone(&counts));
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, counts }
    }

    pub(crate) fn rewrite(&self) -> Rewrite {
        let address = self.address.clone();
        Arc::new(move |uri| match uri.split_once("://") {
            Some((_, rest)) => format!("{address}/{rest}"),
            None => uri.to_owned(),
        })
    }

    pub(crate) fn count(&self, key: &str) -> u64 {
        self.counts.lock().unwrap().get(key).copied().unwrap_or(0)
    }
}

async fn answer(State(counts): State<Counts>, method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let path: Vec<&str> = uri.path().split('/').skip(1).collect();
    match path.as_slice() {
        ["petstore.swagger.io", "v2", rest @ ..] => petstore(rest, uri.query().unwrap_or_default()),
        ["httpbin.org", "basic-auth", name, password] => basic(name, password, &headers),
        ["service.test", rest @ ..] => {
            let asked = Asked { method, query: uri.query().unwrap_or_default().to_owned(), headers, body };
            service(rest, &counts, asked).await
        }
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

fn petstore(path: &[&str], query: &str) -> Response {
    let pet = |id: u64| json!({"id": id, "name": format!("pet {id}"), "status": "available"});
    match path {
        ["swagger.json"] => Json(swagger()).into_response(),
        ["pet", "findByStatus"] if query == "status=available" => Json(json!([pet(7), pet(8)])).into_response(),
        ["pet", id] => match id.parse() {
            Ok(id) => Json(pet(id)).into_response(),
            Err(_) => StatusCode::NOT_FOUND.into_response(),
        },
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

fn swagger() -> Value {
    json!({
        "swagger": "2.0",
        "host": "petstore.swagger.io",
        "basePath": "/v2",
        "schemes": ["https", "http"],
        "paths": {
            "/pet/findByStatus": {"get": {"operationId": "findPetsByStatus", "parameters": [
                {"name": "status", "in": "query", "required": true, "type": "array", "collectionFormat": "multi"},
            ]}},
            "/pet/{petId}": {"get": {"operationId": "getPetById", "parameters": [
                {"name": "petId", "in": "path", "required": true, "type": "integer"},
            ]}},
        },
    })
}

fn basic(name: &str, password: &str, headers: &HeaderMap) -> Response {
    // serverless-workflow:conformance-test and ada:lovelace, in base 64.
    let known = [
        ("serverless-workflow", "conformance-test", "Basic c2VydmVybGVzcy13b3JrZmxvdzpjb25mb3JtYW5jZS10ZXN0"),
        ("ada", "lovelace", "Basic YWRhOmxvdmVsYWNl"),
    ];
    let wanted = known.iter().find(|(one, other, _)| (*one, *other) == (name, password)).map(|(_, _, header)| *header);
    let given = headers.get("authorization").and_then(|value| value.to_str().ok());
    if wanted.is_some() && wanted == given {
        Json(json!({"authenticated": true, "user": name})).into_response()
    } else {
        StatusCode::UNAUTHORIZED.into_response()
    }
}

struct Asked {
    method: Method,
    query: String,
    headers: HeaderMap,
    body: Bytes,
}

async fn service(path: &[&str], counts: &Counts, asked: Asked) -> Response {
    match path {
        // Fails so often, then says how often it was asked.
        ["flaky", key, failures, status] => {
            let count = counted(counts, key);
            if count <= failures.parse().unwrap() {
                return StatusCode::from_u16(status.parse().unwrap()).unwrap().into_response();
            }
            Json(json!({"calls": count})).into_response()
        }
        ["slow", key, milliseconds] => {
            let count = counted(counts, key);
            tokio::time::sleep(Duration::from_millis(milliseconds.parse().unwrap())).await;
            Json(json!({"calls": count, "key": key})).into_response()
        }
        // Takes its time on the first calls only.
        ["slow-first", key, slow, milliseconds] => {
            let count = counted(counts, key);
            if count <= slow.parse().unwrap() {
                tokio::time::sleep(Duration::from_millis(milliseconds.parse().unwrap())).await;
            }
            Json(json!({"calls": count})).into_response()
        }
        ["count", key] => Json(json!({"calls": counted(counts, key), "key": key})).into_response(),
        ["text"] => ([("content-type", "text/plain")], "plain").into_response(),
        ["bytes"] => ([("content-type", "application/octet-stream")], vec![0_u8, 1, 255]).into_response(),
        ["moved"] => (StatusCode::FOUND, [("location", "https://service.test/text")]).into_response(),
        ["echo"] => {
            let header = |name: &str| asked.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
            let body = String::from_utf8(asked.body.to_vec()).unwrap();
            Json(json!({
                "method": asked.method.as_str(),
                "query": asked.query,
                "authorization": header("authorization"),
                "mark": header("x-mark"),
                "contentType": header("content-type"),
                "body": serde_json::from_str::<Value>(&body).unwrap_or(Value::String(body)),
            }))
            .into_response()
        }
        ["model", key, "chat", "completions"] => model(counted(counts, key), &asked.body),
        ["openapi.yaml"] => ([("content-type", "application/yaml")], OPENAPI).into_response(),
        ["api", "notes", id] => Json(json!({
            "id": id,
            "query": asked.query,
            "body": serde_json::from_slice::<Value>(&asked.body).ok(),
        }))
        .into_response(),
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

const OPENAPI: &str = "\
openapi: 3.0.3
servers: [{url: /api}]
components:
  parameters:
    id: {name: id, in: path, required: true, schema: {type: string}}
paths:
  /notes/{id}:
    parameters: [{$ref: '#/components/parameters/id'}]
    put:
      operationId: putNote
      parameters: [{name: mode, in: query, schema: {type: string}}]
      requestBody: {content: {application/json: {}}}
";

/// Answers wrong first and right then; both tell whether it was told what was wrong.
fn model(count: u64, body: &[u8]) -> Response {
    let asked: Value = serde_json::from_slice(body).unwrap();
    let last = asked["messages"].as_array().unwrap().last().unwrap()["content"].as_str().unwrap().to_owned();
    let content = match count {
        1 => "no JSON at all".to_owned(),
        _ => json!({"told": last.contains("was not right")}).to_string(),
    };
    Json(json!({"model": asked["model"], "choices": [{"message": {"role": "assistant", "content": content}}]}))
        .into_response()
}

fn counted(counts: &Counts, key: &str) -> u64 {
    let mut counts = counts.lock().unwrap();
    let count = counts.entry(key.to_owned()).or_insert(0);
    *count += 1;
    *count
}
