//! From a batch that is done to the ends of its tasks.

use super::{AT_A_TIME, Batches, Desk, Error, submit::written, tell};
use crate::domain::{
    answer::Answer,
    batch::{
        self,
        api::{self, Api, Line, Standing},
    },
    classify::another_may_succeed,
    failure::{Billed, Failure},
    finish::{self, Answered, Ending},
    output,
    step::End,
    wire,
};
use crate::provider::batches::Lines;
use futures::future::try_join_all;
use neptune_bus::{Collected, PublishError};
use neptune_contracts::{
    Timestamp,
    attempt::{Attempt, ErrorClass},
    batch::{Batch, BatchMember, BatchPhase},
    finished::TaskFinished,
    parked::Wait,
    resource::ModelSpec,
};
use serde_json::Value;
use std::collections::HashSet;

impl Batches {
    /// Looks at a batch that the provider has, and ends the tasks of one that is done.
    pub(super) async fn harvest(
        &self,
        desk: &mut Desk<'_>,
        (model, alive): (&ModelSpec, &[BatchMember]),
        batch: &Batch,
    ) -> Result<(), Error> {
        let BatchPhase::Submitted { upstream, since } = &batch.phase else { return Ok(()) };
        let Some(api) = api::of(model.provider) else {
            return self.give_up(desk, (batch, alive), &batch::missing()).await;
        };
        let looked = self.provider.ask_batches(model, api.look(upstream), None).await;
        match looked.and_then(|body| api.standing(&body)) {
            Ok(Standing::Ended(paths)) => match self.hand_out(desk, (model, alive), &paths).await? {
                Ok(()) => return self.over(desk, batch.id).await,
                Err(failure) => tell(batch, "results of a batch could not be read, trying again later", &failure),
            },
            Ok(Standing::Working) => {}
            // The provider does not know it any more.
            Err(failure) if failure.error.class == ErrorClass::Unsupported => {
                return self.give_up(desk, (batch, alive), &batch::missing()).await;
            }
            Err(failure) => tell(batch, "a batch could not be looked at, trying again later", &failure),
        }
        let now = Timestamp::now();
        let spec = model.batch.unwrap_or_default();
        if batch::is_overdue(*since, spec.within_seconds, now) {
            self.call_off(model, batch).await;
            return self.give_up(desk, (batch, alive), &batch::late()).await;
        }
        for member in alive {
            if batch::is_running_out(member.deadline, (model.timeout_ms, spec.poll_seconds), now) {
                self.put_back_member(desk, member, &batch::late()).await?;
            }
        }
        Ok(())
    }

    /// Ends the tasks of a batch that has ended. The inner error is the provider's: what is left is read later.
    async fn hand_out(
        &self,
        desk: &Desk<'_>,
        (model, alive): (&ModelSpec, &[BatchMember]),
        paths: &[String],
    ) -> Result<Result<(), Failure>, Error> {
        let Some(api) = api::of(model.provider) else { return Ok(Ok(())) };
        let mut told: HashSet<_> = HashSet::new();
        for path in paths {
            let mut lines = match self.provider.lines(model, api::results(path)).await {
                Ok(lines) => lines,
                Err(failure) => return Ok(Err(failure)),
            };
            loop {
                let (some, is_last) = some_of(&mut lines, api).await;
                told.extend(some.iter().map(|line| line.id));
                let mut ending = Vec::with_capacity(some.len());
                for line in some {
                    ending.push(self.hand_over(desk, model, line));
                }
                try_join_all(ending).await?;
                match is_last {
                    Ok(true) => break,
                    Ok(false) => {}
                    Err(failure) => return Ok(Err(failure)),
                }
            }
        }
        let left = if paths.is_empty() { batch::unbegun() } else { batch::missing() };
        for member in alive.iter().filter(|member| !told.contains(&member.attempt)) {
            self.put_back_member(desk, member, &left).await?;
        }
        Ok(Ok(()))
    }

    /// Ends the task of one item by what came out of it. One that is not there any more has ended before.
    async fn hand_over(&self, desk: &Desk<'_>, model: &ModelSpec, line: Line) -> Result<(), Error> {
        let Some(place) = desk.places.get(&line.id) else { return Ok(()) };
        let Some(collected) = self.bus.item(place).await? else { return Ok(()) };
        if collected.item.attempt != line.id {
            return Ok(());
        }
        let name = &desk.collection.model;
        let result = api::result(&line.said, wire::of(model.provider), name, Timestamp::now());
        let warnings = || written(&collected.item, (name, model)).map(|outgoing| outgoing.warnings).unwrap_or_default();
        let result = result.map(|answer| Answer { warnings: warnings(), ..answer });
        self.end(Some(model), &collected, result).await
    }

