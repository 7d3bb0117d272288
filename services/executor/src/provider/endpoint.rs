//! Endpoints and credentials of models, filled in from the environment.

use super::failure;
use neptune_contracts::{
    attempt::{AttemptError, ErrorClass},
    resource::ModelSpec,
};
use std::collections::HashMap;
use url::Url;

/// The URL of `path` below the model's endpoint.
pub(super) fn url(model: &ModelSpec, path: &str, environment: &HashMap<String, String>) -> Result<Url, AttemptError> {
    let endpoint = fill_in(&model.endpoint, environment)?;
    let full = format!("{}/{path}", endpoint.trim_end_matches('/'));
    let url = Url::parse(&full).map_err(|_| failure(ErrorClass::Network, "the model's endpoint is not a URL"))?;
    if matches!(url.scheme(), "http" | "https") && url.has_host() {
        Ok(url)
    } else {
        Err(failure(ErrorClass::Network, "the model's endpoint is not an http or https URL"))
    }
}

/// The model's credential, when it needs one.
pub(super) fn credential<'e>(model: &ModelSpec, environment: &'e HashMap<String, String>) -> Result<Option<&'e str>, AttemptError> {
    let Some(variable) = &model.credential_env else { return Ok(None) };
    let value = environment.get(variable).map(String::as_str).filter(|value| !value.is_empty());
    value.map(Some).ok_or_else(|| failure(ErrorClass::Auth, format!("the executor's environment has no {variable}")))
}

/// Replaces each `${VARIABLE}`.
fn fill_in(text: &str, environment: &HashMap<String, String>) -> Result<String, AttemptError> {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let broken = || failure(ErrorClass::Network, "the model's endpoint has a ${ without }");
        let (variable, after) = after.split_once('}').ok_or_else(broken)?;
        let missing = || failure(ErrorClass::Network, format!("the executor's environment has no {variable}"));
        filled.push_str(before);
        filled.push_str(environment.get(variable).ok_or_else(missing)?);
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
        assert!(fill_in("${NOPE}", &environment).unwrap_err().message.contains("NOPE"));
        assert!(fill_in("${HOST", &environment).is_err());
    }
}
