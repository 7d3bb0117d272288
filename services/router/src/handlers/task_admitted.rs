//! A task may go on: choose its models.

use super::{cached::Lookup, parking::Parked};
use crate::{
    board::Board,
    cache::Cache,
    domain::{
        circuit::State,
        decide::{Decision, Refusal, decide},
        filter::{Snapshot, state},
        judge::judge,
        keep::Held,
        outlook::{Outlook, Tempo},
        session::{lot, session},
        shadow::shadows,
    },
    judge::Questions,
    sessions::Visit,
    shadow::Shadows,
    words::Wordings,
};
use neptune_bus::{Accept, Bus, Cause, Incoming, Outcome, PublishError};
use neptune_contracts::{
    Timestamp,
    admission::TaskAdmitted,
    finished::TaskFinished,
    plan::{Plan, TaskRouted},
    resource::Resources,
};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::watch;

/// What the handler works with.
pub struct TaskAdmittedHandler {
    /// The bus.
    pub bus: Bus,
    /// The resources in force.
    pub resources: watch::Receiver<Arc<Resources>>,
    /// What this replica knows about models.
    pub board: Arc<Board>,
    /// Where tasks that asked for it are found again.
    pub cache: Cache,
    /// The longest that a task without a deadline waits for a model with room, in milliseconds.
    pub park_at_most_ms: u64,
    /// Where copies for other models are handed in.
    pub shadows: Shadows,
    /// Where the words of tasks are handed in.
    pub wordings: Wordings,
    /// Where questions are handed in whose answers will be judged.
    pub questions: Questions,
}

/// Publishes the plan, or finishes the task when there is none.
pub async fn handle(handler: Arc<TaskAdmittedHandler>, incoming: Incoming<TaskAdmitted>) -> Outcome {
    let cause = incoming.cause();
    let Some(accept) = incoming.accept().cloned() else {
        return Outcome::Reject { reason: "the task came without its accept".into() };
    };
    let admitted = incoming.message;
    let task = admitted.task.id;
    let lookup = handler.lookup(&admitted);
    match handler.settle(admitted, lookup.as_ref(), (&accept, &cause)).await {
        Ok(()) => Outcome::HandedOn,
        Err(error) => {
            tracing::warn!(task.id = %task, error = &error as &dyn std::error::Error, "left to be handed out again");
            Outcome::Retry { after: Duration::ZERO }
        }
    }
}

impl TaskAdmittedHandler {
    async fn settle(
        &self,
        admitted: TaskAdmitted,
        lookup: Option<&Lookup>,
        (accept, cause): (&Accept, &Cause),
    ) -> Result<(), PublishError> {
        let mut vector = None;
        if let Some(lookup) = lookup {
            let (finished, asked_for) = self.find(&admitted, lookup).await;
            if let Some(finished) = finished {
                return self.serve(&finished, (accept, cause)).await;
            }
            vector = asked_for;
        }
        let task = admitted.task.id;
        match self.decide(&admitted) {
            (Decision::Refuse(mut refusal), decided_in_us) => {
                match self.park(&admitted.task, &refusal, (accept, cause)).await? {
                    Parked::Waits => return Ok(()),
                    Parked::Not(reason) => refusal.add(reason.as_deref()),
                }
                return self.refuse(admitted, *refusal, decided_in_us, (accept, cause)).await;
            }
            (Decision::Route(plan), decided_in_us) => self.route(admitted, *plan, decided_in_us, cause).await?,
        }
        if let Some(lookup) = lookup {
            self.keep(task, lookup, vector.as_deref()).await;
        }
        Ok(())
    }

