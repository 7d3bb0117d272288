//! Reading JSON while noting every field that nobody reads.

use crate::{json::require_object, problem::Problem};
use serde::Deserialize;
use serde_ignored::Path;

/// Most unknown fields that are named; of the others only the count is kept.
const MAX_NAMED: usize = 16;
/// Of a field's path this many characters are kept.
const MAX_PATH_CHARACTERS: usize = 128;

/// Fields of a body that nobody reads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unknown {
    /// Their paths, as in `constraints.max_cost` or `deliver[0].cc`: the first 16.
    pub named: Vec<String>,
    /// How many more there are.
    pub further: usize,
}

/// Reads a body, which is an object, and notes its unknown fields, apart from `tolerated` ones.
///
/// # Errors
/// It is not JSON, or not of this shape.
pub fn read<'de, T: Deserialize<'de>>(body: &'de [u8], tolerated: &[&str]) -> serde_json::Result<(T, Unknown)> {
    require_object(body)?;
    let mut unknown = Unknown::default();
    let mut json = serde_json::Deserializer::from_slice(body);
    let found = serde_ignored::deserialize(&mut json, |path| unknown.note(&path, tolerated))?;
    json.end()?;
    Ok((found, unknown))
}

impl Unknown {
    /// Whether every field was known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.named.is_empty()
    }

    /// A warning for each field that was ignored.
    #[must_use]
    pub fn into_warnings(self) -> Vec<Problem> {
        let remedy = "check its spelling against the schema, or leave it out";
        let warning = |field| Problem::new(field, "no such field, so it was ignored", remedy);
        let mut warnings: Vec<Problem> = self.named.into_iter().map(warning).collect();
        if self.further > 0 {
            let text = format!("{} more fields are unknown and were ignored", self.further);
            warnings.push(Problem::new("(body)", text, remedy));
        }
        warnings
    }

    fn note(&mut self, path: &Path<'_>, tolerated: &[&str]) {
        if self.named.len() >= MAX_NAMED {
            self.further += 1;
            return;
        }
        let field: String = name(path).chars().take(MAX_PATH_CHARACTERS).collect();
        if !tolerated.contains(&field.as_str()) {
            self.named.push(field);
        }
    }
}

/// `deliver[0].to`, as everywhere else.
fn name(path: &Path<'_>) -> String {
    match path {
        Path::Root => String::new(),
        Path::Seq { parent, index } => format!("{}[{index}]", name(parent)),
        Path::Map { parent, key } => match name(parent) {
            parent if parent.is_empty() => key.clone(),
            parent => format!("{parent}.{key}"),
        },
        Path::Some { parent } | Path::NewtypeStruct { parent } | Path::NewtypeVariant { parent } => name(parent),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::task::Constraints;

    #[test]
    fn a_flood_of_unknown_fields_is_counted_and_not_kept() {
        let fields: Vec<String> = (0..1_000).map(|index| format!("\"x{index}{}\": 1", "y".repeat(1_000))).collect();
        let body = format!("{{{}}}", fields.join(","));
        let (_, unknown): (Constraints, _) = read(body.as_bytes(), &[]).unwrap();
        assert_eq!((unknown.named.len(), unknown.further), (16, 984));
        assert!(unknown.named.iter().all(|name| name.len() == 128));
        let last = unknown.into_warnings().pop().unwrap();
        assert_eq!(last.message, "984 more fields are unknown and were ignored");
    }
}
