//! Doing what a run asks for. All of it may be done twice.

use super::{Runs, carry::Fault};
use crate::domain::run::{Step, approval, class, course::Course, deeds::Deed, event, finish, model, notify};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use neptune_bus::{BusError, Cause, PublishError};
use neptune_contracts::{
    Timestamp,
    delivery::DeliveryRequested,
    feedback::{FeedbackBy, FeedbackGiven},
    ids::{FeedbackId, TaskId},
    names::Origin,
    run::{
        MAX_DEPTH, ParentRef, RunSubmitted,
        call::RunCall,
        finished::RunFinished,
        input::{RunInput, RunWish},
        timer::RunTimer,
    },
};
use neptune_workflow::{
    definition::{Builtin, Function, Reference},
    run::{Answer, Instance, Problem, Request, Sensitivity, Standard},
};
use serde_json::{Value, json};

/// So much is done at a time.
const AT_ONCE: usize = 256;

/// What doing something came to.
enum Done {
    /// It is asked for; its answer comes.
    Asked,
    /// This is the answer.
    Answered(Answer),
}

impl Runs {
    /// Does what a run asks for; `is_again` when some of it may have been asked for before. Returns the sequence
    /// before which all timers that were set are stored, 0 when none was.
    pub(super) async fn perform(&self, course: &Course, deeds: Vec<Deed>, is_again: bool) -> Result<u64, Fault> {
        let doing = stream::iter(deeds).map(|deed| Ok(Box::pin(self.perform_one(course, deed, is_again))));
        let done =
            doing.try_buffer_unordered(AT_ONCE).try_fold(0, |most, before| std::future::ready(Ok(before.max(most))));
        done.await.map_err(Fault::Publish)
    }

    async fn perform_one(&self, course: &Course, deed: Deed, is_again: bool) -> Result<u64, PublishError> {
        if let Deed::Set { timer, due_ms } = deed {
            let (timer, due_at) = (timer.to_string(), finish::timestamp(due_ms));
            let timer = RunTimer { run: course.id, team: course.team.clone(), timer, due_at };
            return self.bus.set_timer(&timer).await.map(|sequence| sequence + 1);
        }
        self.perform_other(course, deed, is_again).await.map(|()| 0)
    }

    async fn perform_other(&self, course: &Course, deed: Deed, is_again: bool) -> Result<(), PublishError> {
        match deed {
            Deed::Ask { instance, request } => self.ask(course, instance, &request, is_again).await,
            Deed::Cut { instance, request } => self.cut(course, instance, &request).await,
            Deed::Set { .. } => Ok(()),
            Deed::Clear { timer } => {
                self.clear(course, Some(timer.to_string())).await;
                Ok(())
            }
            Deed::Emit { instance, event } => {
                let event = event::published(course, instance, &event).map_err(PublishError::Encode)?;
                self.bus.publish(&event, &Cause::root()).await.map(drop)
            }
            Deed::Tell { state, change, at_ms } => {
                let changed = finish::changed(course, state, (change, at_ms));
                self.bus.publish(&changed, &Cause::root()).await.map(drop)
            }
            Deed::End { ending } => {
                match course.timers_before {
                    Some(0) => {}
                    Some(before) => self.clear_soon((&course.team, course.id), before),
                    None => self.clear(course, None).await,
                }
                self.forget_listening(course).await;
                let reply_to = course.made_of.reply_to.as_deref();
                self.end(&finish::finished(course, &ending), course.run.sensitivity, reply_to).await?;
                match &course.made_of.gate {
                    Some(gate) => {
                        let left = self.leave(&gate.name, (course.id, course.turn)).await;
                        left.map_err(|fault| PublishError::Broker(fault.into()))
                    }
                    None => Ok(()),
                }
            }
        }
    }

    /// A timer that cannot be taken back fires later, and is not waited for then.
    async fn clear(&self, course: &Course, timer: Option<String>) {
        let cleared = self.bus.clear_timers(&course.team, course.id, timer.as_deref()).await;
        if let Err(error) = cleared {
            tracing::debug!(run.id = %course.id, error = &error as &dyn std::error::Error, "a timer is left to fire in vain");
        }
    }

