//! The loop around the decision: what happened goes in, what is asked for is done.

use crate::{Memory, Pace, Rehearsed, Stage, feed::Feed};
use futures::future::BoxFuture;
use neptune_workflow::{
    definition::{Definition, Function, Reference},
    run::{Action, Answer, Arrival, Decision, Ending, Event, Instance, Problem, Record, Request, Run, Standard, Timer},
};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};
use tokio::task::{AbortHandle, JoinSet};

/// How deep workflows may run each other.
const DEPTH: usize = 8;
/// How long an answer is waited for at a time when nothing else is.
const LONG: Duration = Duration::from_secs(3600);

impl Stage {
    /// Carries a run to its end, and through everything in its feed.
    pub fn rehearse(
        self: Arc<Self>,
        definition: Arc<Definition>,
        name: String,
        input: Value,
        feed: Feed,
    ) -> BoxFuture<'static, Rehearsed> {
        Box::pin(Driver::new(self, definition, feed, 0).carry(name, input))
    }
}

struct Driver {
    stage: Arc<Stage>,
    definition: Arc<Definition>,
    feed: Feed,
    depth: usize,
    run: Run,
    log: Vec<Record>,
    emitted: Vec<Arc<Value>>,
    changed_again: usize,
    timers: BTreeSet<(u64, Timer)>,
    calls: JoinSet<(Instance, Answer)>,
    handles: BTreeMap<Instance, AbortHandle>,
    /// Keys of the calls, events and timers that were asked for: a second one of the same is none.
    asked: BTreeSet<String>,
    began: Instant,
    began_ms: u64,
    skipped: Duration,
}

impl Driver {
    fn new(stage: Arc<Stage>, definition: Arc<Definition>, feed: Feed, depth: usize) -> Self {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Self {
            stage,
            definition,
            feed,
            depth,
            run: Run::default(),
            log: Vec::new(),
            emitted: Vec::new(),
            changed_again: 0,
            timers: BTreeSet::new(),
            calls: JoinSet::new(),
            handles: BTreeMap::new(),
            asked: BTreeSet::new(),
            began: Instant::now(),
            began_ms: milliseconds(since),
            skipped: Duration::ZERO,
        }
    }

    async fn carry(mut self, name: String, input: Value) -> Rehearsed {
        self.decide(Event::Started { run: name, input, sensitivity: 0 });
        while let Some(event) = self.next().await {
            self.decide(event);
        }
        self.calls.abort_all();
        Rehearsed { run: self.run, log: self.log, emitted: self.emitted, changed_again: self.changed_again }
    }

    /// Makes the run of its log, and asks again for what it waits for.
    fn recover(&mut self) {
        self.run = Run::default();
        let Some((last, before)) = self.log.split_last() else { return };
        let mut run = Run::of(before);
        let mut actions = run.replay(last);
        actions.extend(run.outstanding());
        self.run = run;
        actions.into_iter().for_each(|action| self.perform(action));
    }

    fn decide(&mut self, event: Event) {
        match self.stage.memory {
            Memory::Keeps => {}
            Memory::Forgets => self.recover(),
            Memory::Dies => return self.die_over(&event),
        }
        let decision = self.decided(event);
        self.store(decision.record);
        decision.actions.into_iter().for_each(|action| self.perform(action));
    }

    /// Something happens that its first two readers do not survive.
    fn die_over(&mut self, event: &Event) {
        self.recover();
        let _lost = self.decided(event.clone());
        self.recover();
        let stored = self.decided(event.clone());
        self.store(stored.record);
        for _ in 0..2 {
            self.recover();
            let again = self.decided(event.clone());
            self.changed_again += usize::from(!again.record.changes.is_empty());
            self.store(again.record);
            again.actions.into_iter().for_each(|action| self.perform(action));
        }
    }

    fn decided(&mut self, event: Event) -> Decision {
        let arrival = Arrival { event, now_ms: self.now_ms(), chance: rand::random() };
        self.run.decide(&self.definition, &arrival)
    }

    fn store(&mut self, record: Record) {
        if !record.changes.is_empty() {
            self.log.push(record);
        }
    }

    fn perform(&mut self, action: Action) {
        let is_once = matches!(action, Action::Call { .. } | Action::Emit { .. } | Action::SetTimer { .. });
        if is_once && !self.asked.insert(action.key()) {
            return;
        }
        match action {
            Action::Call { instance, request } => {
                let call = self.call(&request);
                let handle = self.calls.spawn(async move { (instance, call.await) });
                self.handles.insert(instance, handle);
            }
            Action::Abort { instance } => {
                if let Some(handle) = self.handles.remove(&instance) {
                    handle.abort();
                }
            }
            Action::SetTimer { timer, due_ms } => {
                self.timers.insert((due_ms, timer));
            }
            Action::ClearTimer { timer } => self.timers.retain(|(_, known)| *known != timer),
            Action::Emit { event, .. } => self.emitted.push(event),
            Action::End { .. } => {}
        }
    }

