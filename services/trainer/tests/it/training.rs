//! Learning, on a small sample.

use neptune_contracts::names::TaskType;
use neptune_router::domain::task_type::{
    model::{KINDS, MODEL_BYTES, Model},
    tokens::Tokens,
};
use neptune_trainer::{
    learn::{Example, Linear, Options, softmax},
    material::{OWN, Sample, samples},
    pack::pack,
    random::Random,
    train::train,
};
use std::{collections::BTreeMap, fs};

fn sample(text: &str, task_type: TaskType) -> Sample {
    Sample { text: text.to_owned(), task_type, weight: 1.0, source: OWN.to_owned(), group: Random::of(text, 0).draw() }
}

/// Six ways to ask for two things.
fn few() -> Vec<Sample> {
    let asked = |words: &str, task_type| {
        let text = |topic| sample(&format!("{words} {topic}"), task_type);
        ["the text", "this page", "my mail", "a long report", "his speech", "the minutes"].map(text)
    };
    let mut samples = asked("please summarize", TaskType::Summarization).to_vec();
    samples.extend(asked("translate to German", TaskType::Translation));
    samples
}

#[test]
fn what_was_learned_is_told_apart() {
    let packed = train(&few());
    let model = Model::read(&packed).unwrap();
    for (text, wanted) in [
        ("please summarize her letter", TaskType::Summarization),
        ("translate to German her letter", TaskType::Translation),
    ] {
        let [best, second] = model.classify(&Tokens::read(text));
        assert_eq!(best.task_type, wanted, "{best:?} {second:?}");
        assert!(best.confidence > second.confidence);
    }
}

#[test]
fn the_same_samples_give_the_same_bytes() {
    let packed = train(&few());
    assert_eq!(packed.len(), MODEL_BYTES);
    assert!(packed == train(&few()), "two runs differ");
    let others: Vec<Sample> = few().into_iter().skip(1).collect();
    assert!(packed != train(&others), "the samples do not matter");
}

#[test]
fn packed_weights_give_nearly_the_scores_of_the_learned_ones() {
    let keys: BTreeMap<u64, u32> =
        (0..200_u32).map(|number| (Random::of("key", number.into()).draw(), number)).collect();
    let mut chance = Random::of("weights", 1);
    let mut weight = || (chance.below(2_001) as f32 - 1_000.0) / 500.0;
    let mut weights = vec![[0.0; KINDS]; keys.len()];
    weights.iter_mut().flatten().for_each(|place| *place = weight());
    let model = Linear { weights, bias: [0.25; KINDS] };
    let packed = pack(&model, &keys, 1.0);
    let unit = f32::from_le_bytes(packed[8..12].try_into().unwrap());
    let bias = f32::from_le_bytes(packed[12..16].try_into().unwrap());
    assert_eq!(bias, 0.25);
    assert!(unit > 0.0 && unit < 0.1, "{unit}");
    let colder = pack(&model, &keys, 2.0);
    assert_eq!(f32::from_le_bytes(colder[8..12].try_into().unwrap()), unit / 2.0);
}

#[test]
fn rare_features_do_not_outweigh_common_ones() {
    let example = |features: &[u32], truth| Example { features: features.to_vec(), truth, weight: 1.0 };
    let examples: Vec<Example> =
        (0..40).map(|number| if number % 2 == 0 { example(&[0, 2], 3) } else { example(&[1, 2], 5) }).collect();
    let model = Linear::learn(&examples, 3, &Options { dropout: 0, ..Options::default() });
    let shares = softmax(&model.scores(&[0]));
    assert!(shares[3] > 0.5 && shares[5] < shares[3], "{shares:?}");
    assert!((shares.iter().sum::<f32>() - 1.0).abs() < 1e-5);
}

#[test]
fn only_sets_with_a_fitting_licence_teach() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("slots")).unwrap();
    fs::write(folder.path().join("chat.en.txt"), "hello there\n").unwrap();
    let row = |source: &str| {
        serde_json::from_str(&format!(
            r#"{{"id": "{source}", "source": "{source}", "task_type": "chat", "prompt": "hi {source}"}}"#
        ))
        .unwrap()
    };
    let rows = ["autoj", "wizardlm_testset", "alpaca_5000", "mt_bench", "unknown", "gsm8k"].map(row);
    let found = samples(&rows, folder.path()).unwrap();
    let sources: Vec<&str> = found.iter().map(|sample| sample.source.as_str()).collect();
    assert_eq!(sources, ["gsm8k", OWN]);
}
