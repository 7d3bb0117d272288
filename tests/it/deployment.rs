//! `compose.yaml`, the Dockerfile and what they name: programs, stages, variables, files.

use neptune_tests::{
    stack::{binary, command},
    tools::{root, skipped, tool},
};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    process::{Command, Output},
};

fn text(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The services of `compose.yaml`, anchors and merges resolved.
fn services() -> BTreeMap<String, Value> {
    let compose: Value = serde_saphyr::from_str(&text("compose.yaml")).unwrap();
    serde_json::from_value(compose["services"].clone()).unwrap()
}

/// The stages of the Dockerfile: their names, and the program that each starts.
fn stages() -> BTreeMap<String, Option<String>> {
    let mut stages = BTreeMap::new();
    let mut current = String::new();
    for line in text("deploy/images/Dockerfile").lines() {
        if let Some((_, stage)) = line.strip_prefix("FROM ").and_then(|line| line.split_once(" AS ")) {
            stages.insert(stage.to_owned(), None);
            current = stage.to_owned();
        } else if let Some(entry) = line.strip_prefix("ENTRYPOINT ") {
            let words: Vec<String> = serde_json::from_str(entry).unwrap();
            stages.insert(current.clone(), words.into_iter().next());
        }
    }
    stages
}

/// Words made of capital letters, digits and underscores that start with `NEPTUNE_` or hold a key.
fn variables(text: &str) -> BTreeSet<String> {
    let is_part = |character: char| character.is_ascii_uppercase() || character.is_ascii_digit() || character == '_';
    let words = text.split(|character: char| !is_part(character));
    // Our own, and those by which providers' tools are set up.
    let is_variable = |word: &&str| {
        ["NEPTUNE_", "AWS_", "AZURE_OPENAI_"].iter().any(|prefix| word.starts_with(prefix))
            || word.ends_with("_API_KEY")
    };
    words.filter(is_variable).map(str::to_owned).collect()
}

fn environment(service: &Value) -> BTreeSet<String> {
    service["environment"].as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect()
}

/// A program's `--help`: every variable it reads, and those without which it does not start.
fn help(program: &str) -> (BTreeSet<String>, BTreeSet<String>) {
    let output = Command::new(binary(program)).arg("--help").env_clear().output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let lines = said.lines().filter(|line| line.contains("[required]"));
    let required = lines.filter_map(|line| line.split_whitespace().next().map(str::to_owned)).collect();
    (variables(&said), required)
}

/// Variables that resources refer to; the services that use the resources look them up.
fn referenced() -> BTreeSet<String> {
    let folders = ["deploy/resources", "deploy/local/demo"];
    let files = folders.iter().flat_map(|folder| fs::read_dir(root().join(folder)).unwrap());
    files.flat_map(|file| variables(&fs::read_to_string(file.unwrap().path()).unwrap_or_default())).collect()
}

/// What the operator's command reads: it has no table of its variables, so its source is asked.
fn of_the_command() -> BTreeSet<String> {
    fn collect(folder: &Path, found: &mut BTreeSet<String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                collect(&path, found);
            } else {
                found.extend(variables(&fs::read_to_string(path).unwrap_or_default()));
            }
        }
    }
    let mut found = BTreeSet::new();
    collect(&root().join("services/cli/src"), &mut found);
    found
}

#[test]
fn every_stage_is_a_program_of_the_workspace() {
    let dockerfile = text("deploy/images/Dockerfile");
    for (stage, program) in stages().iter().filter(|(stage, _)| !["build", "base"].contains(&stage.as_str())) {
        let program = program.as_ref().unwrap_or_else(|| panic!("stage {stage} starts nothing"));
        assert!(dockerfile.contains(&format!("/out/{program} ")), "stage {stage} does not copy {program}");
        assert!(command().with_file_name(program).is_file(), "{program} is no program of the workspace");
    }
    let listed = dockerfile.split("for program in ").nth(1).and_then(|rest| rest.split(';').next()).unwrap();
    for program in listed.split_whitespace().filter(|word| *word != "\\") {
        assert!(command().with_file_name(program).is_file(), "the build copies {program}, which is none of ours");
    }
}

#[test]
fn compose_names_only_what_exists() {
    let (services, stages) = (services(), stages());
    for (name, service) in &services {
        if let Some(target) = service["build"]["target"].as_str() {
            assert!(stages.contains_key(target), "{name}: there is no stage {target}");
            assert_eq!(service["image"], format!("neptune/{target}"), "{name}");
            assert!(root().join(service["build"]["dockerfile"].as_str().unwrap()).is_file(), "{name}");
        }
        for dependency in service["depends_on"].as_object().into_iter().flatten().map(|(name, _)| name) {
            assert!(services.contains_key(dependency), "{name} depends on {dependency}, which is not there");
        }
        let volumes = service["volumes"].as_array().into_iter().flatten().map(|volume| volume.as_str().unwrap());
        for path in volumes.filter_map(|volume| volume.strip_prefix("./")?.split(':').next()) {
            assert!(root().join(path).is_dir(), "{name} mounts {path}, which is not there");
        }
    }
    let programs = ["ingress", "governance", "router", "executor", "metering", "notifier"];
    assert!(programs.iter().all(|program| services.contains_key(*program)), "{:?}", services.keys());
}

