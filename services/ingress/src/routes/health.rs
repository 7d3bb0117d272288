//! For whoever starts, watches and balances the process.

use crate::{
    gate::Gate,
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
pub async fn ready(State(gate): State<Gate>) -> Response {
    match check(&gate) {
        Ok(()) => "ready\n".into_response(),
        Err(fault) => fault.answer(Shape::Problem),
    }
}

fn check(gate: &Gate) -> Result<(), Fault> {
    let door = gate.door()?;
    if door.shutdown.is_cancelled() {
        return Err(Fault::unavailable("stopping", "the ingress is stopping; another one will answer"));
    }
    if !door.bus.is_connected() {
        return Err(Fault::unavailable("bus_unavailable", "the bus is not reachable"));
    }
    if let Some(why) = door.refused.why() {
        let text =
            format!("the last task could not be stored: {why}; look into the broker's log, its disk may be full");
        return Err(Fault::unavailable("not_storing", text));
    }
    Ok(())
}

pub(super) fn document_alive(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    operation.id("healthz").summary("Whether the process is alive")
}

pub(super) fn document_ready(operation: TransformOperation<'_>) -> TransformOperation<'_> {
    operation
        .id("readyz")
        .summary("Whether tasks can be stored")
        .response_with::<200, String, _>(|answer| answer.description("The bus is reached and the resources are read."))
}
