//! `call: http`: the request that the arguments ask for, and the output or error that the answer makes.

use super::uri;
use crate::run::{Problem, Standard};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};

/// A request, ready to be sent. Redirects are not followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The method, in capitals.
    pub method: String,
    /// The whole URI.
    pub uri: String,
    /// Headers, in lower case; among them what authorizes the request.
    pub headers: Vec<(String, String)>,
    /// The body; empty for none.
    pub body: Vec<u8>,
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// The status.
    pub status: u16,
    /// Headers, in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// Headers of a request that must not come back in an output.
const HIDDEN: [&str; 3] = ["authorization", "proxy-authorization", "cookie"];
/// How much of a failed answer's text is told, in characters.
const DETAIL_CHARACTERS: usize = 200;

/// The request that arguments ask for. Secrets must have been revealed.
///
/// # Errors
/// The arguments ask for what cannot be sent.
pub fn request(arguments: &Value) -> Result<Request, Problem> {
    let endpoint = arguments.get("endpoint").unwrap_or(&Value::Null);
    let address = endpoint.as_str().or_else(|| endpoint.get("uri")?.as_str());
    let address = address.ok_or_else(|| wrong(format!("the endpoint of the call is no URI: {endpoint}")))?;
    if !address.starts_with("http://") && !address.starts_with("https://") {
        return Err(wrong(format!("`{address}` is no address; it must begin with http:// or https://")));
    }
    let method = arguments.get("method").and_then(Value::as_str).unwrap_or("get").to_uppercase();
    let mut headers: Vec<(String, String)> = pairs(arguments.get("headers"), "headers")?
        .into_iter()
        .map(|(name, value)| (name.to_lowercase(), value))
        .collect();
    let authentication = endpoint.get("authentication").or_else(|| arguments.get("authentication"));
    if let Some(authentication) = authentication {
        headers.retain(|(name, _)| name != "authorization");
        headers.push(("authorization".to_owned(), authorization(authentication)?));
    }
    let body = body(arguments.get("body"), &mut headers);
    Ok(Request { method, uri: with_query(address, &pairs(arguments.get("query"), "query")?), headers, body })
}

fn wrong(detail: String) -> Problem {
    Problem::new(Standard::Configuration, detail)
}

/// Names and values of an object; a list is several values of one name.
fn pairs(fields: Option<&Value>, what: &str) -> Result<Vec<(String, String)>, Problem> {
    let fields = match fields {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Object(fields)) => fields,
        Some(other) => return Err(wrong(format!("the {what} of the call are no object: {other}"))),
    };
    let mut pairs = Vec::new();
    for (name, value) in fields {
        let values = match value {
            Value::Array(values) => values.as_slice(),
            one => std::slice::from_ref(one),
        };
        for value in values {
            match value {
                Value::Null => {}
                Value::String(text) => pairs.push((name.clone(), text.clone())),
                Value::Number(_) | Value::Bool(_) => pairs.push((name.clone(), value.to_string())),
                _ => return Err(wrong(format!("`{name}` of the call's {what} is no text, number or boolean"))),
            }
        }
    }
    Ok(pairs)
}

fn with_query(address: &str, query: &[(String, String)]) -> String {
    let mut whole = address.to_owned();
    for (name, value) in query {
        whole.push(if whole.contains('?') { '&' } else { '?' });
        whole.push_str(&format!("{}={}", uri::encoded(name), uri::encoded(value)));
    }
    whole
}

fn authorization(authentication: &Value) -> Result<String, Problem> {
    let text = |scheme: &str, field: &str| {
        let value = authentication.get(scheme).and_then(|scheme| scheme.get(field)).and_then(Value::as_str);
        value.ok_or_else(|| {
            let detail = format!("the {scheme} authentication has no {field} that is a text");
            Problem::new(Standard::Authentication, format!("{detail}; a secret is written `${{ $secrets.NAME }}`"))
        })
    };
    if authentication.get("basic").is_some() {
        let both = format!("{}:{}", text("basic", "username")?, text("basic", "password")?);
        return Ok(format!("Basic {}", STANDARD.encode(both)));
    }
    if authentication.get("bearer").is_some() {
        return Ok(format!("Bearer {}", text("bearer", "token")?));
    }
    Err(wrong("only basic and bearer authentication are made by Neptune; get a token by a call of its own".to_owned()))
}