    fn decide(&self, admitted: &TaskAdmitted) -> (Decision, u64) {
        let (resources, statistics) = (self.resources.borrow().clone(), self.board.statistics());
        let (circuits, headroom) = (self.board.circuits(), self.board.headroom());
        let trials = self.board.trials();
        let (cells, words, team) = (self.board.cells(), self.board.words(), &admitted.task.team);
        let checks = self.board.checks();
        let seen = self.board.tempos.see(&admitted.admission.pace);
        let tempo = seen.as_ref().map(|(factor, from)| Tempo { factor: *factor, from });
        let now = Timestamp::now();
        let now_ms = now.unix_micros() / 1_000;
        let session = session(&admitted.task).map(|_| lot(&admitted.task));
        let held = session.and_then(|lot| self.board.sessions.held(lot, now_ms));
        let held = held.as_ref().map(|(model, ago_ms)| Held { model, ago_ms: *ago_ms });
        let snapshot = Snapshot {
            resources: &resources,
            statistics: &statistics,
            circuits: &circuits,
            headroom: &headroom,
            cells: &cells,
            may_explore: self.board.may_explore(team),
            may_hedge: self.board.may_hedge(),
            outlook: Outlook {
                rebuilding: self.board.is_rebuilding(),
                tempo,
                held,
                words: Some(&words),
                trials: Some(&trials),
                checks: Some(&checks),
            },
            now,
        };
        let clock = Instant::now();
        let decision = decide(&admitted.task, &admitted.admission, &snapshot);
        if let Decision::Route(plan) = &decision {
            self.board.decided(team, plan.explanation.learning.as_ref().is_some_and(|learning| learning.explored));
            let first = plan.attempts.first().map(|attempt| attempt.model.as_str());
            if let Some(model) = first.filter(|model| state(model, &snapshot) == State::Recovering) {
                self.board.tries(model, now_ms);
            }
            if let Some((lot, model)) = session.zip(first) {
                self.board.sessions.visit(Visit { lot, model: model.into(), at_ms: now_ms });
            }
        }
        (decision, u64::try_from(clock.elapsed().as_micros()).unwrap_or(u64::MAX))
    }

    async fn route(
        &self,
        admitted: TaskAdmitted,
        mut plan: Plan,
        decided_in_us: u64,
        cause: &Cause,
    ) -> Result<(), PublishError> {
        plan.explanation.decided_in_us = decided_in_us;
        let TaskAdmitted { task, admission } = admitted;
        let resources = self.resources.borrow().clone();
        let spec = resources.routes.get(&plan.explanation.route).and_then(|route| route.shadow.as_ref());
        if let Some((spec, first)) = spec.zip(plan.attempts.first()) {
            plan.explanation.shadows = shadows(&task, &admission, &first.model, spec);
        }
        let judge_spec = resources.routes.get(&plan.explanation.route).and_then(|route| route.judge.as_ref());
        let judge = judge_spec.and_then(|spec| judge(&task, &admission, spec));
        // Before the task is handed on, so that its question is there when it ends.
        plan.explanation.judged_by = judge.filter(|_| self.questions.hand_in(&task));
        let routed = TaskRouted { task, admission, plan, attempts_made: Vec::new() };
        self.bus.hand_on(&routed, cause).await?;
        self.wordings.hand_in(&routed.task, &routed.admission);
        if let Some(spec) = spec {
            let explanation = &routed.plan.explanation;
            self.shadows.hand_in((&routed.task, &routed.admission), explanation, (spec, &resources));
        }
        let model = routed.plan.attempts.first().map_or("", |attempt| attempt.model.as_str());
        tracing::info!(task.id = %routed.task.id, model.id = model, decided_in_us, "routed a task");
        Ok(())
    }

    async fn refuse(
        &self,
        admitted: TaskAdmitted,
        refusal: Refusal,
        decided_in_us: u64,
        (accept, cause): (&Accept, &Cause),
    ) -> Result<(), PublishError> {
        let now = Timestamp::now();
        let (outcome, code) = (refusal.outcome, refusal.error.code.clone());
        let mut finished = TaskFinished::without_attempts(&admitted.task, outcome, refusal.error, now);
        finished.times.admitted_at = Some(admitted.admission.admitted_at);
        finished.times.routed_at = Some(now);
        finished.admission = Some(admitted.admission);
        finished.route = refusal.explanation.map(|mut explanation| {
            explanation.decided_in_us = decided_in_us;
            explanation
        });
        finished.task_type = finished.route.as_ref().map(|explanation| explanation.task_type).or(finished.task_type);
        self.bus.finish(&finished, accept, cause).await?;
        tracing::info!(task.id = %finished.id, outcome = outcome.as_str(), error.code = code, decided_in_us, "no model for a task");
        Ok(())
    }
}
