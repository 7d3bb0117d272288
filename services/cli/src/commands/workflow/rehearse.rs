//! `neptune workflow run --local`: carries a run to its end in this process, without a stack.

use crate::{domain::timeline, error::Error, output};
use clap::Args;
use neptune_rehearsal::{
    Memory, Pace, Stage,
    feed::{Cue, Feed},
    web::Web,
};
use neptune_workflow::{
    definition::{Definition, Reference},
    run::{Ending, Event, timeline::lines},
};
use serde_json::{Value, json};
use std::{collections::BTreeMap, path::PathBuf, sync::Arc, time::Duration};

/// A definition, and what its run works with.
#[derive(Args, Debug)]
pub struct RunArgs {
    /// The definition; further ones are workflows that it runs.
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Run it in this process: nothing is stored, and calls are made from here.
    #[arg(long, required = true)]
    pub local: bool,
    /// The input of the run.
    #[arg(long, default_value = "{}", value_name = "JSON")]
    pub input: String,
    /// Where models are asked: an address that speaks OpenAI's form, up to `/chat/completions`.
    #[arg(long, value_name = "URL")]
    pub model_url: Option<String>,
    /// The model that is asked when a task names none.
    #[arg(long, default_value = "auto", value_name = "NAME")]
    pub model: String,
    /// The variable of the environment that holds the key for `--model-url`.
    #[arg(long, value_name = "VARIABLE")]
    pub model_key_from: Option<String>,
    /// A secret of the workflow, and the variable of the environment that holds it; may be repeated.
    #[arg(long = "secret", value_name = "NAME=VARIABLE")]
    pub secrets: Vec<String>,
    /// An event that is sent to the run so many seconds after its beginning; may be repeated.
    #[arg(long = "event", value_name = "SECONDS=JSON")]
    pub events: Vec<String>,
    /// Approvals are refused; else they are given without asking.
    #[arg(long)]
    pub refuse: bool,
    /// Waits end at once where nothing else is waited for.
    #[arg(long)]
    pub skip_waits: bool,
}

/// Runs it, and prints its timeline and output.
///
/// # Errors
/// A file or argument is faulty, or the run did not complete.
pub async fn run(args: &RunArgs, json: bool) -> Result<(), Error> {
    let mut definitions = Vec::new();
    for file in &args.files {
        let read = super::read(file)?.map_err(|faults| Error::Resources(super::lines(file, &faults)))?;
        definitions.push(Arc::new(read));
    }
    let Some(definition) = definitions.first().cloned() else { return Ok(()) };
    let stage = Arc::new(Stage {
        caller: Arc::new(web(args)?),
        workflows: definitions.iter().map(|definition| (reference(definition), Arc::clone(definition))).collect(),
        pace: if args.skip_waits { Pace::Skip } else { Pace::Real },
        memory: Memory::Keeps,
    });
    let input = super::json(&args.input, "--input")?;
    let feed = Feed::new(args.events.iter().enumerate().map(cue).collect::<Result<_, _>>()?);
    let rehearsed = stage.rehearse(definition, "local".to_owned(), input, feed).await;
    let lines = lines(&rehearsed.log);
    let ending = rehearsed.run.ending();
    let told = json!({
        "ending": ending.map(Ending::name),
        "output": output_of(ending),
        "problem": ending.and_then(Ending::problem),
        "emitted": rehearsed.emitted,
        "tasks": lines,
    });
    output::say_either(json, &told, |_| timeline::render(&lines, ending));
    match ending {
        Some(Ending::Completed { .. }) => Ok(()),
        Some(other) => Err(Error::RunEnded(other.name())),
        None => Err(Error::NotReady("the run waits for something that does not come".to_owned())),
    }
}

fn output_of(ending: Option<&Ending>) -> Option<&Value> {
    match ending {
        Some(Ending::Completed { output }) => Some(output),
        _ => None,
    }
}

fn reference(definition: &Definition) -> Reference {
    let (namespace, name) = (definition.namespace.clone(), definition.name.clone());
    Reference { namespace, name, version: definition.version.clone() }
}

fn web(args: &RunArgs) -> Result<Web, Error> {
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build();
    let mut secrets = BTreeMap::new();
    for secret in &args.secrets {
        let (name, variable) = split(secret, "--secret", "NAME=VARIABLE")?;
        secrets.insert(name.to_owned(), variable_of(variable)?);
    }
    Ok(Web {
        client: client.map_err(|fault| Error::step("make an HTTP client", fault))?,
        model_url: args.model_url.clone(),
        model_key: args.model_key_from.as_deref().map(variable_of).transpose()?,
        model: args.model.clone(),
        secrets,
        approves: !args.refuse,
        rewrite: None,
    })
}

fn variable_of(name: &str) -> Result<String, Error> {
    std::env::var(name).map_err(|_| Error::Input(format!("the variable {name} is not set; it must hold the secret")))
}

fn split<'a>(text: &'a str, option: &str, form: &str) -> Result<(&'a str, &'a str), Error> {
    text.split_once('=').ok_or_else(|| Error::Input(format!("{option} {text} has no `=`; write {form}")))
}

fn cue((index, text): (usize, &String)) -> Result<Cue, Error> {
    let (seconds, event) = split(text, "--event", "SECONDS=JSON")?;
    let after = seconds.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    let after = after.ok_or_else(|| Error::Input(format!("--event {text}: {seconds} is no number of seconds")))?;
    let event = super::json(event, "--event")?;
    Ok(Cue { after, event: Event::Signalled { id: format!("event {index}"), event } })
}
