//! Functions of a formatted source, by indentation.

use crate::sources::Source;

pub(crate) struct Function {
    pub(crate) name: String,
    pub(crate) line: usize,
    pub(crate) lines: usize,
    pub(crate) parameters: usize,
}

pub(crate) fn functions(source: &Source) -> Vec<Function> {
    let lines: Vec<&str> = source.text.lines().collect();
    let last = source.code_lines().last().map_or(0, |(number, _)| number);
    let mut found = Vec::new();
    for (index, line) in lines.iter().enumerate().take(last) {
        let Some(name) = function_name(line) else { continue };
        let indent = line.len() - line.trim_start().len();
        let closes = |candidate: &str| {
            candidate.starts_with(&format!("{}}}", " ".repeat(indent)))
                || (candidate.ends_with(';') && candidate.len() - candidate.trim_start().len() == indent)
        };
        let length = if line.ends_with(';') || line.ends_with('}') {
            1
        } else {
            lines[index + 1..].iter().position(|line| closes(line)).map_or(1, |offset| offset + 2)
        };
        let signature: String = lines[index..(index + length).min(index + 16)].join(" ");
        found.push(Function { name, line: index + 1, lines: length, parameters: parameters(&signature) });
    }
    found
}

fn function_name(line: &str) -> Option<String> {
    let code = line.trim_start();
    let rest = ["pub(crate) ", "pub "].iter().find_map(|prefix| code.strip_prefix(prefix)).unwrap_or(code);
    let rest = rest.strip_prefix("const ").unwrap_or(rest);
    let rest = rest.strip_prefix("async ").unwrap_or(rest);
    let name = rest.strip_prefix("fn ")?;
    Some(name.split(['(', '<']).next()?.to_owned())
}

/// Parameters of a signature, `self` not counted.
fn parameters(signature: &str) -> usize {
    let Some(start) = opening(signature) else { return 0 };
    let (mut depth, mut count, mut current) = (0_i32, 0, String::new());
    for character in signature[start + 1..].chars() {
        match character {
            ')' if depth == 0 => break,
            '(' | '[' | '{' | '<' => depth += 1,
            ')' | ']' | '}' | '>' => depth -= 1,
            ',' if depth == 0 => {
                count += usize::from(is_parameter(&current));
                current.clear();
                continue;
            }
            _ => {}
        }
        current.push(character);
    }
    count + usize::from(is_parameter(&current))
}

/// The bracket that opens the parameters, past the generics.
fn opening(signature: &str) -> Option<usize> {
    let mut depth = 0;
    let name = signature.find("fn ")?;
    signature[name..].char_indices().find_map(|(index, character)| {
        match character {
            '<' => depth += 1,
            '>' => depth -= 1,
            '(' if depth == 0 => return Some(name + index),
            _ => {}
        }
        None
    })
}

fn is_parameter(text: &str) -> bool {
    let text = text.trim();
    !text.is_empty() && !["self", "&self", "&mut self", "mut self"].contains(&text)
}