    /// What is not forgotten costs whoever reads an event a look in vain.
    async fn forget_listening(&self, course: &Course) {
        if !course.has_listened() {
            return;
        }
        if let Err(error) = self.bus.forget_listener(&course.team, (course.id, course.turn)).await {
            tracing::debug!(run.id = %course.id, error = &error as &dyn std::error::Error, "a run that has ended is still noted to listen");
        }
    }

    /// Stores the end of a run that was so sensitive, and tells the run whose step it was.
    pub(crate) async fn end(
        &self,
        fact: &RunFinished,
        sensitivity: Sensitivity,
        reply_to: Option<&str>,
    ) -> Result<(), PublishError> {
        tracing::info!(run.id = %fact.id, workflow = fact.workflow, outcome = fact.outcome.as_str(), cost_pico_usd = fact.cost_usd.0, "a run has ended");
        self.bus.finish_run(fact, reply_to).await?;
        match &fact.parent {
            Some(parent) if parent.is_awaited => {
                let answer = serde_json::to_value(finish::answer(fact, sensitivity)).map_err(PublishError::Encode)?;
                let input = RunInput::answered(parent.run, fact.team.clone(), parent.instance, answer);
                self.bus.publish_once(&input, &Cause::root()).await.map(drop)
            }
            _ => Ok(()),
        }
    }

    async fn ask(
        &self,
        course: &Course,
        instance: Instance,
        request: &Request,
        is_again: bool,
    ) -> Result<(), PublishError> {
        // What comes out of a redaction alone is not as sensitive as the run.
        let class = class::of(request.lowered.unwrap_or(request.sensitivity));
        let step = Step { run: course.id, team: &course.team, made_of: &course.made_of, instance, class };
        let asked = match &request.function {
            Function::Builtin(Builtin::Model) => self.ask_model(&step, request).await,
            Function::Builtin(Builtin::Notify) => match notify::delivery(&step, request, Timestamp::now()) {
                Ok(delivery) => self.deliver(DeliveryRequested { delivery }).await,
                Err(problem) => Ok(refused(problem)),
            },
            Function::Builtin(Builtin::Approval) => match approval::message(&step, request, Timestamp::now()) {
                Ok(Some(delivery)) => self.deliver(DeliveryRequested { delivery }).await,
                Ok(None) => Ok(Done::Asked),
                Err(problem) => Ok(refused(problem)),
            },
            Function::Builtin(Builtin::Feedback) => self.give_feedback(course, instance, request).await,
            Function::Workflow(workflow) => self.ask_workflow(&step, workflow, request).await,
            Function::Http | Function::Openapi | Function::Builtin(Builtin::Redact) => {
                self.ask_call(&step, request, is_again).await
            }
            Function::Own(_) | Function::Remote(_) => {
                let detail = format!("{} calls a function that cannot be called from here", request.step);
                Ok(refused(Problem::new(Standard::Configuration, detail)))
            }
        }?;
        match asked {
            Done::Asked => Ok(()),
            Done::Answered(answer) if request.is_awaited => self.answer(course, instance, &answer).await,
            Done::Answered(_) => Ok(()),
        }
    }

    /// Answers a step whose call needs nobody else.
    async fn answer(&self, course: &Course, instance: Instance, answer: &Answer) -> Result<(), PublishError> {
        let answer = serde_json::to_value(answer).map_err(PublishError::Encode)?;
        let input = RunInput::answered(course.id, course.team.clone(), instance, answer);
        self.bus.publish_once(&input, &Cause::root()).await.map(drop)
    }

    async fn ask_model(&self, step: &Step<'_>, request: &Request) -> Result<Done, PublishError> {
        match model::task(step, request) {
            Ok(task) => self.bus.publish(&task, &Cause::root()).await.map(|_| Done::Asked),
            Err(problem) => Ok(refused(problem)),
        }
    }

    async fn deliver(&self, requested: DeliveryRequested) -> Result<Done, PublishError> {
        self.bus.publish(&requested, &Cause::root()).await.map(|_| Done::Asked)
    }

