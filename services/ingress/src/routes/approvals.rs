//! `/v1/approvals/{token}`: a page by which whoever got a link answers an approval.
//!
//! `GET` shows what is asked and decides nothing, because mail scanners follow links; `POST` decides. The first
//! decision counts: all that are made by links of one step are the same input of its run, which is stored once.

use crate::{
    domain::{
        approval::{self, Decision, Standing},
        run,
    },
    gate::{Door, Gate},
};
use axum::{
    Form,
    extract::{FromRequest as _, Path, Request, State},
    http::{HeaderValue, StatusCode, header},
    response::{Html, IntoResponse as _, Response},
};
use neptune_bus::{Cause, RequestError};
use neptune_contracts::{
    Timestamp,
    approval::{APPROVAL_EVENT, ApprovalLink, LinkError},
    query::run::{RunQuery, RunView},
    run::input::RunWish,
};
use serde_json::json;

/// Nothing is kept, framed or told to other sites, and nothing but the form is done by the page.
const HEADERS: [(header::HeaderName, &str); 5] = [
    (header::CACHE_CONTROL, "no-store"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    ),
];
const NOT_NOW: &str = "The approval cannot be read right now; try the link again in a minute.";

/// A page and its status.
type Page = (StatusCode, String);

/// `GET /v1/approvals/{token}`.
pub async fn show(State(gate): State<Gate>, Path(token): Path<String>) -> Response {
    answer(show_page(&gate, &token).await)
}

async fn show_page(gate: &Gate, token: &str) -> Result<Page, Page> {
    let (door, link) = open(gate, token)?;
    let view = view(door, &link).await?;
    Ok((StatusCode::OK, approval::page(&view, &approval::standing(&link, &view), &[])))
}

/// `POST /v1/approvals/{token}`.
pub async fn decide(State(gate): State<Gate>, Path(token): Path<String>, request: Request) -> Response {
    answer(decide_page(&gate, &token, request).await)
}

async fn decide_page(gate: &Gate, token: &str, request: Request) -> Result<Page, Page> {
    let (door, link) = open(gate, token)?;
    let view = view(door, &link).await?;
    let standing = approval::standing(&link, &view);
    if !matches!(standing, Standing::Asked(_)) {
        return Err((StatusCode::CONFLICT, approval::page(&view, &standing, &[])));
    }
    let form = Form::<Decision>::from_request(request, &()).await;
    let Form(decision) =
        form.map_err(|_| notice(StatusCode::BAD_REQUEST, "The form cannot be read; open the link again."))?;
    let data = approval::answer(&link, &decision)
        .map_err(|faults| (StatusCode::BAD_REQUEST, approval::page(&view, &standing, &faults)))?;
    let told = approval::told(&data);
    if !store(door, &link, data).await? {
        let text = "This was answered already; open the link again to see how.";
        return Err(notice(StatusCode::CONFLICT, text));
    }
    tracing::info!(run.id = %link.run, delivery.id = %link.delivery, "an approval was answered by its link");
    Ok(notice(StatusCode::OK, &format!("Thank you. This is {told}.")))
}

/// Stores the answer. False when a link of this step was used before.
async fn store(door: &Door, link: &ApprovalLink, data: serde_json::Value) -> Result<bool, Page> {
    let name = format!("approval/{}", link.instance);
    let event = json!({
        "id": name,
        "specversion": "1.0",
        "type": APPROVAL_EVENT,
        "source": format!("/approvals/{}", link.delivery),
        "time": Timestamp::now(),
        "datacontenttype": "application/json",
        "data": data,
    });
    let input = run::input(link.run, &link.team, &name, RunWish::Signal { event });
    door.bus.publish_once(&input, &Cause::root()).await.map_err(|error| {
        tracing::warn!(error = &error as &dyn std::error::Error, "the answer to an approval is not stored");
        notice(StatusCode::SERVICE_UNAVAILABLE, "The answer could not be stored; send it again in a minute.")
    })
}

/// The link of a token.
fn open<'g>(gate: &'g Gate, token: &str) -> Result<(&'g Door, ApprovalLink), Page> {
    let door = gate.door().map_err(|_| notice(StatusCode::SERVICE_UNAVAILABLE, NOT_NOW))?;
    let signer = door.approvals.as_ref().ok_or_else(|| {
        notice(StatusCode::NOT_FOUND, "Approvals by link are not set up here (NEPTUNE_APPROVAL_SECRET).")
    })?;
    let link = signer.read(token, Timestamp::now()).map_err(|error| {
        let status = if error == LinkError::Expired { StatusCode::GONE } else { StatusCode::NOT_FOUND };
        notice(status, &format!("Sorry: {error}."))
    })?;
    Ok((door, link))
}

async fn view(door: &Door, link: &ApprovalLink) -> Result<RunView, Page> {
    let query = RunQuery { id: link.run, team: Some(link.team.clone()) };
    door.bus.request(&query).await.map_err(|error| match error {
        RequestError::Refused(refused) if refused.code == "not_found" => {
            notice(StatusCode::GONE, "The run of this link is not kept any more.")
        }
        error => {
            tracing::debug!(run.id = %link.run, error = &error as &dyn std::error::Error, "a run cannot be read");
            notice(StatusCode::SERVICE_UNAVAILABLE, NOT_NOW)
        }
    })
}

fn notice(status: StatusCode, text: &str) -> Page {
    (status, approval::notice(text))
}

fn answer(page: Result<Page, Page>) -> Response {
    let (status, body) = page.unwrap_or_else(|page| page);
    let mut response = (status, Html(body)).into_response();
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}
