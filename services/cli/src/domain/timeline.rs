//! The timeline of a run as a tree for people.

use neptune_workflow::run::{
    Ending,
    timeline::{Line, State},
};

/// The widest column of names.
const NAME_CHARACTERS: usize = 40;
/// How much of a note or problem is shown.
const NOTE_CHARACTERS: usize = 120;
const PICO_PER_MICRO_USD: i64 = 1_000_000;

/// Tasks with what came of them and how long they took, and how the run ended.
#[must_use]
pub fn render(lines: &[Line], ending: Option<&Ending>) -> String {
    let label = |line: &Line| format!("{}{}{}", "  ".repeat(line.level), line.name, slot(line));
    let width = lines.iter().map(|line| label(line).chars().count()).max().unwrap_or(0).min(NAME_CHARACTERS);
    let mut text: Vec<String> = lines
        .iter()
        .map(|line| {
            let told = format!("{:width$}  {:9}  {:>9}{}", label(line), state(line.state), took(line), notes(line));
            told.trim_end().to_owned()
        })
        .collect();
    text.push(String::new());
    text.push(match ending {
        Some(Ending::Completed { output }) => {
            serde_json::to_string_pretty(output.as_ref()).unwrap_or_else(|_| output.to_string())
        }
        Some(ending) => match ending.problem() {
            Some(problem) => {
                let detail = problem.detail.as_deref().or(problem.title.as_deref()).unwrap_or(&problem.kind);
                // The run's own input, output and limit are at no task.
                let place = match problem.instance.as_str() {
                    "" => String::new(),
                    instance => format!(" at {instance}"),
                };
                format!("{}{place}: {detail}", ending.name())
            }
            None => ending.name().to_owned(),
        },
        None => "the run did not end".to_owned(),
    });
    text.join("\n")
}

/// Which iteration or branch it is, from the second on.
fn slot(line: &Line) -> String {
    if line.slot == 0 { String::new() } else { format!(" [{}]", line.slot) }
}

fn state(state: State) -> &'static str {
    match state {
        State::Running => "runs",
        State::Done => "done",
        State::Skipped => "skipped",
        State::Failed => "failed",
        State::Cancelled => "cancelled",
        State::Dropped => "dropped",
    }
}

fn took(line: &Line) -> String {
    let Some(took_ms) = line.ended_ms.map(|ended_ms| ended_ms.saturating_sub(line.started_ms)) else {
        return String::new();
    };
    match took_ms {
        0..1_000 => format!("{took_ms} ms"),
        1_000..120_000 => format!("{}.{} s", took_ms / 1_000, took_ms % 1_000 / 100),
        _ => format!("{} min", took_ms / 60_000),
    }
}

fn notes(line: &Line) -> String {
    let mut notes = Vec::new();
    if line.cost_pico_usd > 0 {
        notes.push(format!("{} millionths of a dollar", line.cost_pico_usd / PICO_PER_MICRO_USD));
    }
    if let Some(note) = &line.note {
        let model = note.get("model").and_then(|model| model.as_str()).map(|model| format!("model {model}"));
        let local = note.get("local").and_then(|local| local.as_str()).map(str::to_owned);
        notes.extend(model.or(local));
    }
    notes.extend(line.problem.clone());
    let text: String = notes.join("; ").replace('\n', " ").chars().take(NOTE_CHARACTERS).collect();
    if text.is_empty() { text } else { format!("  {text}") }
}
