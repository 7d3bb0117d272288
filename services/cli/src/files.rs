//! Resource files: YAML with any number of documents, or JSON with one. Every fault is reported
//! with file and line, all of them at once. Definitions of workflows stand in files as their language has them.

use crate::{
    domain::{
        diff::Specs,
        place,
        spec::{self, Kind},
    },
    error::Error,
};
use neptune_contracts::resource::{API_VERSION, Manifest, Metadata, WorkflowSpec};
use neptune_workflow::{
    compiler,
    fault::{Fault, nearest},
    source::Node,
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// One document of a file. Its text starts with as many empty lines as lie before it in the file,
/// so that the reader counts lines as a person does.
struct Document<'f> {
    file: &'f Path,
    line: usize,
    text: String,
    is_json: bool,
}

/// Reads files and folders, and returns the manifests with their specs in full form.
///
/// # Errors
/// A path cannot be read; or every fault of every file, and every path without any resource: what
/// was meant is not "nothing", which would remove all that is stored when the rest is pruned.
pub fn manifests(paths: &[PathBuf]) -> Result<Vec<Manifest>, Error> {
    let mut found = Found::default();
    for path in paths {
        let mut files = Vec::new();
        collect(path, &mut files, true)?;
        let mut count = 0;
        for file in &files {
            count += found.take_in(file)?;
        }
        if count == 0 {
            found.faults.push(format!("{}: there is no resource in it; declare one, or leave it out", path.display()));
        }
    }
    if found.faults.is_empty() {
        Ok(found.manifests.into_values().map(|(manifest, _)| manifest).collect())
    } else {
        Err(Error::Resources(found.faults))
    }
}

/// What files hold: manifests by key, each with its place, and faults.
#[derive(Default)]
struct Found {
    manifests: BTreeMap<String, (Manifest, String)>,
    faults: Vec<String>,
}

impl Found {
    /// Takes in the documents of a file, and returns how many there are.
    fn take_in(&mut self, file: &Path) -> Result<usize, Error> {
        let failed = |source| Error::File { action: "read", path: file.into(), source };
        let text = fs::read_to_string(file).map_err(failed)?;
        let documents = documents(file, &text);
        for document in &documents {
            let place = format!("{}:{}", file.display(), document.line);
            match read(document) {
                Ok(manifest) => {
                    let key = manifest.key();
                    if let Some((_, first)) = self.manifests.get(&key) {
                        let fault = format!("{place}: {key} is declared already at {first}; keep one of the two");
                        self.faults.push(fault);
                    }
                    self.manifests.entry(key).or_insert((manifest, place));
                }
                Err(faults) => self.faults.extend(faults),
            }
        }
        Ok(documents.len())
    }
}

/// The specs of manifests by key.
#[must_use]
pub fn specs(manifests: &[Manifest]) -> Specs {
    manifests.iter().map(|manifest| (manifest.key(), manifest.spec.clone())).collect()
}

fn collect(path: &Path, files: &mut Vec<PathBuf>, is_given: bool) -> Result<(), Error> {
    let failed = |source| Error::File { action: "read", path: path.into(), source };
    if fs::metadata(path).map_err(failed)?.is_dir() {
        let entries: Result<Vec<_>, _> = fs::read_dir(path).map_err(failed)?.collect();
        let mut inside: Vec<PathBuf> = entries.map_err(failed)?.iter().map(fs::DirEntry::path).collect();
        inside.sort();
        return inside.iter().try_for_each(|path| collect(path, files, false));
    }
    if is_given || extension(path).is_some_and(|extension| ["yaml", "yml", "json"].contains(&extension)) {
        files.push(path.into());
    }
    Ok(())
}

fn extension(path: &Path) -> Option<&str> {
    path.extension()?.to_str()
}

fn documents<'f>(file: &'f Path, text: &str) -> Vec<Document<'f>> {
    if extension(file) == Some("json") {
        return vec![Document { file, line: 1, text: text.to_owned(), is_json: true }];
    }
    let mut documents = Vec::new();
    let (mut body, mut first) = (String::new(), 0);
    for (index, line) in text.lines().enumerate() {
        // At the start of a line three dashes always end a document, even within a block of text.
        if line == "---" || line.starts_with("--- ") {
            documents.extend(document(file, first, &body));
            (body, first) = (format!("{}\n", line.get(3..).unwrap_or_default()), index);
        } else {
            body.push_str(line);
            body.push('\n');
        }
    }
    documents.extend(document(file, first, &body));
    documents
}

