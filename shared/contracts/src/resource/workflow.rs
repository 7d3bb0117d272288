//! Workflows: definitions in the Open Workflow Specification.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A workflow. Its name is `<namespace>/<name>:<version>`, as its document says. A version never changes: running
/// runs keep what they began with, and another content is another version.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct WorkflowSpec {
    /// The document in the Open Workflow Specification, as JSON.
    pub document: Value,
}

impl WorkflowSpec {
    /// The name that a document says: `<namespace>/<name>:<version>`. Nothing when it says none.
    #[must_use]
    pub fn name_of(document: &Value) -> Option<String> {
        let text = |field: &str| document.get("document")?.get(field)?.as_str();
        Some(format!("{}/{}:{}", text("namespace")?, text("name")?, text("version")?))
    }

    pub(super) fn check(&self, name: &str) -> Result<(), String> {
        match Self::name_of(&self.document) {
            None => {
                Err("its document has no namespace, name and version; a workflow says who it is in `document`".into())
            }
            Some(said) if said != name => Err(format!("its document says that it is {said}; name it so")),
            Some(_) => Ok(()),
        }
    }
}

/// The key by which versions are ordered: `1.10.0` after `1.9.2`, and a pre-release before its release.
#[must_use]
pub fn version_order(version: &str) -> (Vec<u64>, bool, String) {
    let (numbers, rest) = version.split_once(['-', '+']).map_or((version, ""), |(numbers, rest)| (numbers, rest));
    let numbers = numbers.split('.').map(|number| number.parse().unwrap_or(0)).collect();
    (numbers, !version.contains('-'), rest.to_owned())
}

/// The name of the workflow that `wanted` means among `names`: itself, or the highest version of `namespace/name`
/// (also said as `namespace/name:latest`).
#[must_use]
pub fn meant<'n>(wanted: &str, names: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let (bare, version) = wanted.split_once(':').map_or((wanted, None), |(bare, version)| (bare, Some(version)));
    let of_name =
        names.filter_map(|name| name.split_once(':').filter(|(own, _)| *own == bare).map(|(_, own)| (name, own)));
    match version.filter(|version| *version != "latest") {
        Some(version) => of_name.into_iter().find(|(_, own)| *own == version).map(|(name, _)| name),
        None => of_name.max_by_key(|(_, own)| version_order(own)).map(|(name, _)| name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_workflow_without_a_version_is_its_highest() {
        let names = ["a/b:1.9.2", "a/b:1.10.0", "a/b:1.10.0-rc.1", "a/bc:9.0.0"];
        for (wanted, expected) in [
            ("a/b", Some("a/b:1.10.0")),
            ("a/b:latest", Some("a/b:1.10.0")),
            ("a/b:1.9.2", Some("a/b:1.9.2")),
            ("a/b:2.0.0", None),
            ("a/c", None),
        ] {
            assert_eq!(meant(wanted, names.into_iter()), expected, "{wanted}");
        }
    }
}
