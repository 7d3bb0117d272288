//! Calls that are made for real, over HTTP.

use crate::Caller;
use futures::future::BoxFuture;
use neptune_sensitive::Policy;
use neptune_workflow::{
    call::{http, model, openapi, redact},
    definition::{Builtin, Function},
    run::{Answer, Problem, Request, Standard, secrets},
};
use serde_json::{Map, Value, json};
use std::{collections::BTreeMap, sync::Arc, time::Duration};

/// How long a call may take when nothing says otherwise.
const PATIENCE: Duration = Duration::from_secs(300);
/// The largest answer, in bytes.
const ANSWER_BYTES: usize = 8 << 20;

/// Changes an address.
pub type Rewrite = Arc<dyn Fn(&str) -> String + Send + Sync>;

/// Where models are, and what else calls need.
#[derive(Clone)]
pub struct Web {
    /// The client; it must not follow redirects.
    pub client: reqwest::Client,
    /// Where models are asked: the part of the address before `/chat/completions`.
    pub model_url: Option<String>,
    /// What authorizes there.
    pub model_key: Option<String>,
    /// The model that is asked when a task names none.
    pub model: String,
    /// Secrets by name.
    pub secrets: BTreeMap<String, String>,
    /// How approvals are answered.
    pub approves: bool,
    /// Changes addresses before they are called: for tests whose hosts are not there.
    pub rewrite: Option<Rewrite>,
}

impl Caller for Web {
    fn call(&self, request: Arc<Request>) -> BoxFuture<'static, Answer> {
        let web = self.clone();
        Box::pin(async move {
            match web.make(&request).await {
                Ok(answer) => answer,
                Err(problem) => Answer::problem(problem),
            }
        })
    }
}

/// What governance would answer, but for the classes, which are a team's.
fn redacted(arguments: &Value) -> Result<Value, Problem> {
    let (name, value) = redact::subject(arguments)?;
    let policy = arguments.get("policy").and_then(Value::as_str).unwrap_or("all");
    let policy = Policy::named(policy).ok_or_else(|| {
        let detail = format!("there is no policy {policy:?}; use all, pii or secrets");
        Problem::new(Standard::Configuration, detail)
    })?;
    let redacted = neptune_sensitive::redact(value, policy);
    let finding = |found: &neptune_sensitive::Finding| json!({"kind": found.kind.as_str(), "count": found.count, "taken_out": found.is_taken});
    let findings: Vec<Value> = redacted.findings.iter().map(finding).collect();
    Ok(json!({name: redacted.value, "findings": findings}))
}

impl Web {
    async fn make(&self, request: &Request) -> Result<Answer, Problem> {
        let secret = |name: &str| self.secrets.get(name).cloned();
        let arguments = secrets::reveal(&request.arguments, &secret).map_err(|name| {
            Problem::new(Standard::Authorization, format!("there is no secret `{name}`; give it a value"))
        })?;
        match &request.function {
            Function::Http => self.http(&arguments).await.map(Answer::output),
            Function::Openapi => self.openapi(&arguments).await.map(Answer::output),
            Function::Builtin(builtin) => self.builtin(*builtin, request, &arguments).await,
            other => Err(Problem::new(Standard::Configuration, format!("{other:?} is not called here"))),
        }
    }

    async fn http(&self, arguments: &Value) -> Result<Value, Problem> {
        let request = http::request(arguments)?;
        let received = self.send(&request).await?;
        http::output(arguments, &request, &received)
    }

    async fn openapi(&self, arguments: &Value) -> Result<Value, Problem> {
        let from = openapi::document_uri(arguments)?;
        let get = json!({"method": "get", "endpoint": arguments.pointer("/document/endpoint")});
        let document = match self.http(&get).await? {
            // Documents in YAML come as text.
            Value::String(text) => neptune_workflow::source::Node::read(&text)
                .map_err(|fault| Problem::new(Standard::Configuration, format!("the document at {from}: {fault}")))?
                .to_json(),
            document => document,
        };
        self.http(&openapi::arguments(&document, &from, arguments)?).await
    }

    async fn builtin(&self, builtin: Builtin, request: &Request, arguments: &Value) -> Result<Answer, Problem> {
        let local = |output: Value, note: &str| Answer {
            sensitivity: request.sensitivity,
            note: Some(json!({"local": note})),
            ..Answer::output(output)
        };
        match builtin {
            Builtin::Model => self.model(request, arguments).await,
            Builtin::Notify => Ok(local(json!({"state": "not_sent", "to": arguments.get("to")}), "not sent")),
            Builtin::Approval => {
                let note = if self.approves { "approved without asking" } else { "refused without asking" };
                Ok(local(json!({"approved": self.approves, "by": "local"}), note))
            }
            Builtin::Feedback => Ok(local(json!({"state": "not_recorded"}), "not recorded")),
            Builtin::Redact => redacted(arguments).map(|output| local(output, "by the same detectors as governance's")),
        }
    }

    async fn model(&self, request: &Request, arguments: &Value) -> Result<Answer, Problem> {
        let Some(url) = &self.model_url else {
            let detail = "there is nowhere to ask a model; give the address of one that speaks OpenAI's form";
            return Err(Problem::new(Standard::Configuration, detail));
        };
        let mut completion = model::completion(arguments, request.repair.as_ref())?;
        if let Value::Object(fields) = &mut completion {
            fields.entry("model").or_insert_with(|| json!(self.model));
        }
        let authentication = self.model_key.as_ref().map(|key| json!({"bearer": {"token": key}}));
        let mut endpoint = Map::from_iter([(
            "uri".to_owned(),
            Value::String(format!("{}/chat/completions", url.trim_end_matches('/'))),
        )]);
        endpoint.extend(authentication.map(|authentication| ("authentication".to_owned(), authentication)));
        let call = json!({"method": "post", "endpoint": endpoint, "body": completion});
        let answer = self.http(&call).await?;
        let output = model::output(arguments, &answer)?;
        let note = json!({"model": output.get("model"), "usage": output.get("usage")});
        Ok(Answer { sensitivity: request.sensitivity, note: Some(note), ..Answer::output(output) })
    }

    async fn send(&self, request: &http::Request) -> Result<http::Received, Problem> {
        let failed = |fault: &dyn std::fmt::Display| {
            let detail = format!("{} {}: {fault}", request.method, request.uri);
            Problem::new(Standard::Communication, detail)
        };
        let method = reqwest::Method::from_bytes(request.method.as_bytes()).map_err(|fault| failed(&fault))?;
        let uri = self.rewrite.as_ref().map_or_else(|| request.uri.clone(), |rewrite| rewrite(&request.uri));
        let mut outgoing = self.client.request(method, uri).timeout(PATIENCE);
        for (name, value) in &request.headers {
            outgoing = outgoing.header(name, value);
        }
        let mut answer = outgoing.body(request.body.clone()).send().await.map_err(|fault| failed(&fault))?;
        let header = |(name, value): (&reqwest::header::HeaderName, &reqwest::header::HeaderValue)| {
            (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        };
        let (status, headers) = (answer.status().as_u16(), answer.headers().iter().map(header).collect());
        let mut body = Vec::new();
        while let Some(part) = answer.chunk().await.map_err(|fault| failed(&fault))? {
            body.extend_from_slice(&part);
            if body.len() > ANSWER_BYTES {
                return Err(failed(&format!("the answer has more than {ANSWER_BYTES} bytes, which is the limit")));
            }
        }
        Ok(http::Received { status, headers, body })
    }
}
