//! jq expressions that can do no harm: they see their input and the variables they are given, and each
//! evaluation ends after a fixed number of steps with a value of a bounded size.
//!
//! The language is that of [jq](https://jqlang.org) as [jaq](https://docs.rs/jaq-core) speaks it, without
//! clock, environment, input, output, `halt`, regular expressions and definitions that call themselves.

pub mod audit;
mod filters;
mod json;
pub mod meter;
mod update;
mod value;

use audit::Form;
use jaq_core::{
    Compiler, Ctx, Vars,
    data::JustLut,
    load::{self, Arena, File, Loader},
};
use meter::Stop;
use serde_json::Value;
use std::fmt;
use value::Metered;

type Data = JustLut<Metered>;

/// Why a text is no expression.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// Its form is not allowed.
    #[error(transparent)]
    Form(#[from] Form),
    /// It is not jq.
    #[error("this is not a jq expression: {0}")]
    Syntax(String),
    /// There is no memory to read it with.
    #[error("the expression cannot be read now: {0}")]
    Stack(String),
    /// It uses what does not exist here.
    #[error("{kind} `{name}` does not exist here{hint}")]
    Unknown {
        /// Filter or variable.
        kind: &'static str,
        /// Its name, a filter's with the number of its arguments.
        name: String,
        /// What was meant, from `; ` on.
        hint: String,
    },
}

/// Why an expression has no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// It was stopped.
    #[error(transparent)]
    Stopped(#[from] Stop),
    /// It raised an error.
    #[error("the expression failed: {0}")]
    Raised(String),
}

/// The longest text of an error of an expression, in characters.
const MESSAGE_CHARACTERS: usize = 300;

/// An expression, ready to be evaluated any number of times.
pub struct Expression {
    text: String,
    variables: Vec<String>,
    filter: jaq_core::Filter<Data>,
    /// Terms with each call replaced by what it calls.
    terms: u64,
    secrets: Vec<String>,
}

impl fmt::Debug for Expression {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Expression").field(&self.text).finish()
    }
}

impl Expression {
    /// Reads an expression, without `${` and `}`. `variables` are those it may use, with their `$`.
    ///
    /// # Errors
    /// The text is no expression that is allowed.
    pub fn compile(text: &str, variables: &[&str]) -> Result<Self, Unreadable> {
        let terms = audit::text(text)?;
        audit::on_stack(terms, || Self::read(text, variables)).map_err(|fault| Unreadable::Stack(fault.to_string()))?
    }

    fn read(text: &str, variables: &[&str]) -> Result<Self, Unreadable> {
        let arena = Arena::default();
        let file = File { code: text, path: () };
        let modules = Loader::new(filters::definitions()).load(&arena, file).map_err(|faults| syntax(text, &faults))?;
        // An expression that has parsed as a module and not as a term imports or includes something.
        let term = load::parse(text, |parser| parser.term());
        let term = term.ok_or_else(|| Unreadable::Syntax("modules cannot be imported or included".to_owned()))?;
        let (terms, secrets) = audit::term(&term)?;
        let compiler = Compiler::default().with_funs(filters::natives()).with_global_vars(variables.iter().copied());
        let filter = compiler.compile(modules).map_err(|faults| unknown(variables, &faults))?;
        let variables = variables.iter().map(|name| (*name).to_owned()).collect();
        Ok(Self { text: text.to_owned(), variables, filter, terms, secrets })
    }

    /// The expression as it was written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The variables it may use, with their `$`.
    pub fn variables(&self) -> impl Iterator<Item = &str> {
        self.variables.iter().map(String::as_str)
    }

    /// The secrets that it names as `$secrets.NAME`, each once.
    pub fn secrets(&self) -> impl Iterator<Item = &str> {
        self.secrets.iter().map(String::as_str)
    }

    /// The first value of the expression over `input`, null if it has none; variables that are not given
    /// are null. The same arguments give the same result on every machine.
    ///
    /// # Errors
    /// It raised an error, or was stopped because it takes too long or makes too much.
    pub fn evaluate(&self, input: &Value, variables: &[(&str, &Value)]) -> Result<Value, Failure> {
        let work = || self.evaluate_here(input, variables);
        audit::on_stack(self.terms, work).map_err(|_| Failure::Stopped(Stop::Interpreter))?
    }

    fn evaluate_here(&self, input: &Value, variables: &[(&str, &Value)]) -> Result<Value, Failure> {
        let given = |name: &String| variables.iter().find(|(known, _)| known == name).map(|(_, value)| *value);
        let outcome = meter::within(|| {
            let variables = self.variables.iter().map(|name| json::read(given(name).unwrap_or(&Value::Null)));
            let variables = Vars::new(variables.map(Metered::measured).collect::<Vec<_>>());
            let context = Ctx::<Data>::new(&self.filter.lut, variables);
            let first = self.filter.id.run((context, Metered::measured(json::read(input)))).next();
            match first {
                None => Ok(Value::Null),
                Some(Ok(value)) => Ok(json::write(&value.value)),
                Some(Err(raised)) => {
                    Err(raised.get_err().map_or_else(|_| String::new(), |error| error.into_val().plain()))
                }
            }
        })?;
        outcome.map_err(|message| Failure::Raised(message.chars().take(MESSAGE_CHARACTERS).collect()))
    }
}

fn syntax(text: &str, faults: &load::Errors<&str, ()>) -> Unreadable {
    let place =
        |found: &str| if found.is_empty() { "at its end".to_owned() } else { format!("at `{}`", shorten(found)) };
    let message = match faults.first().map(|(_, fault)| fault) {
        Some(load::Error::Lex(faults)) => {
            faults.first().map(|(wanted, found)| format!("{} is missing {}", wanted.as_str(), place(found)))
        }
        Some(load::Error::Parse(faults)) => {
            faults.first().map(|(wanted, found)| format!("{} is expected {}", wanted.as_str(), place(found)))
        }
        Some(load::Error::Io(_)) => Some("modules cannot be imported or included".to_owned()),
        None => None,
    };
    let message = message.unwrap_or_else(|| format!("`{}`", shorten(text)));
    Unreadable::Syntax(message)
}

fn shorten(text: &str) -> String {
    text.chars().take(40).collect()
}

fn unknown(variables: &[&str], faults: &jaq_core::compile::Errors<&str, ()>) -> Unreadable {
    let first = faults.iter().flat_map(|(_, faults)| faults).next();
    let Some((name, undefined)) = first else { return Unreadable::Syntax(String::new()) };
    let known = || if variables.is_empty() { "none".to_owned() } else { variables.join(", ") };
    let hint = match *name {
        "env" | "$ENV" => "; the environment cannot be read, secrets are `$secrets`".to_owned(),
        "now" | "localtime" | "mktime" => "; there is no clock, a run's start is `$workflow.startedAt`".to_owned(),
        "halt" | "halt_error" => "; to fail a run, use a raise task".to_owned(),
        "input" | "inputs" => "; the input is `.`".to_owned(),
        "test" | "match" | "capture" | "scan" | "sub" | "gsub" | "splits" => {
            "; there are no regular expressions, use contains, startswith, split, index".to_owned()
        }
        name if name.starts_with('$') => format!("; there are {}", known()),
        _ => String::new(),
    };
    let (kind, name) = match undefined {
        jaq_core::compile::Undefined::Filter(arguments) => ("the filter", format!("{name}/{arguments}")),
        _ => ("the variable or name", (*name).to_owned()),
    };
    Unreadable::Unknown { kind, name, hint }
}