/// A document that begins after `before` lines; nothing when it is only blanks and comments.
fn document<'f>(file: &'f Path, before: usize, body: &str) -> Option<Document<'f>> {
    let is_content = |line: &str| !line.trim().is_empty() && !line.trim_start().starts_with('#');
    let blank = body.lines().position(is_content)?;
    Some(Document { file, line: before + blank + 1, text: format!("{}{body}", "\n".repeat(before)), is_json: false })
}

/// A workflow as its language has it, if the document is one or was meant to be.
fn workflow(document: &Document<'_>) -> Option<Result<Manifest, Vec<String>>> {
    is_workflow(&document.top_names()).then(|| {
        let read = compiler::read(&document.text).map_err(|faults| document.linted(&faults))?;
        let definition = read.document;
        let name = WorkflowSpec::name_of(&definition).unwrap_or_default();
        let manifest = Manifest {
            api_version: API_VERSION.into(),
            kind: Kind::Workflow.as_str().into(),
            metadata: Metadata { name },
            spec: json!({"document": definition}),
        };
        manifest.check().map_err(|error| vec![document.fault(document.line, &error.to_string())])?;
        Ok(manifest)
    })
}

/// Whether a document with these fields at its top is a workflow in its own language: a manifest says its kind.
fn is_workflow(names: &[String]) -> bool {
    let is_manifest = names.iter().any(|name| ["apiVersion", "kind"].contains(&name.as_str()));
    !is_manifest && names.iter().any(|name| nearest(name, ["document", "do"]).is_some())
}

/// The manifest, or every fault of the document.
fn read(document: &Document<'_>) -> Result<Manifest, Vec<String>> {
    if let Some(workflow) = workflow(document) {
        return workflow;
    }
    let mut manifest: Manifest = document.parse().map_err(|fault| vec![fault])?;
    let mut faults = Vec::new();
    if manifest.api_version != API_VERSION {
        let text = format!("apiVersion {:?} is not known; use {API_VERSION}", manifest.api_version);
        faults.push(document.fault(document.line_of(&["apiVersion"]), &text));
    }
    let kind = Kind::of(&manifest.kind);
    if kind.is_none() {
        let kinds: Vec<&str> = Kind::ALL.iter().map(|kind| kind.as_str()).collect();
        let text = format!("unknown kind {:?}; use one of {}", manifest.kind, kinds.join(", "));
        faults.push(document.fault(document.line_of(&["kind"]), &text));
    }
    for fault in manifest.faults() {
        let path: Vec<&str> = ["spec"].into_iter().chain(fault.path.iter().map(String::as_str)).collect();
        faults.push(document.fault(document.line_of(&path), &fault.message));
    }
    let Some(kind) = kind.filter(|_| faults.is_empty()) else { return Err(faults) };
    let whole = |error: &dyn std::fmt::Display| vec![document.fault(document.line, &error.to_string())];
    manifest.check().map_err(|error| whole(&error))?;
    manifest.spec = spec::full_form(kind, &manifest.spec).map_err(|error| whole(&error))?;
    if kind == Kind::Workflow {
        let whole = Node::read(&document.text).map_err(|fault| document.linted(&[fault]))?;
        if let Some(definition) = whole.field("spec").and_then(|spec| spec.field("document")) {
            compiler::read_node(definition).map_err(|faults| document.linted(&faults))?;
        }
    }
    Ok(manifest)
}

impl Document<'_> {
    fn parse<T: DeserializeOwned>(&self) -> Result<T, String> {
        if self.is_json {
            let explain = |error: serde_json::Error| {
                let text = error.to_string();
                let bare = text.rsplit_once(" at line ").map_or(text.as_str(), |(bare, _)| bare);
                self.fault(error.line(), bare)
            };
            return serde_json::from_str(&self.text).map_err(explain);
        }
        let mut options = serde_saphyr::Options::default();
        options.with_snippet = false;
        serde_saphyr::from_str_with_options(&self.text, options).map_err(|error| {
            let line = error.location().and_then(|place| usize::try_from(place.line()).ok()).filter(|line| *line > 0);
            self.fault(line.unwrap_or(self.line), &plain(&error.to_string()))
        })
    }

    /// The fields at the top, also where the document cannot be parsed.
    fn top_names(&self) -> Vec<String> {
        match self.parse() {
            Ok(Value::Object(fields)) => return fields.keys().cloned().collect(),
            Ok(_) => return Vec::new(),
            Err(_) => {}
        }
        if self.text.trim_start().starts_with('{') {
            let stands = |name: &&str| self.text.contains(&format!("\"{name}\""));
            return ["apiVersion", "kind", "document", "do"].into_iter().filter(stands).map(str::to_owned).collect();
        }
        let name = |line: &str| Some(line.split_once(':')?.0.trim_matches(['"', '\'']).to_owned());
        self.text.lines().filter(|line| !line.starts_with([' ', '\t', '#', '-'])).filter_map(name).collect()
    }

    /// What is wrong with a definition, as `neptune workflow lint` says it.
    fn linted(&self, faults: &[Fault]) -> Vec<String> {
        faults.iter().map(|fault| format!("{}:{fault}", self.file.display())).collect()
    }

    /// The line of the field at `path`.
    fn line_of(&self, path: &[&str]) -> usize {
        place::line(&self.text, path).unwrap_or(self.line)
    }

    fn fault(&self, line: usize, text: &str) -> String {
        format!("{}:{line}: {text}", self.file.display())
    }
}

