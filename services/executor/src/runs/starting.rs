//! Beginning runs: by which definition, under which id, and whether now.

use super::{
    RETRY, Runs,
    carry::{self, Fault},
    mailbox::{Item, Key},
    settled,
};
use crate::domain::run::{
    class,
    course::{Course, Heard},
    finish,
    gate::{self, Entry, Place},
    refusal,
};
use neptune_bus::{Append, Cause, Outcome, PublishError};
use neptune_contracts::{
    Timestamp,
    ids::RunId,
    names::Team,
    resource::workflow::meant,
    run::{
        RunSubmitted,
        changed::RunState,
        finished::RunFinished,
        log::{RunLogged, RunMadeOf},
        start::RunGate,
        tags,
    },
};
use neptune_workflow::{
    definition::{Definition, OnConflict},
    run::{Admission, Problem, Slot, Standard, admission},
};
use serde_json::Value;
use std::sync::Arc;

/// A run that somebody asks for.
pub(crate) struct Asked {
    /// What was submitted.
    pub(crate) submitted: RunSubmitted,
    /// Whose.
    pub(crate) team: Team,
    /// Its id, unless a key says another.
    pub(crate) id: RunId,
    /// Where its end is to be told.
    pub(crate) reply_to: Option<String>,
    /// When it was stored.
    pub(crate) stored_at: Timestamp,
    /// How often it was handed out, from 1.
    pub(crate) delivered: u64,
}

/// A run that can begin.
struct Ready {
    key: Key,
    made_of: RunMadeOf,
    on_conflict: OnConflict,
    /// Others may have asked for it before.
    is_keyed: bool,
}

/// The workflow's tags and the caller's.
fn tags(document: &Value, submitted: &[String]) -> Vec<String> {
    let own = document.pointer("/document/metadata/neptune/tags").and_then(Value::as_array);
    let own = own.into_iter().flatten().filter_map(Value::as_str);
    tags::together(own.chain(submitted.iter().map(String::as_str)))
}

/// What a definition says about a run with this input. Keys are made by expressions, which may take their time.
async fn admitted(definition: Arc<Definition>, input: &Value) -> Result<Admission, Problem> {
    let settings = &definition.settings;
    if settings.concurrency.is_none() && settings.idempotency_key.is_none() {
        return admission(&definition, input);
    }
    let input = input.clone();
    let made = tokio::task::spawn_blocking(move || admission(&definition, &input)).await;
    made.unwrap_or_else(|_| Err(Problem::new(Standard::Runtime, "the decision about its keys crashed")))
}

/// What has a run begin.
fn start(Asked { submitted, delivered, .. }: &Asked, made_of: Option<RunMadeOf>) -> Item {
    let heard = Heard::Start { input: submitted.input.clone(), class: submitted.class };
    Item { made_of: made_of.map(Arc::new), ..Item::new(heard, *delivered) }
}

impl Runs {
    /// Begins a run, or has it wait for its place. One that cannot begin ends as rejected.
    pub(crate) async fn start(self: &Arc<Self>, asked: Asked) -> Outcome {
        let begun = match self.ready(&asked).await {
            Ok(ready) => self.begin(&asked, ready).await,
            Err(problem) => {
                let key = (asked.team.clone(), asked.id);
                match self.bus.last_logged(&key.0, key.1).await {
                    Ok(None) => Ok(self.reject(&key, &asked, &problem).await),
                    Err(error) if !error.is_unreadable() => Err(Fault::Read(error)),
                    // It began before what it needs was taken away, and has its own copy.
                    _ => Ok(self.hear(key, start(&asked, None)).await),
                }
            }
        };
        begun.unwrap_or_else(|fault| {
            tracing::warn!(run.id = %asked.id, error = &fault as &dyn std::error::Error, "a run cannot begin yet, trying again");
            Outcome::Retry { after: RETRY }
        })
    }

