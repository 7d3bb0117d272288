//! The weekly report on routing, for people.

use super::table::Table;
use neptune_contracts::query::routing::{
    Exploration, FallbackReason, Method, PolicyName, PolicyOutcome, QualityEstimate, RemovedBy, RoutingReport,
    RoutingRow, ShadowRow,
};

/// The report as text.
#[must_use]
pub fn render(report: &RoutingReport) -> String {
    let as_of = report.as_of.map(|time| format!(", as of {time}")).unwrap_or_default();
    let mut parts = vec![format!("{} tasks reached the router and cost ${}{as_of}.", report.tasks, report.cost_usd)];
    if report.tasks == 0 {
        return parts.join("\n");
    }
    parts.push(format!("\nWho did what\n{}", rows(&report.rows)));
    let considered = report.decisions;
    let from = if considered.considered == considered.of {
        format!("all {} recorded decisions", considered.of)
    } else {
        format!("{} of {} recorded decisions, an even sample by id", considered.considered, considered.of)
    };
    if !report.policies.is_empty() {
        parts.push(format!("\nOther policies, from {from}\n{}", policies(&report.policies)));
        parts.extend(explained(&report.policies));
    }
    parts.push(format!("\n{}", exploration(&report.exploration)));
    if !report.removed.is_empty() {
        parts.push(format!("\nRemoved before weighing\n{}", removed(&report.removed)));
    }
    if !report.fallbacks.is_empty() {
        parts.push(format!("\nCalls that failed\n{}", fallbacks(&report.fallbacks)));
    }
    if !report.shadows.is_empty() {
        parts.push(format!("\nDone unseen, beside what was served\n{}", shadows(&report.shadows)));
    }
    parts.join("\n")
}

fn rows(rows: &[RoutingRow]) -> String {
    let columns =
        ["place", "model", ">tasks", ">share", ">cost", ">failed", ">fell back", ">cached", ">saved", ">quality"];
    let mut table = Table::new(&columns);
    for row in rows {
        let kind = row.task_type.map_or("unknown", |kind| kind.as_str());
        let place = match (&row.workflow, &row.step) {
            (Some(workflow), Some(step)) => format!("{workflow} {step} ({kind})"),
            _ => kind.to_owned(),
        };
        let [failed, fell_back, cached] =
            [row.failed, row.fell_back, row.served_from_cache].map(|count| count.to_string());
        table.row([
            place,
            row.model.clone().unwrap_or_else(|| "none answered".into()),
            row.tasks.to_string(),
            format!("{:.0} %", row.share * 100.0),
            format!("${}", row.cost_usd),
            failed,
            fell_back,
            cached,
            format!("${}", row.saved_usd),
            row.quality.map_or("-".into(), |quality| format!("{quality:.2} (n={})", row.judged)),
        ]);
    }
    table.render()
}

fn policies(policies: &[PolicyOutcome]) -> String {
    let mut table = Table::new(&["policy", ">tasks", ">cost", ">same tasks cost", "cost by", "quality"]);
    for outcome in policies {
        let detail = outcome.detail.as_ref().map(|detail| format!(" ({detail})")).unwrap_or_default();
        let quality: Vec<String> = outcome.quality.iter().map(estimate).collect();
        let left =
            if outcome.unavailable > 0 { format!(" ({} as they were)", outcome.unavailable) } else { String::new() };
        table.row([
            format!("{}{detail}", name(outcome.policy)),
            format!("{}{left}", outcome.tasks),
            format!("${}", outcome.cost_usd),
            format!("${}", outcome.actual_cost_usd),
            outcome.cost_by.as_str().to_owned(),
            if quality.is_empty() { "unknown".to_owned() } else { quality.join(", ") },
        ]);
    }
    table.render()
}

fn estimate(estimate: &QualityEstimate) -> String {
    let effective = estimate.effective.map(|effective| format!(", worth {effective:.1}")).unwrap_or_default();
    format!("{:.3} {} (n={}{effective})", estimate.mean, estimate.by.as_str(), estimate.observations)
}

/// What the methods mean, of those that occur.
fn explained(policies: &[PolicyOutcome]) -> Vec<String> {
    let occurs = |by: Method| {
        policies.iter().any(|outcome| outcome.cost_by == by || outcome.quality.iter().any(|quality| quality.by == by))
    };
    [
        (Method::Observed, "counted, from the ledger and from feedback"),
        (Method::ExpectedCost, "the model's expected cost on record, times actual over expected cost of the task"),
        (Method::ObservedByKind, "means of the tasks the other policy decided, weighted by kind of work"),
        (Method::Believed, "what was believed when the decision was made; nobody judged it"),
        (Method::InversePropensity, "judged tasks with the same choice, weighted by how unlikely it was"),
    ]
    .into_iter()
    .filter(|(by, _)| occurs(*by))
    .map(|(by, text)| format!("  {}: {text}", by.as_str()))
    .collect()
}

fn name(policy: PolicyName) -> &'static str {
    match policy {
        PolicyName::AsDecided => "as decided",
        PolicyName::AlwaysStrongest => "always the strongest",
        PolicyName::BestSingle => "best single model",
        PolicyName::Previous => "previous policy",
    }
}

fn exploration(exploration: &Exploration) -> String {
    if exploration.tasks == 0 {
        return "Nothing was tried out of turn.".into();
    }
    format!(
        "Tried out of turn: {} tasks, which cost ${}; others were expected to be worth ${:.6} more in all.",
        exploration.tasks, exploration.cost_usd, exploration.forgone_usd
    )
}

fn removed(rows: &[RemovedBy]) -> String {
    let mut table = Table::new(&["by", ">models", ">decisions"]);
    for row in rows {
        table.row([row.by.clone(), row.models.to_string(), row.tasks.to_string()]);
    }
    table.render()
}

fn fallbacks(rows: &[FallbackReason]) -> String {
    let mut table = Table::new(&["model", "because", ">calls"]);
    for row in rows {
        table.row([row.model.clone(), row.class.clone(), row.calls.to_string()]);
    }
    table.render()
}

fn shadows(rows: &[ShadowRow]) -> String {
    let columns = [
        "model",
        "kind",
        ">copies",
        ">answered",
        ">invalid",
        ">same answer",
        ">cost",
        ">served",
        ">took",
        ">served took",
    ];
    let mut table = Table::new(&columns);
    for row in rows {
        let [copies, answered, invalid] = [row.copies, row.answered, row.invalid].map(|count| count.to_string());
        let took =
            |latency_ms: Option<f64>| latency_ms.map_or("-".to_owned(), |latency_ms| format!("{latency_ms:.0} ms"));
        table.row([
            row.model.clone(),
            row.task_type.map_or("unknown", |kind| kind.as_str()).to_owned(),
            copies,
            answered,
            invalid,
            format!("{} of {}", row.agreed, row.compared),
            format!("${}", row.cost_usd),
            format!("${}", row.served_cost_usd),
            took(row.latency_ms),
            took(row.served_latency_ms),
        ]);
    }
    table.render()
}

#[cfg(test)]
mod tests;
