//! Publishes copies of tasks for models that do them unseen, off the path of the tasks.

use crate::{
    domain::shadow::{copy, cost},
    statistics::Store,
};
use neptune_bus::{Bus, Cause};
use neptune_contracts::{
    PicoUsd, Timestamp,
    admission::{Admission, Task},
    plan::Explanation,
    resource::{Resources, ShadowSpec},
    task::TaskSubmitted,
};
use std::sync::Arc;
use tokio::sync::mpsc;

/// Copies that wait to be published; more are dropped, because tasks go first.
const WAITING: usize = 256;

/// Where copies are handed in.
#[derive(Clone, Debug)]
pub struct Shadows {
    waiting: mpsc::Sender<Copy>,
}

#[derive(Debug)]
struct Copy {
    task: TaskSubmitted,
    route: String,
    cost: PicoUsd,
    cap: PicoUsd,
}

impl Shadows {
    /// The place, and the work behind it, which ends when the place is gone.
    pub fn new(bus: Bus, store: Arc<Store>) -> (Self, impl Future<Output = ()> + Send) {
        let (waiting, mut queue) = mpsc::channel::<Copy>(WAITING);
        let work = async move {
            while let Some(copy) = queue.recv().await {
                publish(&bus, &store, copy).await;
            }
        };
        (Self { waiting }, work)
    }

    /// Hands in the copies of a routed task for the models that its explanation names.
    pub fn hand_in(
        &self,
        (task, admission): (&Task, &Admission),
        route: &Explanation,
        (spec, resources): (&ShadowSpec, &Resources),
    ) {
        for model in &route.shadows {
            let Some(cost) = cost(task, route, model, resources) else { continue };
            let handed_in = self.waiting.try_send(Copy {
                task: copy(task, admission, route, model, cost),
                route: route.route.clone(),
                cost,
                cap: spec.max_cost_usd_per_day,
            });
            if handed_in.is_err() {
                tracing::debug!(task.id = %task.id, model.id = model, "too many copies wait; this one is left out");
            }
        }
    }
}

/// Without Redis nobody knows what copies cost today, so none is made.
async fn publish(bus: &Bus, store: &Store, copy: Copy) {
    let Some(id) = copy.task.id else { return };
    match store.reserve_shadow((&copy.route, id), (copy.cost, copy.cap), Timestamp::now()).await {
        Ok(true) => {}
        Ok(false) => {
            tracing::debug!(task.id = %id, route = copy.route, "copies have cost what they may today");
            return;
        }
        Err(error) => {
            tracing::debug!(%error, "nobody knows what copies have cost today; none is made");
            return;
        }
    }
    // A beginning of its own: the task's accept and its caller's inbox are no business of the copy.
    match bus.publish(&copy.task, &Cause::root()).await {
        Ok(published) => tracing::debug!(task.id = %id, duplicate = published.duplicate, "copied a task"),
        Err(error) => {
            tracing::warn!(task.id = %id, error = &error as &dyn std::error::Error, "a copy could not be published");
        }
    }
}