    async fn reject(&self, (team, id): &Key, asked: &Asked, problem: &Problem) -> Outcome {
        let fact = finish::rejected(*id, team, &asked.submitted, problem, (asked.stored_at, Timestamp::now()));
        let sensitivity = asked.submitted.class.map_or(0, class::rank);
        settled(self.end(&fact, sensitivity, asked.reply_to.as_deref()).await)
    }

    /// By which definition a run is carried, and under which id.
    async fn ready(&self, asked: &Asked) -> Result<Ready, Problem> {
        let Asked { submitted, team, .. } = asked;
        let resources = self.resources.borrow().clone();
        let name = meant(&submitted.workflow, resources.workflows.keys().map(String::as_str));
        let found = name.and_then(|name| resources.workflows.get(name).map(|workflow| (name, workflow)));
        let (name, workflow) = found.ok_or_else(|| {
            let remedy = "apply its definition, or name one that is";
            Problem::new(Standard::Configuration, format!("there is no workflow {}; {remedy}", submitted.workflow))
        })?;
        let mut made_of = carry::made_of(name, &workflow.document, |made_of| {
            made_of.submitted_at = asked.stored_at;
            made_of.origin = submitted.origin;
            made_of.key.clone_from(&submitted.key);
            made_of.metadata.clone_from(&submitted.metadata);
            made_of.tags = tags(&workflow.document, &submitted.tags);
            made_of.parent.clone_from(&submitted.parent);
            made_of.reply_to.clone_from(&asked.reply_to);
            made_of.start.clone_from(&submitted.start);
        });
        let read = self.definitions.of(&made_of);
        let definition = read.map_err(|detail| Problem::new(Standard::Configuration, detail))?;
        refusal::of_team(definition.settings.team.as_deref(), team, name)?;
        if let Some(fault) = definition.data.input_schema.as_ref().and_then(|schema| schema.fault(&submitted.input)) {
            return Err(Problem::new(Standard::Validation, format!("the input is not what it must be: {fault}")));
        }
        let made = admitted(definition, &submitted.input).await;
        // What nobody asked for by its input is named by what started it, and a step's run by the step.
        let is_asked_for = submitted.parent.is_none() && submitted.start.is_none();
        let Admission { concurrency, priority, idempotency_key } = made?;
        let idempotency_key = idempotency_key.or_else(|| submitted.idempotency_key.clone()).filter(|_| is_asked_for);
        let id = idempotency_key.as_ref().map_or(asked.id, |key| RunId::of_key(team, name, key));
        made_of.priority = submitted.priority.unwrap_or(priority);
        let on_conflict = concurrency.as_ref().map(|slot| slot.on_conflict).unwrap_or_default();
        let bare = name.split(':').next().unwrap_or(name);
        made_of.gate =
            concurrency.map(|Slot { key, limit, .. }| RunGate { name: gate::name(team, bare, &key), key, limit });
        Ok(Ready { key: (team.clone(), id), made_of, on_conflict, is_keyed: idempotency_key.is_some() })
    }

    async fn begin(self: &Arc<Self>, asked: &Asked, ready: Ready) -> Result<Outcome, Fault> {
        let Ready { key, made_of, on_conflict, is_keyed } = ready;
        if is_keyed && let Some(outcome) = self.repeated(&key, asked).await? {
            return Ok(outcome);
        }
        if let Some(gate) = made_of.gate.clone() {
            let stood = self.bus.last_logged(&key.0, key.1).await.map_err(Fault::Read)?;
            // What has begun has its place, or had it.
            if stood.is_none_or(|last| last.records.is_empty()) {
                let (priority, since_us) = (made_of.priority, asked.stored_at.unix_micros());
                let place = Place { run: key.1, turn: 1, priority, since_us, is_replaced: false };
                match self.enter((&key.0, &made_of.workflow), &gate, place, on_conflict).await? {
                    Entry::Holds => {}
                    Entry::Waits => return self.wait(&key, made_of, asked).await,
                    Entry::Refused => {
                        let problem = refusal::no_place(&made_of.workflow, &gate, on_conflict);
                        return Ok(self.reject(&key, asked, &problem).await);
                    }
                }
            }
        }
        Ok(self.hear(key, start(asked, Some(made_of))).await)
    }