/// The reader's message without the place, which stands in front already.
fn plain(message: &str) -> String {
    let first = message.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or(message);
    let bare = first.strip_prefix("error: ").unwrap_or(first);
    let bare = if bare.starts_with("line ") { bare.split_once(": ").map_or(bare, |(_, rest)| rest) } else { bare };
    bare.split(" at line ").next().unwrap_or(bare).to_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    fn faults(name: &str, text: &str) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(name), text).unwrap();
        match manifests(&[folder.path().into()]) {
            Err(Error::Resources(faults)) => {
                let prefix = format!("{}/", folder.path().display());
                faults.iter().map(|fault| fault.replace(&prefix, "")).collect()
            }
            other => panic!("{other:?}"),
        }
    }

    fn check(name: &str, text: &str, line: usize, part: &str) {
        let seen = faults(name, text);
        assert_eq!(seen.len(), 1, "{seen:?}");
        assert!(seen[0].starts_with(&format!("{name}:{line}: ")), "{seen:?}");
        assert!(seen[0].contains(part), "{seen:?}");
        assert_eq!(seen[0].lines().count(), 1, "{seen:?}");
    }

    const TEAM: &str =
        "# A team.\napiVersion: neptune/v1\nkind: Team\nmetadata:\n  name: support\nspec:\n  models: [\"*\"]\n";

    #[test]
    fn documents_are_read_with_their_defaults() {
        let folder = tempfile::tempdir().unwrap();
        let json = r#"{"apiVersion": "neptune/v1", "kind": "Budget", "metadata": {"name": "b"}, "spec": {"limitUsd": 0.25, "period": "day"}}"#;
        fs::write(
            folder.path().join("a.yaml"),
            format!("---\n{TEAM}---\n# nothing\n--- \n{}", TEAM.replace("support", "sales")),
        )
        .unwrap();
        fs::write(folder.path().join("b.json"), json).unwrap();
        fs::write(folder.path().join("README.md"), "not a resource").unwrap();
        let specs = specs(&manifests(&[folder.path().into()]).unwrap());
        assert_eq!(specs.keys().collect::<Vec<_>>(), ["budget/b", "team/sales", "team/support"]);
        assert_eq!(specs["budget/b"]["limitUsd"], "0.25");
        assert_eq!(specs["team/sales"]["class"], "internal");
    }

    #[test]
    fn faults_name_file_and_line() {
        check("a.yaml", &format!("{TEAM}  modles: []\n"), 8, "unknown field `modles`");
        check("a.yaml", &format!("{TEAM}---\n{}", TEAM.replace("[\"*\"]", "3").replace("support", "x")), 15, "");
        check("a.yaml", &TEAM.replace("Team", "Taem"), 3, "use one of Team, Key");
        check("a.yaml", &TEAM.replace("neptune/v1", "neptune/v2"), 2, "use neptune/v1");
        check("a.yaml", &TEAM.replace("support", "not a name"), 2, "is not valid");
        check("a.yaml", &format!("{TEAM}spec: {{}}\n"), 8, "spec");
        check("a.yaml", &TEAM.replace("kind: Team\n", ""), 5, "missing field `kind`");
        check("a.yaml", &format!("{TEAM}  zones: external]\n"), 8, "");
        check("a.json", "{\n\"apiVersion\": \"neptune/v1\",\n\"kin\": 1}", 3, "unknown field `kin`");
    }

    #[test]
    fn every_fault_of_a_document_is_told_with_its_line() {
        let model = "apiVersion: neptune/v1\nkind: Model\nmetadata:\n  name: a/b\nspec:\n  provider: openai\n  endpoint: http://x\n  \
            price:\n    inputUsdPerMtok: cheap\n    outputUsdPerMtok: \"2\"\n  timeoutMs: soon\n  modles: 1\n";
        let seen = faults("a.yaml", model);
        assert_eq!(seen.len(), 3, "{seen:?}");
        for (line, part) in [(9, "price.inputUsdPerMtok: "), (11, "timeoutMs: invalid type"), (12, "`modles`")] {
            let prefix = format!("a.yaml:{line}: ");
            assert!(seen.iter().any(|fault| fault.starts_with(&prefix) && fault.contains(part)), "{line} {seen:?}");
        }
        let model = model.replace("cheap", "-1").replace("soon", "5").replace("  modles: 1\n", "");
        let seen = faults("a.yaml", &model);
        assert_eq!(
            seen,
            [
                "a.yaml:9: price.inputUsdPerMtok is -1; the limit is 0 or more",
                "a.yaml:11: timeoutMs is 5; the limit is 100 to 3600000"
            ]
        );
        let seen = faults("a.yaml", &model.replace("Model", "Modle").replace("neptune/v1", "v2"));
        assert_eq!(seen.len(), 2, "{seen:?}");
    }

    #[test]
    fn every_fault_is_reported() {
        let text = format!("{TEAM}  x: 1\n---\n{TEAM}  y: 1\n---\n{TEAM}---\n{TEAM}");
        let seen = faults("a.yaml", &text);
        assert_eq!(seen.len(), 3, "{seen:?}");
        assert!(seen[2].contains("is declared already at"), "{seen:?}");
    }

    const WORKFLOW: &str =
        "document: {dsl: '1.0.3', namespace: a, name: b, version: '1.0.0'}\ndo:\n  - one: {set: {x: 1}}\n";

    #[test]
    fn workflows_are_read_as_their_language_has_them() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("w.yaml"), format!("{TEAM}---\n{WORKFLOW}")).unwrap();
        let specs = specs(&manifests(&[folder.path().into()]).unwrap());
        assert_eq!(specs.keys().collect::<Vec<_>>(), ["team/support", "workflow/a/b:1.0.0"]);
        assert_eq!(specs["workflow/a/b:1.0.0"]["document"]["do"][0]["one"]["set"]["x"], 1);
        let seen = faults("w.yaml", &format!("# A workflow.\n{}", WORKFLOW.replace("set: {x: 1}", "sett: {x: 1}")));
        assert_eq!(seen.len(), 1, "{seen:?}");
        assert!(seen[0].starts_with("w.yaml:4:10: /do/0/one: ") && seen[0].contains("did you mean `set`"), "{seen:?}");
    }

    #[test]
    fn broken_workflows_get_what_lint_says_of_them() {
        for (from, to, place, part) in [
            ("document: {dsl", "documnet: {dsl", "w.yaml:1:1: ", "did you mean `document`?"),
            ("dsl: '1.0.3', ", "", "w.yaml:1:11: ", "needs `dsl`"),
            ("{x: 1}}", "{x: 1}", "w.yaml:", "not YAML"),
            ("do:", "{do:", "w.yaml:", "not YAML"),
            (
                "set: {x: 1}",
                "call: 'model:1.0.0@default', with: {promt: x, input: y}",
                "w.yaml:3:",
                "did you mean `prompt`?",
            ),
        ] {
            let seen = faults("w.yaml", &WORKFLOW.replace(from, to));
            assert!(seen.iter().any(|fault| fault.starts_with(place) && fault.contains(part)), "{seen:?}");
            assert!(!seen.iter().any(|fault| fault.contains("apiVersion")), "{seen:?}");
        }
        let seen = faults("w.json", r#"{"document": {"dsl": "1.0.3", "#);
        assert!(seen[0].contains("not YAML"), "{seen:?}");
    }

    #[test]
    fn a_workflow_in_a_manifest_is_linted_in_its_place() {
        let inside = WORKFLOW.replace("set:", "sett:").replace('\n', "\n    ");
        let text = format!(
            "apiVersion: neptune/v1\nkind: Workflow\nmetadata: {{name: 'a/b:1.0.0'}}\nspec:\n  document:\n    {inside}"
        );
        let seen = faults("w.yaml", &text);
        assert_eq!(seen.len(), 1, "{seen:?}");
        assert!(seen[0].starts_with("w.yaml:8:14: /do/0/one: ") && seen[0].contains("did you mean `set`"), "{seen:?}");
    }

    #[test]
    fn the_default_resources_are_sound() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/resources");
        let specs = specs(&manifests(&[folder]).unwrap());
        assert_eq!(crate::domain::references::dangling(&specs), Vec::<String>::new());
        assert!(specs.contains_key("team/support"));
    }
}
