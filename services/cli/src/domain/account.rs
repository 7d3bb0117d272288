//! The account of a task for people: what became of it, and why.

use super::table::Table;
use neptune_contracts::{
    PicoUsd,
    attempt::Attempt,
    finished::TaskFinished,
    ids::TaskId,
    plan::{Explanation, Learning},
    query::{BudgetReport, SpendReport, TaskView, quality::Judgement},
    task::CacheMode,
};
use neptune_router::domain::recall::recall;

/// What became of a task, in a few lines.
#[must_use]
pub fn summary(finished: &TaskFinished) -> String {
    let mut lines = vec![format!("task      {}", finished.id), format!("team      {}", finished.team)];
    lines.push(format!("outcome   {}", finished.outcome.as_str()));
    if let Some(task_type) = finished.task_type {
        lines.push(format!("kind      {task_type}"));
    }
    if let Some(hit) = &finished.cache {
        let how = if hit.kind == CacheMode::Near { "nearly the same" } else { "the same" };
        lines.push(format!(
            "model     none: {how} as task {}, which {} answered; saved ${}",
            hit.task, hit.model, hit.saved_usd
        ));
    }
    if let Some(winner) = finished.winner() {
        lines.push(format!(
            "model     {} ({} attempt{})",
            winner.model,
            finished.attempts.len(),
            plural(finished.attempts.len())
        ));
    }
    if let Some(parked) = &finished.parked {
        let (times, seconds) = (parked.times, millis(parked.total_ms));
        lines.push(format!("waited    {seconds} s for a model with room, in {times} wait{}", plural(times as usize)));
    }
    lines.push(format!("cost      ${}", finished.cost_usd));
    lines.push(format!("added     {} ms by Neptune", millis(finished.times.added_us)));
    if let Some(error) = &finished.error {
        lines.push(format!("error     {}: {}", error.code, error.message));
        lines.extend(error.problems.iter().map(|problem| format!("          {problem}")));
    }
    lines.extend(finished.warnings.iter().map(|warning| format!("warning   {warning}")));
    lines.join("\n")
}

/// A task as the ledger has it: its summary, attempts and deliveries.
#[must_use]
pub fn view(view: &TaskView) -> String {
    let mut parts = vec![summary(&view.finished), format!("ledger    ${}", view.ledger_total_usd)];
    parts.extend(view.quality.map(judgement));
    parts.extend(attempts(&view.finished.attempts));
    if !view.deliveries.is_empty() {
        let mut table = Table::new(&["delivery", "channel", "state", ">tries", "last error"]);
        for delivery in &view.deliveries {
            let error = delivery.error.clone().unwrap_or_default();
            table.row([
                delivery.id.to_string(),
                delivery.channel.to_string(),
                delivery.state.clone(),
                delivery.attempts.to_string(),
                error,
            ]);
        }
        parts.push(format!("\nDeliveries\n{}", table.render()));
    }
    parts.join("\n")
}

fn judgement(quality: Judgement) -> String {
    let others = quality.given.saturating_sub(1);
    let of = if others == 0 { String::new() } else { format!("; it outweighs {others} other") };
    format!("quality   {:.2} by {} at {}{of}", quality.score, quality.by.as_str(), quality.given_at)
}

/// Why a task went the way it did.
#[must_use]
pub fn explanation(finished: &TaskFinished) -> String {
    let mut parts = vec![summary(finished)];
    if let Some(admission) = &finished.admission {
        parts.push(format!(
            "\nGovernance admitted it as {} under policy {}.",
            admission.class, admission.policy_version
        ));
        if let Some(cap) = admission.max_cost_usd {
            parts.push(format!("It may cost ${cap} at most."));
        }
        let found: Vec<String> =
            admission.findings.iter().map(|finding| format!("{} x {}", finding.count, finding.kind)).collect();
        if !found.is_empty() {
            parts.push(format!("Sensitive data was found: {}.", found.join(", ")));
        }
    }
    if let Some(parked) = &finished.parked {
        parts.push(format!("\nIt waited, the last time because {}.", parked.because));
    }
    match &finished.route {
        Some(route) => {
            parts.extend(choice(route));
            parts.extend(again(finished.id, route));
        }
        None if finished.cache.is_some() => {
            parts.push("\nNo model was chosen: an answer in the cache served again.".into())
        }
        None if finished.times.routed_at.is_some() => {
            parts.push("\nThe router weighed no model, for the reason above.".into());
        }
        None => parts.push("\nIt never reached the router.".into()),
    }
    parts.extend(attempts(&finished.attempts));
    parts.join("\n")
}

