//! One file per message.

mod attempt_failed;
mod delivery_attempted;
mod delivery_finished;
mod feedback_given;
mod run_changed;
mod run_finished;
mod task_finished;

use crate::{
    Parts,
    domain::records::{Records, Unrecordable},
    writer::{MAX_BATCH, Writer},
};
use neptune_bus::{Incoming, Outcome};
use neptune_contracts::{
    Message,
    topology::{
        ConsumerSpec, METERING_DELIVERY_ATTEMPTED, METERING_DELIVERY_FINISHED, METERING_FAILED, METERING_FEEDBACK,
        METERING_FINISHED, METERING_RUN_CHANGED, METERING_RUN_FINISHED,
    },
};

/// Handled at a time per kind of message: one batch is committed while the next one fills.
const CONCURRENCY: usize = 2 * MAX_BATCH;

pub(crate) fn consume_all(parts: &mut Parts, writer: &Writer) {
    consume(parts, &METERING_FINISHED, writer, task_finished::records);
    consume(parts, &METERING_FAILED, writer, attempt_failed::records);
    consume(parts, &METERING_DELIVERY_ATTEMPTED, writer, delivery_attempted::records);
    consume(parts, &METERING_DELIVERY_FINISHED, writer, delivery_finished::records);
    consume(parts, &METERING_FEEDBACK, writer, feedback_given::records);
    consume(parts, &METERING_RUN_CHANGED, writer, run_changed::records);
    consume(parts, &METERING_RUN_FINISHED, writer, run_finished::records);
}

type ToRecords<M> = fn(M) -> Result<Records, Unrecordable>;

fn consume<M: Message>(parts: &mut Parts, spec: &'static ConsumerSpec, writer: &Writer, to_records: ToRecords<M>) {
    parts.consume(spec, CONCURRENCY, writer, move |writer: Writer, incoming: Incoming<M>| {
        let records = to_records(incoming.message);
        async move {
            match records {
                Ok(records) => writer.write(records).await,
                Err(error) => Outcome::Reject { reason: error.to_string() },
            }
        }
    });
}
