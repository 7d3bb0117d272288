//! Calls of runs over HTTP: endpoints, and operations that OpenAPI documents describe.
//!
//! Only public hosts are called, over https; others are named in `NEPTUNE_EXECUTOR_RUN_HOSTS`. Redirects are not
//! followed. Secrets of a workflow (`$secrets.NAME`) are what the executor's environment has as
//! `NEPTUNE_SECRET_NAME`, and are put in here, after everything that is stored.

use super::Runs;
use neptune_contracts::{
    Timestamp,
    address::{is_host, is_public},
    names::Team,
};
use neptune_workflow::{
    call::{http, openapi},
    definition::{Builtin, Function},
    run::{Answer, Problem, Request, Standard, secrets},
    source::Node,
};
use reqwest::{
    Method, Response,
    header::{HeaderName, HeaderValue},
};
use serde_json::{Value, json};
use std::{net::IpAddr, time::Duration};
use url::{Host, Url};

/// How long a call may take when no limit of its run is nearer.
const PATIENCE: Duration = Duration::from_secs(300);
/// The largest answer, in bytes.
const ANSWER_BYTES: usize = 8 << 20;
/// What secrets' variables begin with.
const SECRET: &str = "NEPTUNE_SECRET_";

impl Runs {
    /// Makes a call of a team's run, and returns what came of it.
    pub(crate) async fn call(&self, team: &Team, request: &Request) -> Answer {
        if request.function == Function::Builtin(Builtin::Redact) {
            return self.redact(team, request).await;
        }
        let patience = patience(request.deadline_ms);
        match tokio::time::timeout(patience, Box::pin(self.make(request))).await {
            Ok(Ok(output)) => Answer::output(output),
            Ok(Err(problem)) => Answer::problem(problem),
            Err(_) => {
                let detail = format!("the call took longer than {} ms", patience.as_millis());
                Answer::problem(Problem::new(Standard::Timeout, detail))
            }
        }
    }

    async fn make(&self, request: &Request) -> Result<Value, Problem> {
        let secret = |name: &str| self.environment.get(&variable_of(name)).cloned();
        let arguments = secrets::reveal(&request.arguments, &secret).map_err(|name| {
            let variable = variable_of(&name);
            let detail = format!("there is no secret `{name}`; set {variable} in the executor's environment");
            Problem::new(Standard::Authorization, detail)
        })?;
        match request.function {
            Function::Openapi => self.openapi(&arguments).await,
            _ => self.http(&arguments).await,
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
            Value::String(text) => Node::read(&text)
                .map_err(|fault| Problem::new(Standard::Configuration, format!("the document at {from}: {fault}")))?
                .to_json(),
            document => document,
        };
        self.http(&openapi::arguments(&document, &from, arguments)?).await
    }

    async fn send(&self, request: &http::Request) -> Result<http::Received, Problem> {
        let failed = |fault: &dyn std::fmt::Display| {
            Problem::new(Standard::Communication, format!("{} {}: {fault}", request.method, request.uri))
        };
        let url = Url::parse(&request.uri).map_err(|fault| failed(&fault))?;
        let client = if self.is_named(&url) {
            &self.http.private
        } else {
            check_public(&url)?;
            &self.http.public
        };
        let method = Method::from_bytes(request.method.as_bytes()).map_err(|fault| failed(&fault))?;
        let mut outgoing = client.request(method, url);
        for (name, value) in &request.headers {
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|fault| failed(&fault))?;
            // Of a value that cannot be sent only its header is told: it may be a secret.
            let value =
                HeaderValue::from_str(value).map_err(|_| failed(&format!("the header {name} cannot be sent")))?;
            outgoing = outgoing.header(name, value);
        }
        let answer = outgoing.body(request.body.clone()).send().await.map_err(|fault| failed(&plain(&fault)))?;
        let (status, headers) = (answer.status().as_u16(), headers(&answer));
        let body = body(answer).await.map_err(|fault| failed(&fault))?;
        Ok(http::Received { status, headers, body })
    }

    /// Whether the operator allows the host, however it is reached.
    fn is_named(&self, url: &Url) -> bool {
        let Some(host) = url.host_str() else { return false };
        let port = url.port_or_known_default().unwrap_or(0);
        let literal = host.trim_matches(['[', ']']).parse::<IpAddr>().ok();
        literal.is_none_or(is_host)
            && self.hosts.iter().any(|allowed| allowed == host || *allowed == format!("{host}:{port}"))
    }
}

/// The variable of the executor's environment that holds a secret.
fn variable_of(secret: &str) -> String {
    format!("{SECRET}{}", secret.to_ascii_uppercase().replace(['-', '.'], "_"))
}

/// The time that is left until nobody wants the answer, at least a moment and at most [`PATIENCE`].
fn patience(deadline_ms: Option<u64>) -> Duration {
    let now_ms = u64::try_from(Timestamp::now().unix_micros() / 1_000).unwrap_or(0);
    let left = deadline_ms.map_or(PATIENCE, |deadline_ms| Duration::from_millis(deadline_ms.saturating_sub(now_ms)));
    left.clamp(Duration::from_millis(1), PATIENCE)
}

/// Checks that a call goes to the public internet, encrypted. Names are checked when they are looked up.
fn check_public(url: &Url) -> Result<(), Problem> {
    let literal = match url.host() {
        Some(Host::Ipv4(address)) => Some(IpAddr::V4(address)),
        Some(Host::Ipv6(address)) => Some(IpAddr::V6(address)),
        _ => None,
    };
    let host = url.host_str().unwrap_or_default();
    let refuse = |why: &str| {
        let remedy = "name the host in NEPTUNE_EXECUTOR_RUN_HOSTS if that is meant";
        Err(Problem::new(Standard::Authorization, format!("{host} is not called: {why}; {remedy}")))
    };
    if literal.is_some_and(|address| !is_public(address)) {
        return refuse("it is not on the public internet");
    }
    if url.scheme() != "https" {
        return refuse("it is called without https");
    }
    Ok(())
}

/// What a client says went wrong, with its causes and without the address, which may hold a secret.
fn plain(fault: &reqwest::Error) -> String {
    let causes = std::iter::successors(std::error::Error::source(fault), |cause| cause.source());
    let last = causes.last().map(ToString::to_string);
    let kind = if fault.is_connect() { "cannot connect" } else { "the exchange failed" };
    last.map_or_else(|| kind.to_owned(), |last| format!("{kind}: {last}"))
}

fn headers(answer: &Response) -> Vec<(String, String)> {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    answer.headers().iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect()
}

async fn body(mut answer: Response) -> Result<Vec<u8>, String> {
    let mut body = Vec::new();
    while let Some(part) = answer.chunk().await.map_err(|fault| plain(&fault))? {
        body.extend_from_slice(&part);
        if body.len() > ANSWER_BYTES {
            return Err(format!("the answer has more than {ANSWER_BYTES} bytes, which is the limit"));
        }
    }
    Ok(body)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn only_public_hosts_are_called_and_only_encrypted() {
        for (url, is_fine) in [
            ("https://example.com/x", true),
            ("http://example.com/x", false),
            ("https://127.0.0.1/x", false),
            ("https://10.0.0.7/x", false),
            ("https://[::1]/x", false),
            ("https://169.254.169.254/latest", false),
        ] {
            assert_eq!(check_public(&Url::parse(url).unwrap()).is_ok(), is_fine, "{url}");
        }
    }
}