fn choice(route: &Explanation) -> Vec<String> {
    let mut parts = vec![format!("\nWhy this model\n{}", route.because)];
    parts.push(format!(
        "Route {}{}; {} ({}, {:.0} % sure); a right answer is worth ${}; decided in {} us.",
        route.route,
        route.part.as_ref().map(|part| format!(", part {part}")).unwrap_or_default(),
        route.task_type,
        route.task_type_by,
        route.task_type_confidence * 100.0,
        route.value_usd,
        route.decided_in_us
    ));
    if let Some(money) = route.money.as_ref().filter(|money| money.lambda_from.starts_with("budget ")) {
        parts.push(format!("What it is worth follows {}.", money.lambda_from));
    }
    if let Some(propensity) = route.propensity.filter(|propensity| *propensity < 1.0) {
        parts.push(format!("The draws make this choice with probability {propensity:.3}."));
    }
    if let Some(strategy) = route.strategy.as_ref().filter(|strategy| strategy.because != route.because) {
        parts.push(format!("Strategy {}: {}.", strategy.kind, strategy.because));
    }
    if !route.shadows.is_empty() {
        parts.push(format!("To be compared, it is done unseen by {} too.", route.shadows.join(", ")));
    }
    if let Some(judge) = &route.judged_by {
        parts.push(format!(
            "It was drawn for {judge} to judge its answer, unseen; `neptune task show` tells the score."
        ));
    }
    if !route.relaxed.is_empty() {
        parts.push(format!("Nothing fitted, so these constraints were given up: {}.", route.relaxed.join(", ")));
    }
    if !route.candidates.is_empty() {
        let mut table = Table::new(&["candidate", ">quality", ">success", ">cost", ">latency", ">utility"]);
        for candidate in &route.candidates {
            table.row([
                candidate.model.clone(),
                format!("{:.2}", candidate.quality),
                format!("{:.2}", candidate.success),
                format!("${}", candidate.cost_usd),
                format!("{} ms", candidate.latency_ms),
                format!("{:.5}", candidate.utility_usd),
            ]);
        }
        parts.push(format!("\nWeighed\n{}", table.render()));
    }
    parts.extend(route.learning.iter().flat_map(learnt));
    if !route.removed.is_empty() {
        let mut table = Table::new(&["model", "removed by", "reason"]);
        for removed in &route.removed {
            table.row([removed.model.clone(), removed.by.clone(), removed.reason.clone()]);
        }
        parts.push(format!("\nRemoved\n{}", table.render()));
    }
    parts
}

/// Whether the record alone gives the decision again; nothing for one that has not everything.
fn again(task: TaskId, route: &Explanation) -> Option<String> {
    let is_same = recall(task, route)?.agrees(route);
    let verdict = if is_same {
        "the draws and the choice are the same, to the last bit"
    } else {
        "the draws or the choice differ: another version of the rules made it, or the record was changed"
    };
    Some(format!("\nMade again from this record, {verdict}."))
}

