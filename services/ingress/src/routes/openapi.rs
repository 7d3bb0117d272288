//! `GET /openapi.json`: the document, from the routes themselves.

use crate::{domain::hints::Hints, gate::Gate, problem::ProblemDocument};
use aide::{
    OperationInput, OperationOutput,
    generate::GenContext,
    openapi::{Info, MediaType, OpenApi, Operation, Response, SecurityScheme},
    operation::{ParamLocation, add_parameters, parameters_from_schema},
    transform::{TransformOpenApi, TransformOperation},
};
use axum::{Json, Router, body::Bytes, http::header, routing::get};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use std::marker::PhantomData;

/// Name of the security scheme.
pub(super) const API_KEY: &str = "ApiKey";

/// Headers that the fields of `T` name.
pub(super) struct Headers<T>(PhantomData<T>);

/// Parts of the path that the fields of `T` name.
pub(super) struct PathParameters<T>(PhantomData<T>);

/// An RFC 9457 problem.
pub(super) struct ProblemJson;

/// Headers of both submits.
#[derive(Serialize, JsonSchema)]
pub(super) struct SubmitHeaders {
    /// The same key of the same team is the same task, for as long as its result is kept. A request
    /// that says anything else under it is a 422 that names the parts that differ.
    #[serde(rename = "idempotency-key")]
    idempotency_key: Option<String>,
    /// W3C trace context; the task's trace continues it.
    traceparent: Option<String>,
}

impl<T: JsonSchema> OperationInput for Headers<T> {
    fn operation_input(context: &mut GenContext, operation: &mut Operation) {
        add::<T>(context, operation, ParamLocation::Header);
    }
}

impl<T: JsonSchema> OperationInput for PathParameters<T> {
    fn operation_input(context: &mut GenContext, operation: &mut Operation) {
        add::<T>(context, operation, ParamLocation::Path);
    }
}

fn add<T: JsonSchema>(context: &mut GenContext, operation: &mut Operation, location: ParamLocation) {
    let schema = context.schema.subschema_for::<T>();
    let parameters = parameters_from_schema(context, schema, location);
    add_parameters(context, operation, parameters);
}

impl OperationOutput for ProblemJson {
    type Inner = ProblemDocument;

    fn operation_response(context: &mut GenContext, operation: &mut Operation) -> Option<Response> {
        let mut response = Json::<ProblemDocument>::operation_response(context, operation)?;
        let content: Vec<MediaType> = response.content.drain(..).map(|(_, content)| content).collect();
        response.content =
            content.into_iter().map(|content| ("application/problem+json".to_owned(), content)).collect();
        Some(response)
    }
}

/// What the document says of a call that a client of another API makes.
pub(super) struct ForeignCall {
    /// Of the operation.
    pub(super) id: &'static str,
    pub(super) summary: &'static str,
    pub(super) description: &'static str,
    /// What a good answer is.
    pub(super) answer: &'static str,
    /// Whose shape an error has.
    pub(super) shape: &'static str,
}

/// Describes a call whose body is a `B` and whose errors are an `E`.
pub(super) fn foreign<'o, B: JsonSchema, E: JsonSchema + Serialize>(
    operation: TransformOperation<'o>,
    call: ForeignCall,
) -> TransformOperation<'o> {
    operation
        .id(call.id)
        .summary(call.summary)
        .description(call.description)
        .input::<Headers<Hints>>()
        .input::<Headers<SubmitHeaders>>()
        .input::<Json<B>>()
        .response_with::<200, Json<Value>, _>(|answer| answer.description(call.answer))
        .default_response_with::<Json<E>, _>(|answer| {
            answer.description(&format!("The error in {} shape.", call.shape))
        })
        .security_requirement(API_KEY)
}

/// The document without its routes.
#[must_use]
pub fn frame() -> OpenApi {
    let description = "One door to all models: routed, governed, metered. \
                       OpenAI's clients work against /v1 with an `npt_…` key.";
    let info = Info {
        title: "Neptune".into(),
        version: env!("CARGO_PKG_VERSION").into(),
        description: Some(description.into()),
        ..Info::default()
    };
    OpenApi { info, ..OpenApi::default() }
}

pub(super) fn finish(document: TransformOpenApi<'_>) -> TransformOpenApi<'_> {
    let scheme = SecurityScheme::Http {
        scheme: "bearer".into(),
        bearer_format: Some("npt_<env>_<id>_<secret>_<checksum>".into()),
        description: Some("An API key of the team.".into()),
        extensions: Default::default(),
    };
    document.security_scheme(API_KEY, scheme)
}

/// OpenAPI has no sign for a parameter that takes the rest of a path: `{*id}` becomes `{id}`.
pub(super) fn name_rests_of_paths(document: &mut OpenApi) {
    let Some(paths) = &mut document.paths else { return };
    paths.paths = paths.paths.drain(..).map(|(path, item)| (path.replace("{*", "{"), item)).collect();
}

/// The document as text.
///
/// # Errors
/// It cannot be written as JSON.
pub fn render(document: &OpenApi) -> Result<String, serde_json::Error> {
    Ok(serde_json::to_string_pretty(document)? + "\n")
}

/// Serves the document, rendered once.
pub(super) fn router(document: &OpenApi) -> Router<Gate> {
    let text = Bytes::from(render(document).unwrap_or_default());
    let serve = move || async move { ([(header::CONTENT_TYPE, "application/json")], text) };
    Router::new().route("/openapi.json", get(serve))
}