    fn call(&self, request: &Arc<Request>) -> BoxFuture<'static, Answer> {
        let Function::Workflow(workflow) = &request.function else {
            return self.stage.caller.call(Arc::clone(request));
        };
        match self.inner(workflow, &request.arguments) {
            Ok(inner) => inner,
            Err(problem) => Box::pin(std::future::ready(Answer::problem(problem))),
        }
    }

    /// A run of another workflow, and what it answers.
    fn inner(&self, workflow: &Reference, input: &Value) -> Result<BoxFuture<'static, Answer>, Problem> {
        let configuration = |detail| Problem::new(Standard::Configuration, detail);
        let definition = self
            .stage
            .workflows
            .get(workflow)
            .ok_or_else(|| configuration(format!("there is no workflow {workflow} here; name its file, too")))?;
        if self.depth >= DEPTH {
            return Err(configuration(format!("workflows run each other more than {DEPTH} levels deep")));
        }
        let driver = Self::new(Arc::clone(&self.stage), Arc::clone(definition), Feed::default(), self.depth + 1);
        let (name, input) = (format!("{}-{}", self.run.id, self.run.next), input.clone());
        let carried: BoxFuture<'static, Rehearsed> = Box::pin(driver.carry(name, input));
        Ok(Box::pin(async move { answer(carried.await.run.ending()) }))
    }

    /// What happens next; nothing if nothing can any more.
    async fn next(&mut self) -> Option<Event> {
        loop {
            let is_over = self.run.ending().is_some();
            let timer = self.timers.first().filter(|_| !is_over).map(|(due_ms, _)| *due_ms);
            let cue = self.feed.next_after().map(|after| self.began_ms.saturating_add(milliseconds(after)));
            if is_over && cue.is_none() {
                return None;
            }
            let due_ms = [timer, cue].into_iter().flatten().min();
            if due_ms.is_none() && self.calls.is_empty() {
                return None;
            }
            if self.stage.pace == Pace::Skip
                && self.calls.is_empty()
                && let Some(due_ms) = due_ms
            {
                self.skipped += Duration::from_millis(due_ms.saturating_sub(self.now_ms()));
            }
            if let Some(due_ms) = due_ms.filter(|due_ms| *due_ms <= self.now_ms()) {
                return self.take(due_ms, cue);
            }
            let rest = due_ms.map(|due_ms| Duration::from_millis(due_ms.saturating_sub(self.now_ms())));
            if let Some((instance, answer)) = self.wait(rest).await {
                self.handles.remove(&instance);
                return Some(Event::Answered { instance, answer });
            }
        }
    }

    /// What is due: what comes from outside first.
    fn take(&mut self, due_ms: u64, cue: Option<u64>) -> Option<Event> {
        if cue == Some(due_ms) {
            return self.feed.pop();
        }
        self.timers.pop_first().map(|(_, timer)| Event::TimerFired(timer))
    }

    /// The next answer, if one comes in time.
    async fn wait(&mut self, rest: Option<Duration>) -> Option<(Instance, Answer)> {
        let rest = rest.unwrap_or(LONG);
        if self.calls.is_empty() {
            tokio::time::sleep(rest).await;
            return None;
        }
        match tokio::time::timeout(rest, self.calls.join_next()).await {
            // A call that was given up has no answer.
            Ok(Some(Ok(answered))) => Some(answered),
            _ => None,
        }
    }

    fn now_ms(&self) -> u64 {
        self.began_ms.saturating_add(milliseconds(self.began.elapsed() + self.skipped))
    }
}

/// What a run of another workflow answers.
fn answer(ending: Option<&Ending>) -> Answer {
    let failed = |detail: String| Answer::problem(Problem::new(Standard::Runtime, detail));
    match ending {
        Some(Ending::Completed { output }) => Answer::output(output.as_ref().clone()),
        Some(Ending::Cancelled { reason }) => failed(format!("the workflow was cancelled: {reason}")),
        Some(ending) => match ending.problem() {
            Some(problem) => Answer::problem(Problem { instance: String::new(), ..problem.clone() }),
            None => failed(format!("the workflow ended as {}", ending.name())),
        },
        None => failed("the workflow did not end".to_owned()),
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