#[test]
fn each_service_gets_the_variables_it_reads_and_no_others() {
    let (referenced, of_the_command) = (referenced(), of_the_command());
    let mut checked = 0;
    for (name, service) in services() {
        let Some(target) = service["build"]["target"].as_str().map(str::to_owned) else { continue };
        let given = environment(&service);
        let known: BTreeSet<String> = if target == "cli" {
            // It starts metering to migrate the database.
            of_the_command.union(&help("metering").0).cloned().collect()
        } else {
            let (read, required) = help(&target);
            let missing: Vec<&String> = required.difference(&given).collect();
            assert!(missing.is_empty(), "{name} does not start without {missing:?}");
            read.union(&referenced).cloned().collect()
        };
        let unknown: Vec<&String> = given.difference(&known).collect();
        assert!(unknown.is_empty(), "{name} does not read {unknown:?}");
        checked += given.len();
    }
    assert!(checked > 40, "{checked} variables were found");
}

#[test]
fn every_broker_user_has_a_password_everywhere() {
    let broker = &services()["nats"];
    let mut users = variables(&text("deploy/nats/users.conf"));
    users.retain(|name| name.starts_with("NEPTUNE_NATS_PASSWORD_"));
    assert_eq!(environment(broker), users, "the broker's passwords");
    let entrypoint = broker["entrypoint"].to_string();
    for user in &users {
        let user = user.strip_prefix("NEPTUNE_NATS_PASSWORD_").unwrap();
        assert!(entrypoint.contains(user), "the broker starts without a password of {user}");
    }
    assert!(entrypoint.contains("/etc/neptune/nats/container.conf"));
    assert!(text("deploy/nats/container.conf").contains("include \"users.conf\""));
    assert!(broker["volumes"].to_string().contains("./deploy/nats:/etc/neptune/nats"));
    let example = variables(&text("deploy/images/env.example"));
    assert!(users.is_subset(&example), "deploy/images/env.example lists {example:?}");
}

/// What `deploy/images/make-env.sh` writes, or the reason why it cannot.
fn made_environment() -> Result<String, String> {
    let made = Command::new(root().join("deploy/images/make-env.sh")).output().unwrap();
    let said = String::from_utf8_lossy(&made.stderr).into_owned();
    if made.status.success() { Ok(String::from_utf8(made.stdout).unwrap()) } else { Err(said) }
}

#[test]
fn every_secret_that_compose_asks_for_is_made() {
    let made = match made_environment() {
        Ok(made) => variables(&made),
        Err(reason) => return skipped(&reason),
    };
    let compose = text("compose.yaml");
    // `${NAME}` has no default, and `$${` is the container's own business.
    let asked = compose.replace("$${", "").split("${").skip(1).filter_map(|rest| rest.split_once('}')).fold(
        BTreeSet::new(),
        |mut asked: BTreeSet<String>, (name, _)| {
            asked.extend((!name.contains(":-")).then(|| name.to_owned()));
            asked
        },
    );
    let missing: Vec<&String> = asked.difference(&made).collect();
    assert!(
        asked.len() >= 13 && missing.is_empty(),
        "deploy/images/make-env.sh does not make {missing:?} of {asked:?}"
    );
}

fn config(file: &Path, environment: &Path, profile: &[&str]) -> Result<Output, String> {
    let mut compose = tool("compose")?;
    compose.arg("--env-file").arg(environment).arg("--project-directory").arg(root()).arg("--file").arg(file);
    Ok(compose.args(profile).args(["config", "--quiet"]).output().unwrap())
}

#[test]
fn a_compose_implementation_accepts_the_file() {
    let made = match made_environment() {
        Ok(made) => made,
        Err(reason) => return skipped(&reason),
    };
    let folder = tempfile::tempdir().unwrap();
    let environment = folder.path().join("env");
    fs::write(&environment, made).unwrap();
    for profile in [[].as_slice(), &["--profile", "demo"]] {
        let output = match config(&root().join("compose.yaml"), &environment, profile) {
            Ok(output) => output,
            Err(reason) => return skipped(&reason),
        };
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{said}");
        assert!(!said.contains("is not set"), "{said}");
    }
    let misspelt = folder.path().join("compose.yaml");
    fs::write(&misspelt, text("compose.yaml").replacen("healthcheck:", "healthchecks:", 1)).unwrap();
    let refused = config(&misspelt, &environment, &[]).unwrap();
    assert!(!refused.status.success(), "a misspelt key is noticed");
}
