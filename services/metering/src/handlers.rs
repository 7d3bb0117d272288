//! One file per message.

mod attempt_failed;
mod delivery_attempted;
mod delivery_finished;
mod task_finished;

use crate::{
    Parts,
    domain::records::{Records, Unrecordable},
    writer::{MAX_BATCH, Writer},
};
use neptune_bus::{Bus, Incoming, Outcome};
use neptune_contracts::{
    Message,
    topology::{
        ConsumerSpec, METERING_DELIVERY_ATTEMPTED, METERING_DELIVERY_FINISHED, METERING_FAILED, METERING_FINISHED,
    },
};
use neptune_runtime::Shutdown;

/// Handled at a time per kind of message: one batch is committed while the next one fills.
const CONCURRENCY: usize = 2 * MAX_BATCH;

pub(crate) fn consume_all(parts: &mut Parts, bus: &Bus, writer: &Writer, shutdown: &Shutdown) {
    let world = World { bus: bus.clone(), writer: writer.clone(), shutdown: shutdown.clone() };
    world.consume(parts, &METERING_FINISHED, task_finished::records);
    world.consume(parts, &METERING_FAILED, attempt_failed::records);
    world.consume(parts, &METERING_DELIVERY_ATTEMPTED, delivery_attempted::records);
    world.consume(parts, &METERING_DELIVERY_FINISHED, delivery_finished::records);
}

struct World {
    bus: Bus,
    writer: Writer,
    shutdown: Shutdown,
}

type ToRecords<M> = fn(M) -> Result<Records, Unrecordable>;

impl World {
    fn consume<M: Message>(&self, parts: &mut Parts, spec: &'static ConsumerSpec, to_records: ToRecords<M>) {
        let (bus, writer, shutdown) = (self.bus.clone(), self.writer.clone(), self.shutdown.clone());
        parts.spawn(async move {
            let handle = move |incoming: Incoming<M>| {
                let (writer, records) = (writer.clone(), to_records(incoming.message));
                async move {
                    match records {
                        Ok(records) => writer.write(records).await,
                        Err(error) => Outcome::Reject { reason: error.to_string() },
                    }
                }
            };
            Ok(bus.consume(spec, CONCURRENCY, &shutdown, handle).await?)
        });
    }
}
