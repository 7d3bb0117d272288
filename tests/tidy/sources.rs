//! The Rust sources of the tree.

use std::path::{Path, PathBuf};

pub(crate) struct Source {
    /// From the root, with `/`.
    pub(crate) path: String,
    pub(crate) text: String,
    /// Belongs to tests or benches as a whole.
    pub(crate) is_test: bool,
}

impl Source {
    /// Numbered lines before the first test module, without comments.
    pub(crate) fn code_lines(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = self.text.lines().take_while(|line| !line.trim_start().starts_with("#[cfg(test)]"));
        lines
            .enumerate()
            .map(|(index, line)| (index + 1, line))
            .filter(|(_, line)| !line.trim_start().starts_with("//"))
    }
}

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

pub(crate) fn sources() -> Vec<Source> {
    let mut found = Vec::new();
    for folder in ["shared", "services", "tests"] {
        walk(&root().join(folder), &mut found);
    }
    assert!(found.len() > 50, "the walk found only {} files", found.len());
    found
}

fn walk(folder: &Path, found: &mut Vec<Source>) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        let name = entry.file_name().into_string().unwrap();
        if path.is_dir() && name != "target" && name != "node_modules" {
            walk(&path, found);
        } else if name.ends_with(".rs") {
            let path_text = path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
            let is_test = ["/tests/", "/benches/"].iter().any(|part| path_text.contains(part))
                || path_text.starts_with("tests/")
                || path_text.starts_with("shared/testkit/");
            found.push(Source { text: std::fs::read_to_string(&path).unwrap(), path: path_text, is_test });
        }
    }
}
