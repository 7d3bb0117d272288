//! Scenarios as the conformance kit writes them.

/// A scenario.
pub(crate) struct Scenario {
    pub(crate) name: String,
    pub(crate) steps: Vec<Step>,
}

/// A line of a scenario, and the text below it.
pub(crate) struct Step {
    /// Without `Given`, `When`, `Then`, `And`.
    pub(crate) text: String,
    pub(crate) content: String,
}

/// The scenarios of a feature.
pub(crate) fn read(feature: &str) -> Vec<Scenario> {
    let mut scenarios: Vec<Scenario> = Vec::new();
    let mut block: Option<Vec<&str>> = None;
    for line in feature.lines() {
        let bare = line.trim();
        if bare.starts_with("\"\"\"") {
            match block.take() {
                None => block = Some(Vec::new()),
                Some(lines) => {
                    let step = scenarios.last_mut().unwrap().steps.last_mut().unwrap();
                    step.content = unindented(&lines);
                }
            }
        } else if let Some(lines) = &mut block {
            lines.push(line);
        } else if let Some(name) = bare.strip_prefix("Scenario:") {
            scenarios.push(Scenario { name: name.trim().to_owned(), steps: Vec::new() });
        } else if let Some(text) = step_text(bare) {
            let Some(scenario) = scenarios.last_mut() else { continue };
            scenario.steps.push(Step { text: text.to_owned(), content: String::new() });
        }
    }
    scenarios
}

fn step_text(line: &str) -> Option<&str> {
    let text = ["Given ", "When ", "Then ", "And "].iter().find_map(|word| line.strip_prefix(word))?;
    Some(text.strip_prefix("given ").unwrap_or(text))
}

fn unindented(lines: &[&str]) -> String {
    let filled = || lines.iter().filter(|line| !line.trim().is_empty());
    let indent = filled().map(|line| line.len() - line.trim_start().len()).min().unwrap_or(0);
    lines.iter().map(|line| format!("{}\n", line.get(indent..).unwrap_or(""))).collect()
}
