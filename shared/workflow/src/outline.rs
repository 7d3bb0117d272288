//! A definition in words: what is done in which order, and what decides.

use crate::definition::{Action, Backoff, Case, Definition, Duration, Retry, Step, Template, Then, Trigger};
use std::fmt::Write as _;

/// The widest column of names.
const NAME_CHARACTERS: usize = 28;

/// A definition in words.
#[must_use]
pub fn outline(definition: &Definition) -> String {
    let mut text = format!("{}/{} {}", definition.namespace, definition.name, definition.version);
    definition.title.iter().for_each(|title| add(&mut text, &format!(": {title}")));
    add(&mut text, &format!("\n{} tasks, {} expressions", definition.steps.len(), definition.expressions));
    if let Some(limit) = &definition.limit {
        add(&mut text, &format!(", at most {}", duration(limit)));
    }
    for trigger in &definition.schedule {
        add(&mut text, &format!("\nstarted {}", self::trigger(trigger)));
    }
    add(&mut text, "\n");
    steps(&mut text, &definition.steps);
    for part in &definition.parts {
        add(&mut text, &format!("\n{}\n", part.title));
        steps(&mut text, &part.steps);
    }
    text.trim_end().to_owned()
}

/// What starts runs, in words.
#[must_use]
pub fn trigger(trigger: &Trigger) -> String {
    match trigger {
        Trigger::Cron(pattern) => {
            let zone = pattern.zone().map(|zone| format!(" in {}", zone.name())).unwrap_or_default();
            format!("by cron {}{zone}", pattern.text())
        }
        Trigger::Every(period) => format!("every {}", duration(period)),
        Trigger::After(pause) => format!("{} after each run", duration(pause)),
        Trigger::Events(events) => format!("by {}", events.title),
    }
}

fn add(text: &mut String, more: &str) {
    text.push_str(more);
}

fn steps(text: &mut String, steps: &[Step]) {
    let label = |step: &Step| format!("{}{}", "  ".repeat(step.level + 1), step.name);
    let width = steps.iter().map(|step| label(step).chars().count()).max().unwrap_or(0).min(NAME_CHARACTERS);
    for step in steps {
        let mut line = format!("{:width$}  {}", label(step), action(&step.action, steps));
        step.guard.iter().for_each(|guard| add(&mut line, &format!(", if {}", guard.text().trim())));
        step.limit.iter().for_each(|limit| add(&mut line, &format!(", within {}", duration(limit))));
        if step.then != Then::Continue {
            add(&mut line, &format!(", then {}", then(step.then, steps)));
        }
        // Writing to a text cannot fail.
        let _written = writeln!(text, "{line}");
    }
}

fn action(action: &Action, steps: &[Step]) -> String {
    match action {
        Action::Call { title, .. } => format!("calls {title}"),
        Action::Do => "does in order".to_owned(),
        Action::Emit { title, .. } => format!("emits {title}"),
        Action::For { each, over, while_, .. } => {
            let over = match over {
                Template::Expression(over) => over.text().trim(),
                _ => "a fixed list",
            };
            let holds = while_.as_ref().map(|holds| format!(", while {}", holds.text().trim()));
            format!("for each ${each} of {over}{}", holds.unwrap_or_default())
        }
        Action::Fork { compete: true } => "at once, the first to end wins".to_owned(),
        Action::Fork { compete: false } => "at once".to_owned(),
        Action::Listen(listen) => format!("waits for {}", listen.to.title),
        Action::Raise { title, .. } => format!("fails with {title}"),
        Action::Run { workflow, .. } => format!("runs {workflow}"),
        Action::Set(_) => "sets its output".to_owned(),
        Action::Switch(cases) => {
            let cases: Vec<String> = cases.iter().map(|one| case(one, steps)).collect();
            format!("goes: {}", cases.join("; "))
        }
        Action::Try { catch } => match steps.get(*catch).map(|step| &step.action) {
            Some(Action::Catch(catch)) => catch
                .retry
                .as_ref()
                .map_or_else(|| "tries".to_owned(), |policy| format!("tries, again {}", retry(policy))),
            _ => "tries".to_owned(),
        },
        Action::Catch(catch) => {
            let when = catch.when.as_ref().map(|when| format!(" and {}", when.text().trim()));
            format!("when it fails{}", when.unwrap_or_default())
        }
        Action::Wait(time) => format!("waits {}", duration(time)),
    }
}

fn case(case: &Case, steps: &[Step]) -> String {
    let when = case.when.as_ref().map(|when| format!("if {} ", when.text().trim()));
    format!("{} {}to {}", case.name, when.unwrap_or_else(|| "else ".to_owned()), then(case.then, steps))
}

fn retry(policy: &Retry) -> String {
    let mut words = Vec::new();
    words.extend(policy.attempts.map(|attempts| format!("up to {attempts} times")));
    words.extend(policy.delay.as_ref().map(|delay| format!("after {}", duration(delay))));
    words.extend(match policy.backoff {
        Backoff::Constant => None,
        Backoff::Linear { .. } => Some("growing linear".to_owned()),
        Backoff::Exponential { .. } => Some("growing exponential".to_owned()),
    });
    words.extend(policy.when.as_ref().map(|when| format!("if {}", when.text().trim())));
    words.extend(policy.except_when.as_ref().map(|when| format!("unless {}", when.text().trim())));
    words.join(" ")
}

fn then(then: Then, steps: &[Step]) -> String {
    match then {
        Then::Continue => "the next".to_owned(),
        Then::Exit => "what follows the list".to_owned(),
        Then::End => "the end".to_owned(),
        Then::Step(index) => steps.get(index).map(|step| step.name.clone()).unwrap_or_default(),
    }
}

fn duration(duration: &Duration) -> String {
    let milliseconds = match duration {
        Duration::Computed(expression) => return format!("`{}`", expression.text().trim()),
        Duration::FixedMs(milliseconds) => *milliseconds,
    };
    let units = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "min"), (1_000, "s")];
    let unit = units.into_iter().find(|(size, _)| milliseconds >= *size && milliseconds % size == 0);
    unit.map_or_else(|| format!("{milliseconds} ms"), |(size, name)| format!("{} {name}", milliseconds / size))
}