/// What was believed about quality, from what, and what would have changed the choice.
fn learnt(learning: &Learning) -> Vec<String> {
    let levels: Vec<String> =
        learning.levels.iter().map(|level| format!("{} n={:.0}", level.key, level.observations)).collect();
    let mut parts =
        vec![format!("\nLearnt (policy {})\nFeedback on the chosen model: {}.", learning.policy, levels.join(", "))];
    if learning.explored {
        parts.push("It was tried although another was expected to be better.".into());
    }
    if let Some(reason) = &learning.refrained {
        parts.push(format!("Nothing was tried out of turn: {}.", refrained(reason)));
    }
    let mut table = Table::new(&["candidate", ">quality from", ">to", ">drawn"]);
    for belief in &learning.beliefs {
        let numbers = [belief.quality_low, belief.quality_high, belief.draw].map(|number| format!("{number:.3}"));
        let [low, high, draw] = numbers;
        table.row([belief.model.clone(), low, high, draw]);
    }
    parts.push(table.render());
    if let Some(margin_usd) = learning.margin_usd {
        parts.push(format!(
            "\nThe best is expected to be worth ${margin_usd:.6} more than the next. It would change with:"
        ));
        parts.extend(learning.would_change.iter().map(|change| format!("- {change}")));
    }
    parts
}

/// Why no other model was tried, in words; a reason of tomorrow as it stands.
fn refrained(reason: &str) -> &str {
    match reason {
        "sensitive" => "its data is not for experiments",
        "critical" => "it is marked as critical",
        "spent" => "as many of the team's tasks were used for that lately as may be",
        "no_feedback" => "nobody has said yet how good the candidates' answers are",
        "session" => "it stays with the model of its session",
        other => other,
    }
}

fn attempts(attempts: &[Attempt]) -> Option<String> {
    if attempts.is_empty() {
        return None;
    }
    let mut table = Table::new(&[">#", "model", "zone", ">took", ">in", ">out", ">cost", "result"]);
    for (index, attempt) in attempts.iter().enumerate() {
        let result = attempt.error.as_ref().map_or_else(|| answered(attempt), |error| error.message.clone());
        table.row([
            (index + 1).to_string(),
            attempt.model.clone(),
            attempt.zone.to_string(),
            format!("{} ms", millis(attempt.latency_us)),
            attempt.usage.input_total().to_string(),
            attempt.usage.output_total().to_string(),
            format!("${}{}", attempt.cost_usd, if attempt.estimated { " (estimated)" } else { "" }),
            result,
        ]);
    }
    Some(format!("\nAttempts\n{}", table.render()))
}

/// What became of an answer, and why it was asked for.
fn answered(attempt: &Attempt) -> String {
    let verdict = match &attempt.validation {
        Some(validation) if !validation.passed => format!("not as asked: {}", validation.problems.join(", ")),
        Some(validation) if validation.repaired => "answered, its JSON repaired".to_owned(),
        _ => "answered".to_owned(),
    };
    match &attempt.purpose {
        Some(purpose) => format!("{verdict} ({})", purpose.replace('_', " ")),
        None => verdict,
    }
}

/// Spend, one line a group.
#[must_use]
pub fn spend(report: &SpendReport, group: &'static str) -> String {
    let mut table = Table::new(&[group, ">tasks", ">calls", ">input tokens", ">output tokens", ">cost", ">quality"]);
    for row in &report.rows {
        let numbers = [row.tasks, row.calls, row.input_tokens, row.output_tokens].map(|number| number.to_string());
        let [tasks, calls, input, output] = numbers;
        let quality = row.quality.map_or("-".to_owned(), |quality| format!("{quality:.2} (n={})", row.judged));
        table.row([row.group.clone(), tasks, calls, input, output, format!("${}", row.cost_usd), quality]);
    }
    let as_of = report.as_of.map(|time| format!(", as of {time}")).unwrap_or_default();
    let mut text = format!("{}\ntotal ${}{as_of}", table.render(), report.total_usd);
    let served: u64 = report.rows.iter().map(|row| row.served_from_cache).sum();
    if served > 0 {
        let saved: PicoUsd = report.rows.iter().map(|row| row.saved_usd).sum();
        text.push_str(&format!(
            "\nthe cache answered {served} task{} and saved ${saved}",
            if served == 1 { "" } else { "s" }
        ));
    }
    text
}