    async fn ask_call(&self, step: &Step<'_>, request: &Request, again: bool) -> Result<Done, PublishError> {
        let request = serde_json::to_value(request).map_err(PublishError::Encode)?;
        let call = RunCall { run: step.run, team: step.team.clone(), instance: step.instance, request, again };
        self.bus.publish(&call, &Cause::root()).await.map(|_| Done::Asked)
    }

    async fn ask_workflow(
        &self,
        step: &Step<'_>,
        workflow: &Reference,
        request: &Request,
    ) -> Result<Done, PublishError> {
        let depth = step.made_of.parent.as_ref().map_or(0, |parent| parent.depth) + 1;
        if depth > MAX_DEPTH {
            let detail = format!("workflows run each other more than {MAX_DEPTH} levels deep; does one run itself?");
            return Ok(refused(Problem::new(Standard::Configuration, detail)));
        }
        let parent = ParentRef { run: step.run, instance: step.instance, depth, is_awaited: request.is_awaited };
        let submitted = RunSubmitted {
            id: Some(step.run.child(step.instance)),
            team: Some(step.team.clone()),
            origin: Origin::Run,
            key: step.made_of.key.clone(),
            workflow: format!("{}/{}:{}", workflow.namespace, workflow.name, workflow.version),
            input: request.arguments.clone(),
            metadata: step.made_of.metadata.clone(),
            tags: step.made_of.tags.clone(),
            parent: Some(parent),
            idempotency_key: None,
            priority: Some(step.made_of.priority).filter(|priority| *priority != 0),
            start: None,
            class: step.class,
        };
        self.bus.publish(&submitted, &Cause::root()).await.map(|_| Done::Asked)
    }

    async fn give_feedback(
        &self,
        course: &Course,
        instance: Instance,
        request: &Request,
    ) -> Result<Done, PublishError> {
        let (task, score, by) = match judged(&request.arguments) {
            Ok(judged) => judged,
            Err(problem) => return Ok(refused(problem)),
        };
        let id = FeedbackId::derive(course.id.0, &format!("feedback.{instance}"));
        let given = FeedbackGiven {
            id,
            team: Some(course.team.clone()),
            task,
            score,
            by,
            given_at: finish::timestamp(course.last_ms),
        };
        self.bus.publish(&given, &Cause::root()).await?;
        Ok(Done::Answered(Answer::output(json!({"feedback": id, "task": task, "score": score}))))
    }

    async fn cut(&self, course: &Course, instance: Instance, request: &Request) -> Result<(), PublishError> {
        let broker = |error: BusError| PublishError::Broker(error.into());
        match &request.function {
            Function::Workflow(_) => {
                let what = RunWish::Cancel { reason: format!("the run {} does not want it any more", course.id) };
                let (run, id) = (course.id.child(instance), "parent".to_owned());
                let input = RunInput { run, team: course.team.clone(), id, what };
                self.bus.publish_once(&input, &Cause::root()).await.map(drop)
            }
            Function::Builtin(Builtin::Model | Builtin::Redact) | Function::Http | Function::Openapi => {
                self.bus.cancel(&course.team, course.id.task(instance)).await.map_err(broker)
            }
            _ => Ok(()),
        }
    }
}

fn refused(problem: Problem) -> Done {
    Done::Answered(Answer::problem(problem))
}

/// What feedback is about, and what it says.
fn judged(arguments: &Value) -> Result<(TaskId, f64, FeedbackBy), Problem> {
    let wrong = |detail: &str| Problem::new(Standard::Configuration, detail);
    let named = arguments.get("task").and_then(Value::as_str);
    let named = named.ok_or_else(|| {
        wrong("`task` is missing; say whose answer it is about, as `.task` of a model step's output has it")
    })?;
    let task = named.parse().map_err(|_| wrong("`task` is no id of a task"))?;
    let score = arguments.get("score").and_then(Value::as_f64).filter(|score| (0.0..=1.0).contains(score));
    let score = score.ok_or_else(|| wrong("`score` is no number from 0 to 1"))?;
    let by = arguments.get("by").map(|by| serde_json::from_value(by.clone())).transpose();
    let by = by.map_err(|_| wrong("`by` is none of caller, person, validator, judge and implied"))?;
    Ok((task, score, by.unwrap_or(FeedbackBy::Validator)))
}
