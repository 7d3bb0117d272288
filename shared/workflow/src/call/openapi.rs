//! `call: openapi`: the HTTP call that an operation of a document is. Documents of OpenAPI 3 and Swagger 2.0.

use super::uri;
use crate::run::{Problem, Standard};
use serde_json::{Map, Value, json};

/// The methods of a path, as documents name them.
const METHODS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];
/// How many references a parameter may go through.
const REFERENCES: usize = 8;

/// The address of the document that arguments name.
///
/// # Errors
/// They name none.
pub fn document_uri(arguments: &Value) -> Result<String, Problem> {
    let endpoint = arguments.pointer("/document/endpoint").unwrap_or(&Value::Null);
    let address = endpoint.as_str().or_else(|| endpoint.get("uri")?.as_str());
    address.map(str::to_owned).ok_or_else(|| wrong(format!("the document's endpoint is no URI: {endpoint}")))
}

/// The arguments of `call: http` that an operation is called with.
///
/// # Errors
/// The document has no such operation, or a parameter that it needs is missing.
pub fn arguments(document: &Value, from: &str, arguments: &Value) -> Result<Value, Problem> {
    let id = arguments.get("operationId").and_then(Value::as_str).unwrap_or_default();
    let (path, method, operation, shared) =
        operation(document, id).ok_or_else(|| wrong(format!("the document at {from} has no operation `{id}`")))?;
    let mut given = match arguments.get("parameters") {
        Some(Value::Object(given)) => given.clone(),
        None | Some(Value::Null) => Map::new(),
        Some(other) => return Err(wrong(format!("the parameters of the call are no object: {other}"))),
    };
    let mut call = Call { path: path.to_owned(), query: Map::new(), headers: Map::new(), form: Vec::new(), body: None };
    for parameter in parameters(document, operation).chain(parameters(document, shared)) {
        call.place(parameter, &mut given)?;
    }
    let content = operation.get("requestBody").map(|body| resolved(document, body));
    if content.is_some() && call.body.is_none() && !given.is_empty() {
        let whole = given.remove("body").filter(|_| given.is_empty());
        call.body = Some(whole.unwrap_or_else(|| Value::Object(std::mem::take(&mut given))));
    }
    if let Some(name) = given.keys().next() {
        return Err(wrong(format!("the operation `{id}` has no parameter `{name}`")));
    }
    let mut body = call.body;
    if !call.form.is_empty() {
        body = Some(Value::String(call.form.join("&")));
        call.headers.insert("content-type".to_owned(), json!("application/x-www-form-urlencoded"));
    }
    let mut http = Map::from_iter([
        ("method".to_owned(), json!(method)),
        ("endpoint".to_owned(), json!({"uri": format!("{}{}", server(document, from)?, call.path)})),
        ("query".to_owned(), Value::Object(call.query)),
        ("headers".to_owned(), Value::Object(call.headers)),
        ("body".to_owned(), body.unwrap_or_default()),
    ]);
    for name in ["authentication", "output", "redirect"] {
        if let Some(value) = arguments.get(name) {
            http.insert(name.to_owned(), value.clone());
        }
    }
    Ok(Value::Object(http))
}

fn wrong(detail: String) -> Problem {
    Problem::new(Standard::Configuration, detail)
}

/// Path, method, the operation and what its path says for all.
fn operation<'a>(document: &'a Value, id: &str) -> Option<(&'a str, &'a str, &'a Value, &'a Value)> {
    let paths = document.get("paths")?.as_object()?;
    paths.iter().find_map(|(path, item)| {
        let named = |method: &&&str| item.get(**method).and_then(|one| one.get("operationId")) == Some(&json!(id));
        let method = METHODS.iter().find(named)?;
        Some((path.as_str(), *method, item.get(*method)?, item))
    })
}

fn parameters<'a>(document: &'a Value, of: &'a Value) -> impl Iterator<Item = &'a Value> {
    let listed = of.get("parameters").and_then(Value::as_array);
    listed.into_iter().flatten().map(|parameter| resolved(document, parameter))
}

/// What a reference into the document stands for.
fn resolved<'a>(document: &'a Value, mut value: &'a Value) -> &'a Value {
    for _ in 0..REFERENCES {
        let target = value.get("$ref").and_then(Value::as_str).and_then(|target| target.strip_prefix('#'));
        match target.and_then(|pointer| document.pointer(pointer)) {
            Some(target) => value = target,
            None => break,
        }
    }
    value
}

struct Call {
    path: String,
    query: Map<String, Value>,
    headers: Map<String, Value>,
    form: Vec<String>,
    body: Option<Value>,
}

impl Call {
    /// Puts a parameter where the document says.
    fn place(&mut self, parameter: &Value, given: &mut Map<String, Value>) -> Result<(), Problem> {
        let text = |name: &str| parameter.get(name).and_then(Value::as_str).unwrap_or_default();
        let (name, place) = (text("name"), text("in"));
        let Some(value) = given.remove(name).filter(|value| !value.is_null()) else {
            if parameter.get("required") == Some(&Value::Bool(true)) && !self.has(name, place) {
                let detail = format!("the operation needs the parameter `{name}`; give it below `parameters`");
                return Err(Problem::new(Standard::Validation, detail));
            }
            return Ok(());
        };
        match place {
            "path" => {
                let fields = Value::Object(Map::from_iter([(name.to_owned(), value)]));
                let expanded = uri::expand(&format!("{{{name}}}"), &fields)?;
                self.path = self.path.replace(&format!("{{{name}}}"), &expanded);
            }
            "query" => {
                // Swagger 2.0 joins lists unless it says otherwise.
                let joins = parameter.get("type").is_some() && text("collectionFormat") != "multi";
                self.query.insert(name.to_owned(), if joins { joined(value) } else { value });
            }
            "header" => {
                self.headers.insert(name.to_owned(), joined(value));
            }
            "formData" => self.form.push(format!("{}={}", uri::encoded(name), uri::encoded(&plain(&value)))),
            "body" => self.body = Some(value),
            other => return Err(wrong(format!("parameters in `{other}`, such as `{name}`, are not sent by Neptune"))),
        }
        Ok(())
    }

    fn has(&self, name: &str, place: &str) -> bool {
        match place {
            "path" => !self.path.contains(&format!("{{{name}}}")),
            "query" => self.query.contains_key(name),
            "header" => self.headers.contains_key(name),
            _ => self.body.is_some(),
        }
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn joined(value: Value) -> Value {
    match value {
        Value::Array(items) => Value::String(items.iter().map(plain).collect::<Vec<_>>().join(",")),
        other => other,
    }
}

/// Where the operations of a document are, without a slash at the end.
fn server(document: &Value, from: &str) -> Result<String, Problem> {
    let text = |pointer: &str| document.pointer(pointer).and_then(Value::as_str);
    let (scheme, rest) = from.split_once("://").ok_or_else(|| wrong(format!("`{from}` is no address")))?;
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let address = if document.get("swagger").is_some() {
        let scheme = text("/schemes/0").unwrap_or(scheme);
        let prefers_https =
            document.get("schemes").and_then(Value::as_array).is_some_and(|all| all.contains(&json!("https")));
        let scheme = if prefers_https { "https" } else { scheme };
        format!("{scheme}://{}{}", text("/host").unwrap_or(host), text("/basePath").unwrap_or(""))
    } else {
        match text("/servers/0/url").unwrap_or("/") {
            absolute if absolute.contains("://") => absolute.to_owned(),
            relative => format!("{scheme}://{host}/{}", relative.trim_start_matches('/')),
        }
    };
    Ok(address.trim_end_matches('/').to_owned())
}
