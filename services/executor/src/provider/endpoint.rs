//! Endpoints and credentials of models, filled in from the environment.

use crate::domain::failure::Failure;
use neptune_contracts::{
    address::{is_host, is_public},
    attempt::ErrorClass,
    names::Zone,
    resource::ModelSpec,
};
use std::{collections::HashMap, net::IpAddr};
use url::{Host, Url};

/// Variables that hold Neptune's own secrets: no resource may send them anywhere.
const OWN_PREFIXES: &[&str] =
    &["NEPTUNE_NATS_", "NEPTUNE_GOVERNANCE_", "NEPTUNE_EXECUTOR_", "NEPTUNE_REDIS_", "NEPTUNE_DATABASE_"];
const OWN: &[&str] =
    &["NEPTUNE_KEY_PEPPER", "NEPTUNE_API_KEY", "NEPTUNE_ADMIN_KEY", "NEPTUNE_WEBHOOK_SECRET", "NEPTUNE_SMTP_URL"];

/// Why a model of the zone `external` is not called where it is.
pub(super) const NOT_PUBLIC: &str =
    "the model's endpoint is not on the public internet; set its zone, or allowPrivate in its resource";

/// Over which client a model is called.
pub(super) enum Reach {
    /// On the public internet only.
    Public,
    /// In networks of the operator's own too.
    Private,
}

/// How the model's `url` may be reached.
///
/// # Errors
/// It may not: its address is no host's, or not public though the model's zone is `external`, or
/// words would go over the public internet in the clear.
pub(super) fn reach(model: &ModelSpec, url: &Url) -> Result<Reach, Failure> {
    let literal = match url.host() {
        Some(Host::Ipv4(address)) => Some(IpAddr::V4(address)),
        Some(Host::Ipv6(address)) => Some(IpAddr::V6(address)),
        _ => None,
    };
    let refuse = |why: &str| Err(Failure::new(ErrorClass::Network, why));
    if literal.is_some_and(|address| !is_host(address)) {
        return refuse("the model's endpoint is an address behind which no model can be");
    }
    if model.zone != Zone::External || model.allow_private || is_named_by_environment(model) {
        return Ok(Reach::Private);
    }
    if literal.is_some_and(|address| !is_public(address)) {
        return refuse(NOT_PUBLIC);
    }
    if url.scheme() != "https" {
        return refuse("the model's endpoint is public and not https; use https, or allowPrivate in its resource");
    }
    Ok(Reach::Public)
}

/// Whether the executor's environment names the host, so that whoever runs the executor chose it.
pub(super) fn is_named_by_environment(model: &ModelSpec) -> bool {
    model.endpoint.starts_with("${")
}

/// The URL of `path` below the model's endpoint.
pub(super) fn url(model: &ModelSpec, path: &str, environment: &HashMap<String, String>) -> Result<Url, Failure> {
    let endpoint = fill_in(&model.endpoint, environment)?;
    let full = format!("{}/{path}", endpoint.trim_end_matches('/'));
    let url = Url::parse(&full).map_err(|_| Failure::new(ErrorClass::Network, "the model's endpoint is not a URL"))?;
    if matches!(url.scheme(), "http" | "https") && url.has_host() {
        Ok(url)
    } else {
        Err(Failure::new(ErrorClass::Network, "the model's endpoint is not an http or https URL"))
    }
}

/// The model's credential, when it needs one.
pub(super) fn credential<'e>(
    model: &ModelSpec,
    environment: &'e HashMap<String, String>,
) -> Result<Option<&'e str>, Failure> {
    let Some(variable) = &model.credential_env else { return Ok(None) };
    let value = look_up(variable, environment);
    value
        .map(Some)
        .ok_or_else(|| Failure::new(ErrorClass::Auth, format!("the executor's environment has no {variable}")))
}

pub(super) fn look_up<'e>(variable: &str, environment: &'e HashMap<String, String>) -> Option<&'e str> {
    let own = OWN.contains(&variable) || OWN_PREFIXES.iter().any(|prefix| variable.starts_with(prefix));
    environment.get(variable).map(String::as_str).filter(|value| !own && !value.is_empty())
}

/// Each `${VARIABLE}` of a text.
pub(super) fn variables(text: &str) -> impl Iterator<Item = &str> {
    text.split("${").skip(1).filter_map(|rest| Some(rest.split_once('}')?.0))
}

/// Replaces each `${VARIABLE}`.
///
/// # Errors
/// Names the variable that is missing.
pub(super) fn fill_in(text: &str, environment: &HashMap<String, String>) -> Result<String, Failure> {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let broken = || Failure::new(ErrorClass::Network, "the model's endpoint has a ${ without }");
        let (variable, after) = after.split_once('}').ok_or_else(broken)?;
        let missing = || Failure::new(ErrorClass::Network, format!("the executor's environment has no {variable}"));
        filled.push_str(before);
        filled.push_str(look_up(variable, environment).ok_or_else(missing)?);
        rest = after;
    }
    filled.push_str(rest);
    Ok(filled)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn variables_are_filled_in_or_named() {
        let environment = HashMap::from([("HOST".to_owned(), "http://h:1".to_owned())]);
        assert_eq!(fill_in("${HOST}/v1", &environment).unwrap(), "http://h:1/v1");
        assert_eq!(fill_in("http://x", &environment).unwrap(), "http://x");
        assert!(fill_in("${NOPE}", &environment).unwrap_err().error.message.contains("NOPE"));
        assert!(fill_in("${HOST", &environment).is_err());
    }

    #[test]
    fn neptunes_own_secrets_are_sent_nowhere() {
        for name in ["NEPTUNE_NATS_PASSWORD", "NEPTUNE_KEY_PEPPER", "NEPTUNE_GOVERNANCE_SIGNING_KEY"] {
            let environment = HashMap::from([(name.to_owned(), "secret".to_owned())]);
            assert_eq!(look_up(name, &environment), None, "{name}");
        }
        let environment =
            HashMap::from([("OPENAI_API_KEY".to_owned(), "k".to_owned()), ("EMPTY".to_owned(), String::new())]);
        assert_eq!(look_up("OPENAI_API_KEY", &environment), Some("k"));
        assert_eq!(look_up("EMPTY", &environment), None);
    }
}
