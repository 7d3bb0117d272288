//! Our prompts: slots, alternatives, and what is wrong with a folder of them.

use neptune_contracts::names::TaskType;
use neptune_trainer::prompts::{Error, Prompts, Seed};
use proptest::prelude::*;
use std::{fs, path::Path};
use tempfile::TempDir;

fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("slots")).unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

fn fillings(prompts: &Prompts, seed: &Seed) -> Vec<String> {
    let mut all: Vec<String> = (0..200).map(|variant| prompts.expand(seed, variant).unwrap()).collect();
    all.sort();
    all.dedup();
    all
}

#[test]
fn slots_are_filled_from_lists_and_alternatives() {
    let folder = folder(&[
        ("chat.en.txt", "# a comment\n\nhi {{name}}{{|!}}\nline\\nbreak\n"),
        ("translation.de.txt", "{{a|b {{name}}}}\n"),
        ("slots/name.txt", "Ann\nBob {{x|y}}\n"),
    ]);
    let prompts = Prompts::read(folder.path()).unwrap();
    let kinds: Vec<TaskType> = prompts.seeds.iter().map(|seed| seed.task_type).collect();
    assert_eq!(kinds, [TaskType::Chat, TaskType::Chat, TaskType::Translation]);
    assert_eq!(prompts.seeds[0].place, "chat.en.txt:3");
    let wanted = ["hi Ann", "hi Ann!", "hi Bob x", "hi Bob x!", "hi Bob y", "hi Bob y!"];
    assert_eq!(fillings(&prompts, &prompts.seeds[0]), wanted);
    assert_eq!(fillings(&prompts, &prompts.seeds[1]), ["line\nbreak"]);
    assert_eq!(fillings(&prompts, &prompts.seeds[2]), ["a", "b Ann", "b Bob x", "b Bob y"]);
}

#[test]
fn faults_name_the_place_and_the_remedy() {
    let unnamed = folder(&[("poetry.en.txt", "write a poem\n")]);
    let message = Prompts::read(unnamed.path()).unwrap_err().to_string();
    assert!(message.contains("poetry.en.txt") && message.contains("creative_writing"), "{message}");
    for files in [
        [("chat.en.txt", "ok\nhi {{nobody}}\n"), ("slots/other.txt", "x\n")],
        [("chat.en.txt", "ok\nhi {{nobody}}\n"), ("slots/nobody.txt", "again {{nobody}}\n")],
    ] {
        let error = Prompts::read(folder(&files).path()).unwrap_err();
        assert!(
            matches!(&error, Error::Slot { place, slot } if place == "chat.en.txt:2" && slot == "nobody"),
            "{error}"
        );
    }
}

#[test]
fn our_prompts_are_usable_and_cover_every_kind() {
    let prompts = Prompts::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("prompts")).unwrap();
    for task_type in TaskType::ALL {
        let count = prompts.seeds.iter().filter(|seed| seed.task_type == *task_type).count();
        assert!(count >= 20, "{task_type} has {count} prompts");
    }
    for seed in &prompts.seeds {
        for variant in 0..8 {
            let text = prompts.expand(seed, variant).unwrap();
            assert!(!text.contains("{{") && !text.contains("}}"), "{}: {text}", seed.place);
        }
    }
}

proptest! {
    #[test]
    fn text_without_slots_is_left_alone(text in "[^{}\\\\]{0,80}") {
        let seed = Seed { place: "here".to_owned(), task_type: TaskType::Chat, text: text.clone() };
        prop_assert_eq!(Prompts::default().expand(&seed, 3).unwrap(), text);
    }
}
