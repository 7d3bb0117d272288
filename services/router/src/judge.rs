//! Has a sample of answers judged by a model, and tells what it said. The question is known when a task is
//! routed, the answer when it has ended, perhaps to another replica: meanwhile Redis has the question.

use crate::{
    domain::judge::{answer, feedback, judgement, judgement_id, question},
    statistics::{Asker, Store},
};
use neptune_bus::{Bus, Cause, PublishError};
use neptune_contracts::{Timestamp, admission::Task, finished::TaskFinished, resource::Resources};
use redis::RedisError;
use std::sync::Arc;
use tokio::sync::{mpsc, watch};

/// Questions that wait to be kept; more are dropped, because tasks go first.
const WAITING: usize = 256;

/// Where questions are handed in when tasks are routed.
#[derive(Clone, Debug)]
pub struct Questions {
    waiting: mpsc::Sender<(Asker, String)>,
}

impl Questions {
    /// The place, and the work behind it, which ends when the place is gone.
    pub fn new(store: Arc<Store>) -> (Self, impl Future<Output = ()> + Send) {
        let (waiting, mut queue) = mpsc::channel::<(Asker, String)>(WAITING);
        let work = async move {
            while let Some((asker, question)) = queue.recv().await {
                match store.keep_question(&asker, &question, Timestamp::now()).await {
                    Ok(true) => {}
                    Ok(false) => tracing::debug!(task.id = %asker.task, "too many questions wait; it is not judged"),
                    Err(error) => {
                        tracing::debug!(%error, task.id = %asker.task, "its question is lost; it is not judged")
                    }
                }
            }
        };
        (Self { waiting }, work)
    }

    /// Hands in what `task` asks; whether it can be judged.
    #[must_use]
    pub fn hand_in(&self, task: &Task) -> bool {
        let asker = Asker { team: task.team.clone(), origin: task.origin, task: task.id };
        question(task).is_some_and(|question| self.waiting.try_send((asker, question)).is_ok())
    }
}

/// What becomes of tasks that have ended.
#[derive(Clone)]
pub struct Judges {
    /// Where judgements are submitted and what they say is told.
    pub bus: Bus,
    /// Where the questions are.
    pub store: Arc<Store>,
    /// The resources in force.
    pub resources: watch::Receiver<Arc<Resources>>,
}

#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("redis does not answer")]
    Redis(#[from] RedisError),
    #[error("the broker does not take it")]
    Publish(#[from] PublishError),
}

impl Judges {
    /// Has the answers judged that were drawn, and tells what judges said. Again it changes nothing. What
    /// fails is left out: no task and nothing else that is learnt waits for a sample.
    pub async fn see_to(&self, finished: &[&TaskFinished]) {
        for fact in finished {
            if let Err(error) = self.see_to_one(fact).await {
                tracing::warn!(task.id = %fact.id, error = &error as &dyn std::error::Error, "a judgement is left out");
            }
        }
    }

    async fn see_to_one(&self, fact: &TaskFinished) -> Result<(), Error> {
        if let Some(feedback) = feedback(fact) {
            let published = self.bus.publish(&feedback, &Cause::root()).await?;
            tracing::debug!(task.id = %feedback.task, duplicate = published.duplicate, "an answer was judged");
        }
        if fact.route.as_ref().is_some_and(|route| route.judged_by.is_some()) {
            let asker = Asker { team: fact.team.clone(), origin: fact.origin, task: fact.id };
            self.have_judged(fact, &asker).await?;
            // Only now: whoever takes over after a crash finds it, and the judgement is the same one.
            self.store.forget_question(&asker).await?;
        }
        Ok(())
    }

    async fn have_judged(&self, fact: &TaskFinished, asker: &Asker) -> Result<(), Error> {
        let (Some((judge, text)), Some(route)) = (answer(fact), fact.route.as_ref()) else { return Ok(()) };
        let resources = self.resources.borrow().clone();
        let spec = resources.routes.get(&route.route).and_then(|route| route.judge.as_ref());
        let Some((spec, model)) = spec.zip(resources.models.get(judge)) else { return Ok(()) };
        let Some(question) = self.store.question(asker).await? else { return Ok(()) };
        let Some((task, cost)) = judgement(fact, &question, (judge, text), model) else { return Ok(()) };
        let (id, money) = (judgement_id(fact.origin, fact.id), (cost, spec.max_cost_usd_per_day));
        if !self.store.reserve_judgement((&route.route, id), money, Timestamp::now()).await? {
            tracing::debug!(task.id = %id, route = route.route, "judgements have cost what they may today");
            return Ok(());
        }
        // A beginning of its own: nobody who asked hears of it.
        let published = self.bus.publish(&task, &Cause::root()).await?;
        tracing::debug!(task.id = %id, duplicate = published.duplicate, "an answer goes to its judge");
        Ok(())
    }
}
