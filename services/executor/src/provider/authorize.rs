//! Credentials, each in the way its provider wants it.

use super::endpoint;
use crate::domain::failure::Failure;
use aws_credential_types::Credentials;
use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SigningSettings, sign},
    sign::v4,
};
use neptune_contracts::{
    attempt::ErrorClass,
    resource::{ModelSpec, Provider},
};
use reqwest::{Request, header::HeaderValue};
use std::{collections::HashMap, time::SystemTime};

/// AWS calls its runtime for models so in signatures.
const AWS_SERVICE: &str = "bedrock";
/// The ending of a variable that holds the secret half of a pair of AWS keys.
const AWS_SECRET: &str = "SECRET_ACCESS_KEY";
const DEFAULT_REGION: &str = "us-east-1";

/// Adds the model's credential to the request, when it has one.
pub(super) fn authorize(
    request: &mut Request,
    model: &ModelSpec,
    environment: &HashMap<String, String>,
) -> Result<(), Failure> {
    let Some(credential) = endpoint::credential(model, environment)? else { return Ok(()) };
    match model.provider {
        Provider::Openai | Provider::OpenaiResponses => {
            insert(request, "authorization", &format!("Bearer {credential}"))
        }
        Provider::Azure => insert(request, "api-key", credential),
        Provider::Anthropic => insert(request, "x-api-key", credential),
        Provider::Gemini => insert(request, "x-goog-api-key", credential),
        Provider::Bedrock => match model.credential_env.as_deref().and_then(|name| name.strip_suffix(AWS_SECRET)) {
            Some(prefix) => signed(request, model, (prefix, credential), environment),
            None => insert(request, "authorization", &format!("Bearer {credential}")),
        },
    }
}

fn insert(request: &mut Request, name: &'static str, value: &str) -> Result<(), Failure> {
    let unusable = |_| Failure::new(ErrorClass::Auth, "the credential holds characters that no header can carry");
    let mut value = HeaderValue::from_str(value).map_err(unusable)?;
    value.set_sensitive(true);
    request.headers_mut().insert(name, value);
    Ok(())
}

/// Signs by AWS's Signature Version 4, with the key id and session token that stand beside the secret.
fn signed(
    request: &mut Request,
    model: &ModelSpec,
    (prefix, secret): (&str, &str),
    environment: &HashMap<String, String>,
) -> Result<(), Failure> {
    let cannot = |what: &str| Failure::new(ErrorClass::Auth, format!("the request cannot be signed: {what}"));
    let id_variable = format!("{prefix}ACCESS_KEY_ID");
    let id = endpoint::look_up(&id_variable, environment)
        .ok_or_else(|| Failure::new(ErrorClass::Auth, format!("the executor's environment has no {id_variable}")))?;
    let token = endpoint::look_up(&format!("{prefix}SESSION_TOKEN"), environment).map(str::to_owned);
    let identity = Credentials::from_keys(id, secret, token).into();
    let region = model.region.as_deref().or_else(|| region_of(request.url().host_str()?)).unwrap_or(DEFAULT_REGION);
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name(AWS_SERVICE)
        .time(SystemTime::now())
        .settings(SigningSettings::default())
        .build()
        .map_err(|_| cannot("a part is missing"))?
        .into();
    let body = request.body().and_then(reqwest::Body::as_bytes).unwrap_or_default();
    let headers = request.headers().get("content-type").and_then(|value| value.to_str().ok());
    let headers = headers.into_iter().map(|value| ("content-type", value));
    let signable =
        SignableRequest::new(request.method().as_str(), request.url().as_str(), headers, SignableBody::Bytes(body))
            .map_err(|_| cannot("its URL cannot be read"))?;
    let (instructions, _) = sign(signable, &parameters).map_err(|_| cannot("its parts do not fit"))?.into_parts();
    let (added, _) = instructions.into_parts();
    for header in added {
        insert(request, header.name(), header.value())?;
    }
    Ok(())
}

/// The region in `bedrock-runtime.eu-central-1.amazonaws.com`.
fn region_of(host: &str) -> Option<&str> {
    let mut labels = host.strip_suffix(".amazonaws.com").or_else(|| host.strip_suffix(".api.aws"))?.split('.');
    labels.next_back()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_region_stands_in_the_host() {
        for (host, region) in [
            ("bedrock-runtime.eu-central-1.amazonaws.com", Some("eu-central-1")),
            ("bedrock-runtime-fips.us-gov-west-1.amazonaws.com", Some("us-gov-west-1")),
            ("bedrock-runtime.us-east-1.api.aws", Some("us-east-1")),
            ("127.0.0.1", None),
        ] {
            assert_eq!(region_of(host), region, "{host}");
        }
    }
}