    /// Ends the task of an item, or puts it back where another call may do better.
    pub(super) async fn end(
        &self,
        model: Option<&ModelSpec>,
        collected: &Collected,
        result: Result<Answer, Failure>,
    ) -> Result<(), Error> {
        let (item, now) = (&collected.item, Timestamp::now());
        let Some(mut attempt) = batch::attempt(item, model, &result, now) else { return Ok(()) };
        let mut output = result.ok().map(|answer| answer.output);
        let checks = item.routed.task.output.as_ref().filter(|output| output.has_checks());
        if let (Some(output), Some(Ok(checks))) = (&mut output, checks.map(|checks| checks.checks())) {
            attempt.validation = Some(output::judge(output, &checks));
        }
        if let (true, Some(output)) = (attempt.serves(), &output) {
            let answered = Answered { output: output.clone(), by: attempt.id };
            let result = Ok(answered);
            return self
                .finish(
                    collected,
                    Ending { result, made: vec![attempt], started_at: item.collected_at, finished_at: now },
                )
                .await;
        }
        let is_mendable = attempt.error.as_ref().is_none_or(|error| another_may_succeed(error.class));
        if is_mendable && self.park(collected, std::slice::from_ref(&attempt), now).await? {
            return Ok(());
        }
        self.end_without(collected, (vec![attempt], output), now).await
    }

    pub(super) async fn put_back_member(
        &self,
        desk: &Desk<'_>,
        member: &BatchMember,
        failure: &Failure,
    ) -> Result<(), Error> {
        let Some(place) = desk.places.get(&member.attempt) else { return Ok(()) };
        let Some(collected) = self.bus.item(place).await? else { return Ok(()) };
        self.put_back(desk.model, &collected, Some(failure)).await
    }

    /// Puts a task back to be admitted and routed anew, with its attempt where the item was or may have been sent.
    pub(super) async fn put_back(
        &self,
        model: Option<&ModelSpec>,
        collected: &Collected,
        failure: Option<&Failure>,
    ) -> Result<(), Error> {
        let now = Timestamp::now();
        let made = failure.and_then(|failure| batch::attempt(&collected.item, model, &Err(failure.clone()), now));
        let made: Vec<Attempt> = made.into_iter().collect();
        if self.park(collected, &made, now).await? {
            return Ok(());
        }
        self.end_without(collected, (made, None), now).await
    }

    /// Parks a task for a moment; false where its deadline does not allow it.
    async fn park(&self, collected: &Collected, attempts: &[Attempt], now: Timestamp) -> Result<bool, Error> {
        let because = "its batch brought no answer that will do, so its model is called in the ordinary way";
        let task = &collected.item.routed.task;
        let Ok(parked) = task.park(&Wait { for_ms: 0, because, attempts, at_most_ms: u64::MAX }, now) else {
            return Ok(false);
        };
        self.bus.put_back(&parked, collected).await?;
        tracing::info!(task.id = %task.id, "a task comes back from its batch");
        Ok(true)
    }

    async fn end_without(
        &self,
        collected: &Collected,
        (made, last): (Vec<Attempt>, Option<Value>),
        now: Timestamp,
    ) -> Result<(), Error> {
        let task = &collected.item.routed.task;
        let is_over = task.constraints.deadline.is_some_and(|deadline| deadline.micros_since(now) < 1_000_000);
        let all: Vec<&Attempt> = task.attempts_before().iter().chain(&made).collect();
        let end = if is_over { End::Expired } else { End::Exhausted };
        let result = Err(finish::unanswered(end, &all, last));
        let started_at = collected.item.collected_at;
        self.finish(collected, Ending { result, made, started_at, finished_at: now }).await
    }

    /// Stores the fact, and takes the item out.
    pub(super) async fn finish(&self, collected: &Collected, ending: Ending) -> Result<(), Error> {
        let mut finished: TaskFinished = finish::finished(collected.item.routed.clone(), ending);
        let stored = match self.bus.finish_collected(&finished, collected).await {
            Err(error @ PublishError::TooLarge { .. }) if finished.output.is_some() => {
                finished = finish::without_output(finished, error.to_string());
                self.bus.finish_collected(&finished, collected).await?
            }
            stored => stored?,
        };
        let cost_pico_usd = finished.cost_usd.0;
        tracing::info!(task.id = %finished.id, outcome = finished.outcome.as_str(), cost_pico_usd, ?stored, "finished by its batch");
        Ok(())
    }

    /// Calls a batch off whose items nobody waits for. What it does not hear of costs what it costs.
    pub(super) async fn call_off(&self, model: &ModelSpec, batch: &Batch) {
        let (BatchPhase::Submitted { upstream, .. }, Some(api)) = (&batch.phase, api::of(model.provider)) else {
            return;
        };
        if let Err(failure) = self.provider.ask_batches(model, api.cancel(upstream), None).await {
            tell(batch, "a batch was not called off", &failure);
        }
    }
}

/// The next lines, and whether they are the last ones.
async fn some_of(lines: &mut Lines, api: &dyn Api) -> (Vec<Line>, Result<bool, Failure>) {
    let mut some = Vec::new();
    while some.len() < AT_A_TIME {
        match lines.next().await {
            Ok(Some(line)) => some.extend(api.line(&line)),
            Ok(None) => return (some, Ok(true)),
            Err(failure) => return (some, Err(failure)),
        }
    }
    (some, Ok(false))
}

/// The failure of a call that was called off, whose item may have been answered.
pub(super) fn unwanted() -> Failure {
    Failure::unwanted(0).billed(Billed::UpTo(0))
}