    /// Writes down a run that waits for its place.
    async fn wait(&self, (team, id): &Key, made_of: RunMadeOf, asked: &Asked) -> Result<Outcome, Fault> {
        let made_of = RunMadeOf { input: Some(asked.submitted.input.clone()), class: asked.submitted.class, ..made_of };
        let logged = RunLogged {
            id: "queued".to_owned(),
            run: *id,
            team: team.clone(),
            made_of: Some(Box::new(made_of)),
            causes: vec!["queued".to_owned()],
            records: Vec::new(),
        };
        match self.bus.append_log(&logged, 0).await {
            Ok(Append::Stored(_) | Append::Refused) => {
                // Whoever wrote it down before may have died before it was told.
                if let Some(course) = self.read(&(team.clone(), *id)).await?.filter(Course::waits) {
                    let at_ms = asked.stored_at.unix_micros() / 1_000;
                    let changed = finish::changed(&course, RunState::Queued, (0, u64::try_from(at_ms).unwrap_or(0)));
                    self.bus.publish(&changed, &Cause::root()).await.map_err(Fault::Publish)?;
                }
                Ok(Outcome::Done)
            }
            Err(error @ (PublishError::TooLarge { .. } | PublishError::Encode(_))) => {
                let detail = format!("the run cannot be kept while it waits: {error}; give it less input");
                let outcome =
                    self.reject(&(team.clone(), *id), asked, &Problem::new(Standard::Configuration, detail)).await;
                // It gives up its place among those that wait.
                if let Some(gate) = logged.made_of.as_ref().and_then(|made_of| made_of.gate.as_ref()) {
                    self.leave(&gate.name, (*id, 1)).await?;
                }
                Ok(outcome)
            }
            Err(error) => Err(Fault::Publish(error)),
        }
    }

    /// What becomes of a run whose key was used before; nothing when it was not, or when this is the first one again.
    async fn repeated(&self, key: &Key, asked: &Asked) -> Result<Option<Outcome>, Fault> {
        let course = self.read(key).await?;
        let stored = self.bus.run_result(&key.0, key.1).await.map_err(Fault::Read)?;
        let reply_to = asked.reply_to.as_deref();
        if let Some(course) = &course {
            let before = course.made_of.input.as_ref().unwrap_or(&course.run.input);
            if *before != asked.submitted.input {
                let problem = refusal::of_other_input(key.1);
                let times = (asked.stored_at, Timestamp::now());
                let fact = finish::rejected(key.1, &key.0, &asked.submitted, &problem, times);
                return self.told(&fact, reply_to).await.map(Some);
            }
            if course.run.ending().is_none() {
                // Whoever began it may have died before all was asked for.
                return Ok((asked.delivered == 1).then_some(Outcome::Done));
            }
        }
        match stored {
            Some(fact) => self.told(&fact, reply_to).await.map(Some),
            None => Ok(None),
        }
    }

    async fn told(&self, fact: &RunFinished, reply_to: Option<&str>) -> Result<Outcome, Fault> {
        self.bus.tell_end(fact, reply_to).await.map(|()| Outcome::Done).map_err(Fault::Publish)
    }

    /// Whether a run that failed may go on now. False when it waits for its place, and goes on when it has one.
    pub(crate) async fn may_retry(&self, key: &Key, stored_at: Timestamp) -> Result<bool, Fault> {
        let Some(course) = self.read(key).await? else { return Ok(true) };
        let Some(gate) = course.made_of.gate.as_ref().filter(|_| course.run.ending().is_some()) else {
            return Ok(true);
        };
        if course.run.failed.is_none() {
            return Ok(true);
        }
        let (priority, since_us) = (course.made_of.priority, stored_at.unix_micros());
        let place = Place { run: key.1, turn: course.turn + 1, priority, since_us, is_replaced: false };
        let entry = self.enter((&key.0, &course.made_of.workflow), gate, place, OnConflict::Queue).await?;
        Ok(entry == Entry::Holds)
    }
}