fn body(body: Option<&Value>, headers: &mut Vec<(String, String)>) -> Vec<u8> {
    let (bytes, kind) = match body {
        None | Some(Value::Null) => return Vec::new(),
        Some(Value::String(text)) => (text.clone().into_bytes(), "text/plain; charset=utf-8"),
        Some(value) => (value.to_string().into_bytes(), "application/json"),
    };
    if !headers.iter().any(|(name, _)| name == "content-type") {
        headers.push(("content-type".to_owned(), kind.to_owned()));
    }
    bytes
}

/// The output of a call, in the form that its arguments want.
///
/// # Errors
/// The status is one of an error, or the content is not what it says.
pub fn output(arguments: &Value, sent: &Request, received: &Received) -> Result<Value, Problem> {
    let allows_redirects = arguments.get("redirect") == Some(&Value::Bool(true));
    let most = if allows_redirects { 399 } else { 299 };
    if !(200..=most).contains(&received.status) {
        let text: String = String::from_utf8_lossy(&received.body).chars().take(DETAIL_CHARACTERS).collect();
        let detail = format!("{} {} answered {} {text}", sent.method, sent.uri, received.status);
        let problem = Problem::new(Standard::Communication, detail.trim_end());
        return Err(problem.with_status(i64::from(received.status), title(received.status)));
    }
    match arguments.get("output").and_then(Value::as_str) {
        Some("raw") => Ok(Value::String(STANDARD.encode(&received.body))),
        Some("response") => Ok(json!({
            "request": {
                "method": sent.method.to_lowercase(),
                "uri": sent.uri,
                "headers": object(sent.headers.iter().filter(|(name, _)| !HIDDEN.contains(&name.as_str()))),
            },
            "statusCode": received.status,
            "headers": object(received.headers.iter()),
            "content": content(received)?,
        })),
        _ => content(received),
    }
}

fn object<'a>(pairs: impl Iterator<Item = &'a (String, String)>) -> Value {
    let mut fields = Map::new();
    for (name, value) in pairs {
        let joined = match fields.get(name).and_then(Value::as_str) {
            Some(before) => format!("{before}, {value}"),
            None => value.clone(),
        };
        fields.insert(name.clone(), Value::String(joined));
    }
    Value::Object(fields)
}

/// JSON as a value, text as text, nothing as null, anything else in base 64.
fn content(received: &Received) -> Result<Value, Problem> {
    let kind = received.headers.iter().find(|(name, _)| name == "content-type").map_or("", |(_, value)| value);
    let kind = kind.split(';').next().unwrap_or_default().trim().to_lowercase();
    if received.body.is_empty() {
        return Ok(Value::Null);
    }
    if kind == "application/json" || kind.ends_with("+json") {
        return serde_json::from_slice(&received.body).map_err(|fault| {
            Problem::new(Standard::Communication, format!("the answer says that it is JSON and is not: {fault}"))
        });
    }
    let is_text =
        kind.starts_with("text/") || kind.ends_with("/xml") || kind.ends_with("+xml") || kind.ends_with("yaml");
    match std::str::from_utf8(&received.body) {
        Ok(text) if is_text => Ok(Value::String(text.to_owned())),
        _ => Ok(Value::String(STANDARD.encode(&received.body))),
    }
}

/// What a status of an error is called.
fn title(status: u16) -> &'static str {
    match status {
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        409 => "Conflict",
        410 => "Gone",
        413 => "Content Too Large",
        422 => "Unprocessable Content",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        other => match other / 100 {
            3 => "Redirection",
            4 => "Client Error",
            _ => "Server Error",
        },
    }
}
