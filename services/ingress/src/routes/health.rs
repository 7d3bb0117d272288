//! Liveness and readiness.

use crate::{
    Door,
    problem::{Fault, Shape},
};
use aide::transform::TransformOperation;
use axum::{
    extract::State,
    response::{IntoResponse as _, Response},
};

/// `GET /healthz`: the process is alive. Does not depend on the bus.
pub async fn alive() -> &'static str {
    "ok\n"
}

/// `GET /readyz`: tasks can be stored.
pub async fn ready(State(door): State<Door>) -> Response {
    if door.bus.is_connected() && !door.shutdown.is_cancelled() {
        "ready\n".into_response()
    } else {
        Fault::new(503, "service_unavailable", "not_ready", "the bus is not reachable").answer(Shape::Problem)
    }
}

pub(super) fn document_alive(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    operation.summary("Whether the process is alive")
}

pub(super) fn document_ready(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    operation.summary("Whether tasks can be stored")
}
