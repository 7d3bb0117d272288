//! The rules of the tree, checked: sizes, forbidden imports, one place for each thing.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod functions;
mod sources;

use sources::{Source, root, sources};

fn complain(rule: &str, faults: &[String]) {
    assert!(faults.is_empty(), "{rule}:\n  {}", faults.join("\n  "));
}

/// Lines of the sources that `wanted` picks, outside test modules, in which `is_fault` finds one.
fn faulty_lines(wanted: impl Fn(&Source) -> bool, is_fault: impl Fn(&str) -> bool) -> Vec<String> {
    let picked = sources().into_iter().filter(|source| !source.is_test && wanted(source));
    picked
        .flat_map(|source| {
            let faults: Vec<String> = source
                .code_lines()
                .filter(|(_, line)| is_fault(line))
                .map(|(number, line)| format!("{}:{number}: {}", source.path, line.trim()))
                .collect();
            faults
        })
        .collect()
}

#[test]
fn files_stay_small() {
    let too_long = sources().into_iter().filter_map(|source| {
        let limit = if source.is_test { 800 } else { 500 };
        let length = if source.is_test { source.text.lines().count() } else { source.code_lines().count() };
        (length > limit).then(|| format!("{} has {length} lines, the limit is {limit}", source.path))
    });
    complain("files stay small", &too_long.collect::<Vec<_>>());
}

#[test]
fn functions_stay_small() {
    let mut faults = Vec::new();
    for source in sources().into_iter().filter(|source| !source.is_test) {
        for function in functions::functions(&source) {
            let place = format!("{}:{} {}", source.path, function.line, function.name);
            if function.lines > 80 {
                faults.push(format!("{place} has {} lines, the limit is 80", function.lines));
            }
            if function.parameters > 6 {
                faults.push(format!("{place} has {} parameters, the limit is 6", function.parameters));
            }
        }
    }
    complain("functions stay small", &faults);
}

#[test]
fn domains_only_decide() {
    let forbidden = [
        "async fn",
        "tokio::",
        "reqwest::",
        "redis::",
        "sea_orm::",
        "tracing::",
        "SystemTime::now",
        "Instant::now",
        "Timestamp::now",
        "OffsetDateTime::now",
        "rand::",
        "std::fs",
        "std::env",
        "neptune_bus",
    ];
    let in_domain = |source: &Source| source.path.contains("/domain/") || source.path.ends_with("/domain.rs");
    let faults = faulty_lines(in_domain, |line| forbidden.iter().any(|word| line.contains(word)));
    complain("domains do no I/O and read no clock", &faults);
}

#[test]
fn each_library_has_one_home() {
    for (library, homes) in [
        ("async_nats", ["shared/bus/", "shared/testkit/", "tests/"].as_slice()),
        ("sea_orm", &["services/metering/"]),
        ("lettre", &["services/notifier/", "services/simulator/"]),
        ("redis::", &["services/router/", "services/governance/"]),
    ] {
        let away = |source: &Source| !homes.iter().any(|home| source.path.starts_with(home));
        let is_use = |line: &str| {
            line.contains(&format!("use {library}"))
                || line.contains(&format!(" {library}::"))
                || line.contains(&format!("({library}::"))
        };
        complain(&format!("{library} is used only in {homes:?}"), &faulty_lines(away, is_use));
    }
}

#[test]
fn subjects_are_written_only_in_contracts() {
    let away = |source: &Source| !source.path.starts_with("shared/contracts/");
    let nouns = ["task.", "attempt.", "delivery.", "dead.", "run.", "timer.", "event.", "feedback.", "alert."];
    let is_subject = |line: &str| {
        nouns
            .iter()
            .any(|noun| line.split('"').skip(1).step_by(2).any(|text| text.contains(noun) && text.contains(".v1")))
    };
    complain("subjects are written only in shared/contracts", &faulty_lines(away, is_subject));
    let no_broker = |source: &Source| {
        away(source) && !source.path.starts_with("shared/bus/") && !source.path.starts_with("shared/testkit/")
    };
    complain(
        "only shared/bus speaks the broker's own subjects",
        &faulty_lines(no_broker, |line| line.contains("\"$JS") || line.contains("\"$KV")),
    );
}

#[test]
fn services_do_not_know_each_other() {
    // Not services: what trains the router's models, and the command that measures its decisions.
    let measure_the_router = ["trainer", "cli"];
    let mut faults = Vec::new();
    for entry in std::fs::read_dir(root().join("services")).unwrap().flatten() {
        let name = entry.file_name().into_string().unwrap();
        let Ok(manifest) = std::fs::read_to_string(entry.path().join("Cargo.toml")) else { continue };
        let dependencies = manifest.split("[dev-dependencies]").next().unwrap();
        for other in ["ingress", "governance", "router", "executor", "metering", "notifier"] {
            let may = other == name || (other == "router" && measure_the_router.contains(&name.as_str()));
            if !may && dependencies.contains(&format!("neptune-{other}.")) {
                faults.push(format!("services/{name} depends on {other}"));
            }
        }
    }
    complain("services share messages, not code", &faults);
}

#[test]
fn names_lead_somewhere() {
    let vague = ["mod.rs", "utils.rs", "util.rs", "helpers.rs", "common.rs", "misc.rs"];
    let faults: Vec<String> = sources()
        .into_iter()
        .map(|source| source.path)
        .filter(|path| vague.iter().any(|name| path.ends_with(&format!("/{name}"))))
        .collect();
    complain("files are named for what is in them", &faults);
}

#[test]
fn every_dependency_has_a_reason_and_its_version_in_the_root() {
    let root_manifest = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let section = root_manifest.split("[workspace.dependencies]").nth(1).unwrap().split("\n[").next().unwrap();
    let mut faults = Vec::new();
    let mut explained = false;
    for line in section.lines() {
        explained = line.starts_with('#') || (explained && !line.is_empty());
        if line.contains(" = ") && !line.starts_with('#') && !explained {
            faults.push(format!("no reason for {line}"));
        }
    }
    for folder in ["services", "shared"] {
        for entry in std::fs::read_dir(root().join(folder)).unwrap().flatten() {
            let Ok(manifest) = std::fs::read_to_string(entry.path().join("Cargo.toml")) else { continue };
            let own_versions = manifest.lines().filter(|line| line.contains("version = \"") && !line.starts_with('#'));
            faults.extend(own_versions.map(|line| format!("{}: {line}", entry.path().display())));
        }
    }
    complain("dependencies are explained, with their version in the root manifest", &faults);
}

#[test]
fn nothing_is_unfinished_or_switched_off() {
    let words = ["todo!(", "unimplemented!(", "#[ignore", concat!("FIX", "ME"), concat!("TO", "DO")];
    let mut faults = Vec::new();
    for source in sources().into_iter().filter(|source| !source.path.starts_with("tests/tidy/")) {
        for (number, line) in source.text.lines().enumerate() {
            if words.iter().any(|word| line.contains(word)) {
                faults.push(format!("{}:{}: {}", source.path, number + 1, line.trim()));
            }
        }
    }
    complain("nothing is unfinished", &faults);
}