/// How budgets stand, one line each.
#[must_use]
pub fn budgets(report: &BudgetReport) -> String {
    let mut table = Table::new(&["budget", "period", ">limit", ">spent", ">held"]);
    for budget in &report.budgets {
        let money = [budget.limit_usd, budget.spent_usd, budget.held_usd].map(|amount| format!("${amount}"));
        let [limit, spent, held] = money;
        table.row([budget.name.clone(), budget.period.clone(), limit, spent, held]);
    }
    table.render()
}

fn millis(micros: u64) -> String {
    format!("{}.{}", micros / 1_000, micros % 1_000 / 100)
}

fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use neptune_contracts::{parked::Parking, problem::Problem};
    use serde_json::{Value, json};

    fn finished() -> TaskFinished {
        let attempt = |id: u32, model: &str, error: Value| {
            json!({
                "id": format!("00000000-0000-7000-8000-00000000000{id}"), "model": model, "provider": "openai", "zone": "external",
                "started_at": "2026-11-23T09:50:00Z", "latency_us": 120_456, "usage": {"input_uncached": 40, "output": 12},
                "cost_usd": "0.00031", "error": error,
            })
        };
        serde_json::from_value(json!({
            "id": "00000000-0000-7000-8000-000000000000", "team": "support", "origin": "api", "outcome": "completed",
            "attempts": [
                attempt(1, "openai/a", json!({"class": "overload", "message": "the provider answered 500"})),
                attempt(2, "mistral/b", Value::Null),
            ],
            "cost_usd": "0.00062", "task_type": "classification", "lane": "realtime",
            "route": {
                "route": "auto", "task_type": "classification", "task_type_by": "predicted", "task_type_confidence": 0.91,
                "config_revision": 7, "value_usd": "0.02", "because": "openai/a has the highest utility",
                "removed": [{"model": "meta/c", "by": "governance", "reason": "no grant"}],
                "candidates": [
                    {"model": "openai/a", "quality": 0.9, "success": 0.99, "cost_usd": "0.0003", "latency_ms": 800, "utility_usd": 0.0171},
                    {"model": "mistral/b", "quality": 0.8, "success": 0.98, "cost_usd": "0.0001", "latency_ms": 600, "utility_usd": 0.0156},
                ],
                "relaxed": ["latency"], "decided_in_us": 41, "judged_by": "c/judge",
                "learning": {
                    "policy": "1.7", "explored": false, "refrained": "spent", "margin_usd": 0.0015,
                    "levels": [{"key": "*", "observations": 91.4}, {"key": "type:classification", "observations": 12.0}],
                    "beliefs": [
                        {"model": "openai/a", "quality_low": 0.85, "quality_high": 0.95, "draw": 0.9123},
                        {"model": "mistral/b", "quality_low": 0.7, "quality_high": 0.9, "draw": 0.8},
                    ],
                    "would_change": ["quality of openai/a below 0.820 -> mistral/b"],
                },
            },
            "times": {"submitted_at": "2026-11-23T09:50:00Z", "finished_at": "2026-11-23T09:50:01Z", "added_us": 1_870},
        }))
        .unwrap()
    }

    #[test]
    fn an_account_says_what_was_chosen_and_why() {
        let expected = "\
task      00000000-0000-7000-8000-000000000000
team      support
outcome   completed
kind      classification
model     mistral/b (2 attempts)
cost      $0.00062
added     1.8 ms by Neptune

Why this model
openai/a has the highest utility
Route auto; classification (predicted, 91 % sure); a right answer is worth $0.02; decided in 41 us.
It was drawn for c/judge to judge its answer, unseen; `neptune task show` tells the score.
Nothing fitted, so these constraints were given up: latency.

Weighed
CANDIDATE  QUALITY  SUCCESS     COST  LATENCY  UTILITY
openai/a      0.90     0.99  $0.0003   800 ms  0.01710
mistral/b     0.80     0.98  $0.0001   600 ms  0.01560

Learnt (policy 1.7)
Feedback on the chosen model: * n=91, type:classification n=12.
Nothing was tried out of turn: as many of the team's tasks were used for that lately as may be.
CANDIDATE  QUALITY FROM     TO  DRAWN
openai/a          0.850  0.950  0.912
mistral/b         0.700  0.900  0.800

The best is expected to be worth $0.001500 more than the next. It would change with:
- quality of openai/a below 0.820 -> mistral/b

Removed
MODEL   REMOVED BY  REASON
meta/c  governance  no grant

Attempts
#  MODEL      ZONE          TOOK  IN  OUT      COST  RESULT
1  openai/a   external  120.4 ms  40   12  $0.00031  the provider answered 500
2  mistral/b  external  120.4 ms  40   12  $0.00031  answered";
        assert_eq!(explanation(&finished()), expected);
    }

    #[test]
    fn a_judged_answer_says_by_whom() {
        let told = view(&TaskView {
            finished: finished(),
            deliveries: Vec::new(),
            ledger_total_usd: PicoUsd::ZERO,
            quality: serde_json::from_value(
                json!({"score": 0.7, "by": "person", "given_at": "2026-11-23T10:00:00Z", "given": 3}),
            )
            .unwrap(),
        });
        let wanted = "ledger    $0\nquality   0.70 by person at 2026-11-23T10:00:00Z; it outweighs 2 other\n";
        assert!(told.contains(wanted), "{told}");
    }

    #[test]
    fn waiting_for_room_is_told() {
        let because = "every model is at its rate limit".to_owned();
        let parked = Some(Parking { times: 2, total_ms: 61_530, because });
        let fact = TaskFinished { parked, ..finished() };
        let text = explanation(&fact);
        assert!(text.contains("\nwaited    61.5 s for a model with room, in 2 waits\n"), "{text}");
        assert!(text.contains("\nIt waited, the last time because every model is at its rate limit.\n"), "{text}");
    }

    #[test]
    fn a_record_is_held_against_its_own_repetition() {
        let mut fact = finished();
        let id = fact.id;
        let route = fact.route.as_mut().unwrap();
        let learning = route.learning.as_mut().unwrap();
        let draws = neptune_router::domain::draw::Draws::new(id.0.as_u128(), &learning.policy);
        for (belief, candidate) in learning.beliefs.iter_mut().zip(&route.candidates) {
            belief.mass = Some(20.0);
            belief.draw = draws.quality(&belief.model, candidate.quality, 20.0);
        }
        assert!(explanation(&fact).contains("Made again from this record, the draws and the choice are the same"));
        let learning = fact.route.as_mut().unwrap().learning.as_mut().unwrap();
        learning.beliefs.first_mut().unwrap().draw += 1e-15;
        assert!(explanation(&fact).contains("Made again from this record, the draws or the choice differ"));
    }

    #[test]
    fn what_was_ignored_is_told() {
        let remedy = "check its spelling against the schema, or leave it out";
        let warning = Problem::new("constraints.max_cost", "no such field, so it was ignored", remedy);
        let text = summary(&TaskFinished { warnings: vec![warning], ..finished() });
        let wanted = format!("\nwarning   constraints.max_cost: no such field, so it was ignored; {remedy}");
        assert!(text.ends_with(&wanted), "{text}");
    }

    #[test]
    fn spend_ends_with_its_total() {
        let report = serde_json::from_value(json!({
            "rows": [{"group": "support", "tasks": 3, "calls": 4, "input_tokens": 120, "output_tokens": 36, "cost_usd": "0.00124",
                "served_from_cache": 2, "saved_usd": "0.0008", "judged": 2, "quality": 0.75},
                {"group": "sales", "tasks": 1, "calls": 1, "input_tokens": 1, "output_tokens": 1, "cost_usd": "0"}],
            "total_usd": "0.00124", "as_of": "2026-11-23T09:50:00Z",
        }));
        let expected = "\
TEAM     TASKS  CALLS  INPUT TOKENS  OUTPUT TOKENS      COST     QUALITY
support      3      4           120             36  $0.00124  0.75 (n=2)
sales        1      1             1              1        $0           -
total $0.00124, as of 2026-11-23T09:50:00Z
the cache answered 2 tasks and saved $0.0008";
        assert_eq!(spend(&report.unwrap(), "team"), expected);
    }
}
