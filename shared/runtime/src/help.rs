//! The `--help` text, rendered from the tables that configuration is read from.

use crate::config::Variable;

/// Blank columns before a variable's explanation.
const INDENT: &str = "      ";

pub(crate) fn render(program: &str, about: &str, tables: &[&[Variable]]) -> String {
    let variables = tables.iter().flat_map(|table| table.iter()).map(line).collect::<String>();
    format!("{program}: {about}\n\nUsage: {program} [--help | --version]\n\nEnvironment variables:\n{variables}")
}

fn line(variable: &Variable) -> String {
    let default = match variable.default {
        None => "required".to_owned(),
        Some("") => "optional".to_owned(),
        Some(default) => format!("default: {default}"),
    };
    format!("  {} [{default}]\n{INDENT}{}\n", variable.name, variable.help)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_each_variable_with_its_default() {
        let table = [
            Variable { name: "NEPTUNE_DEMO_PORT", default: Some("8080"), help: "The port." },
            Variable { name: "NEPTUNE_DEMO_URL", default: None, help: "Where it is." },
            Variable { name: "NEPTUNE_DEMO_NOTE", default: Some(""), help: "A note." },
        ];
        let expected = "neptune-demo: shows things\n\nUsage: neptune-demo [--help | --version]\n\n\
            Environment variables:\n  NEPTUNE_DEMO_PORT [default: 8080]\n      The port.\n  \
            NEPTUNE_DEMO_URL [required]\n      Where it is.\n  NEPTUNE_DEMO_NOTE [optional]\n      A note.\n";
        assert_eq!(render("neptune-demo", "shows things", &[&table]), expected);
    }
}
