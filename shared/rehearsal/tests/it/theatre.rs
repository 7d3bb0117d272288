//! Plays a scenario: what its lines mean.

use crate::{
    gherkin::{Scenario, Step},
    service::Service,
};
use neptune_rehearsal::{
    Memory, Pace, Rehearsed, Stage,
    feed::{Cue, Feed},
    web::Web,
};
use neptune_workflow::{
    compiler,
    definition::{Definition, Reference},
    grammar,
    run::{
        Change, Control, Ending, Event, Run,
        timeline::{self, Line, State},
    },
    source::Node,
};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

type Fault = String;

/// What a scenario has said so far.
struct Play<'a> {
    service: &'a Service,
    memory: Memory,
    definitions: Vec<Arc<Definition>>,
    input: Value,
    cues: Vec<Cue>,
    web: Web,
    /// What came of it.
    rehearsed: Option<Rehearsed>,
    lines: Vec<Line>,
}

/// What a scenario came to: how the run ended, and its tasks in their order with how each ended.
#[derive(Debug, PartialEq)]
pub(crate) struct CameTo {
    ending: &'static str,
    tasks: Vec<(String, State)>,
}

pub(crate) async fn play(scenario: &Scenario, service: &Service, memory: Memory) -> Result<CameTo, Fault> {
    neptune_runtime::service::install_crypto_provider();
    let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let web = Web {
        client,
        model_url: Some("https://service.test/model/unnamed".to_owned()),
        model_key: None,
        model: "test-model".to_owned(),
        secrets: BTreeMap::from([("token".to_owned(), "s3cret".to_owned())]),
        approves: true,
        rewrite: Some(service.rewrite()),
    };
    let mut play = Play {
        service,
        memory,
        definitions: Vec::new(),
        input: json!({}),
        cues: Vec::new(),
        web,
        rehearsed: None,
        lines: Vec::new(),
    };
    for step in &scenario.steps {
        play.step(step).await.map_err(|fault| format!("{}: {fault}", step.text))?;
    }
    if play.rehearsed.is_none() {
        return Err("it was never executed".to_owned());
    }
    let mut tasks: Vec<_> = play.lines.iter().map(|line| (line.name.clone(), line.state)).collect();
    // Which of several branches ends first is chance.
    tasks.sort_by(|one, other| one.0.cmp(&other.0));
    Ok(CameTo { ending: play.ending().name(), tasks })
}

fn yaml(text: &str) -> Value {
    Node::read(text).unwrap_or_else(|fault| panic!("{fault}\n{text}")).to_json()
}

/// The words between quotes.
fn quoted(text: &str) -> Vec<&str> {
    text.split('\'').skip(1).step_by(2).collect()
}

fn duration(text: &str) -> Duration {
    Duration::from_millis(grammar::duration_ms(text).unwrap_or_else(|| panic!("{text} is no duration")))
}

fn same(found: &Value, wanted: &Value) -> Result<(), Fault> {
    if found == wanted { Ok(()) } else { Err(format!("wanted {wanted}, found {found}")) }
}

fn at<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(value, |value, name| match value {
        Value::Array(items) => items.get(name.parse::<usize>().ok()?),
        other => other.get(name),
    })
}

impl Play<'_> {
    async fn step(&mut self, step: &Step) -> Result<(), Fault> {
        let words: Vec<&str> = step.text.trim_end_matches(':').split_whitespace().collect();
        let content = step.content.as_str();
        match words.as_slice() {
            ["a" | "another", "workflow", "with", "definition"] => {
                let read = compiler::read(content);
                let definition = read.map_err(|faults| format!("{}", faults[0]))?;
                self.definitions.push(Arc::new(definition));
                Ok(())
            }
            ["the", "workflow", "input", "is"] => {
                self.input = yaml(content);
                Ok(())
            }
            ["an", "event", "is", "sent", "after", after] => {
                let id = format!("signal {}", self.cues.len());
                self.cue(after, Event::Signalled { id, event: yaml(content), sensitivity: 0 })
            }
            ["the", "run", "is", wish, "after", after] => {
                let control = match *wish {
                    "cancelled" => Control::Cancel { reason: "somebody said so".to_owned() },
                    "paused" => Control::Pause,
                    "resumed" => Control::Resume,
                    "retried" => Control::Retry,
                    other => return Err(format!("nobody can be {other}")),
                };
                let id = format!("wish {}", self.cues.len());
                self.cue(after, Event::Controlled { id, control })
            }
            ["approvals", "are", "refused"] => {
                self.web.approves = false;
                Ok(())
            }
            ["the", "model", "is", "at", url] => {
                self.web.model_url = Some((*url).to_owned());
                Ok(())
            }
            ["the", "workflow", "is", "executed"] => {
                self.execute().await;
                self.is_consistent()
            }
            ["the", "workflow", ..] => self.workflow(&words, &step.text, content),
            ["the", "run", "should", "take", relation, wanted] => self.took(relation, duration(wanted)),
            ["the", "service", "should", "be", "called", times, "times", "for", key] => {
                same(&json!(self.service.count(key)), &json!(times.parse::<u64>().unwrap()))
            }
            ["an", "event", "of", "type", kind, "should", "be", "emitted"] => {
                let emitted = &self.rehearsed.as_ref().unwrap().emitted;
                let is_there = emitted.iter().any(|event| event["type"] == *kind);
                if is_there { Ok(()) } else { Err(format!("emitted were {emitted:?}")) }
            }
            [task, "should", rest @ ..] => self.task(task, rest, content),
            _ => Err("nobody knows what this means".to_owned()),
        }
    }

    fn cue(&mut self, after: &str, event: Event) -> Result<(), Fault> {
        self.cues.push(Cue { after: duration(after), event });
        Ok(())
    }

    async fn execute(&mut self) {
        let workflow = |definition: &Arc<Definition>| {
            let (namespace, name) = (definition.namespace.clone(), definition.name.clone());
            (Reference { namespace, name, version: definition.version.clone() }, Arc::clone(definition))
        };
        let stage = Arc::new(Stage {
            caller: Arc::new(self.web.clone()),
            workflows: self.definitions.iter().map(workflow).collect(),
            pace: Pace::Skip,
            memory: self.memory,
        });
        let (definition, feed) = (Arc::clone(&self.definitions[0]), Feed::new(std::mem::take(&mut self.cues)));
        let rehearsed = stage.rehearse(definition, "test".to_owned(), self.input.clone(), feed).await;
        self.lines = timeline::lines(&rehearsed.log);
        self.rehearsed = Some(rehearsed);
    }

    /// What must be true of every run.
    fn is_consistent(&self) -> Result<(), Fault> {
        let rehearsed = self.rehearsed.as_ref().unwrap();
        if rehearsed.run.ending().is_none() {
            return Err("the run did not end".to_owned());
        }
        let text = serde_json::to_string(&rehearsed.log).unwrap();
        let log: Vec<_> = serde_json::from_str(&text).unwrap();
        if Run::of(&log) != rehearsed.run {
            return Err("the log makes another run".to_owned());
        }
        if rehearsed.changed_again > 0 {
            return Err(format!("{} events changed the run twice", rehearsed.changed_again));
        }
        if text.contains("s3cret") {
            return Err("a secret stands in the log".to_owned());
        }
        let mut ended = BTreeSet::new();
        for change in rehearsed.log.iter().flat_map(|record| &record.changes) {
            if let Change::Left { instance, .. } = change
                && !ended.insert(*instance)
            {
                return Err(format!("task {instance} ended twice"));
            }
        }
        Ok(())
    }

    fn ending(&self) -> &Ending {
        self.rehearsed.as_ref().unwrap().run.ending().unwrap()
    }

    fn output(&self) -> Result<&Value, Fault> {
        match self.ending() {
            Ending::Completed { output } => Ok(output),
            other => Err(format!("it did not complete: {other:?}")),
        }
    }

    fn workflow(&self, words: &[&str], text: &str, content: &str) -> Result<(), Fault> {
        let is = |name: &str| match self.ending() {
            ending if ending.name() == name => Ok(()),
            other => Err(format!("it ended otherwise: {other:?}")),
        };
        match &words[2..] {
            ["should", "complete"] => self.output().map(|_| ()),
            ["should", "complete", "with", "output"] => same(self.output()?, &yaml(content)),
            ["should", "cancel"] => is("cancelled"),
            ["should", "time", "out"] => is("timed_out"),
            ["should", "run", "out", "of", "money"] => is("budget_exhausted"),
            ["should", "fault"] => is("faulted"),
            ["should", "fault", "with", "error"] => {
                is("faulted")?;
                let problem = self.ending().problem().unwrap().to_value();
                yaml(content).as_object().unwrap().iter().try_for_each(|(name, wanted)| same(&problem[name], wanted))
            }
            ["should", "fault", "saying", ..] => {
                is("faulted")?;
                let detail = self.ending().problem().unwrap().detail.clone().unwrap_or_default();
                let said = |word: &&str| detail.contains(*word);
                if quoted(text).iter().all(said) { Ok(()) } else { Err(format!("it says {detail}")) }
            }
            ["output", "should", "have", "properties", ..] => {
                let output = self.output()?;
                let missing: Vec<&str> = quoted(text).into_iter().filter(|path| at(output, path).is_none()).collect();
                if missing.is_empty() { Ok(()) } else { Err(format!("{missing:?} are missing in {output}")) }
            }
            ["output", "should", "have", "a", _, "property", "with", "value"] => {
                same(at(self.output()?, quoted(text)[0]).unwrap_or(&Value::Null), &yaml(content))
            }
            ["output", "should", "have", "a", _, "property", "containing", count, "items"] => {
                let items = at(self.output()?, quoted(text)[0]).and_then(Value::as_array).map(Vec::len);
                same(&json!(items), &json!(count.parse::<usize>().unwrap()))
            }
            _ => Err("nobody knows what this means".to_owned()),
        }
    }

    fn took(&self, relation: &str, wanted: Duration) -> Result<(), Fault> {
        let log = &self.rehearsed.as_ref().unwrap().log;
        let took = Duration::from_millis(log.last().unwrap().at_ms - log[0].at_ms);
        let holds = match relation {
            "about" => took >= wanted && took < wanted + Duration::from_secs(1),
            "under" => took < wanted,
            other => return Err(format!("{other} is no relation")),
        };
        if holds { Ok(()) } else { Err(format!("it took {took:?}")) }
    }

    fn task(&self, task: &str, rest: &[&str], content: &str) -> Result<(), Fault> {
        let mut began: Vec<&Line> = self.lines.iter().filter(|line| line.instance > 0).collect();
        began.sort_by_key(|line| line.instance);
        let mine: Vec<&&Line> = began.iter().filter(|line| line.name == task).collect();
        let first = mine.first().map(|line| line.instance);
        let other_first = |name: &str| began.iter().find(|line| line.name == name).map(|line| line.instance);
        let when = |holds: bool| {
            let told = || began.iter().map(|line| format!("{} {:?}", line.name, line.state)).collect::<Vec<_>>();
            if holds { Ok(()) } else { Err(format!("there were {}", told().join(", "))) }
        };
        let is = |state: State| when(mine.last().is_some_and(|line| line.state == state));
        match rest {
            ["run", "first"] => when(began.first().is_some_and(|line| line.name == task)),
            ["run", "last"] => when(began.last().is_some_and(|line| line.name == task)),
            ["run", "before", other] => when(first.is_some() && first < other_first(other)),
            ["run", "after", other] => when(other_first(other).is_some() && first > other_first(other)),
            ["run", times, "times"] => same(&json!(mine.len()), &json!(times.parse::<usize>().unwrap())),
            ["complete"] => is(State::Done),
            ["fault"] => is(State::Failed),
            // With what is around it, or with the whole run.
            ["cancel"] => is(State::Dropped).or_else(|_| is(State::Cancelled)),
            ["be", "skipped"] => is(State::Skipped),
            ["not", "run"] => when(mine.is_empty()),
            ["complete", "with", "output"] => {
                is(State::Done)?;
                let outputs = &self.rehearsed.as_ref().unwrap().run.outputs;
                same(outputs.get(task).ok_or("it has no output")?, &yaml(content))
            }
            _ => Err("nobody knows what this means".to_owned()),
        }
    }
}
