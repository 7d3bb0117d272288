//! From samples to a model: which features are kept, what they weigh, how sure the model may be.

use crate::{
    learn::{Example, KINDS, Linear, Options, softmax},
    material::{OWN, Sample, place},
    pack::{Packed, pack},
};
use neptune_router::domain::task_type::{
    features::features,
    model::{BUCKETS, PLACES, place_of},
    tokens::Tokens,
};
use std::collections::{BTreeMap, HashMap, HashSet};

/// One in so many of our prompts is held out when the confidence is calibrated.
const HELD_OUT_ONE_IN: u64 = 5;
/// Temperatures tried, in hundredths.
const TEMPERATURES: std::ops::RangeInclusive<u8> = 30..=150;
/// Learns from samples, and returns the model's file.
#[must_use]
pub fn train(samples: &[Sample]) -> Box<Packed> {
    let (taught, held_out): (Vec<&Sample>, Vec<&Sample>) =
        samples.iter().partition(|sample| sample.source != OWN || sample.group % HELD_OUT_ONE_IN != 0);
    let (model, keys) = fit(&taught);
    let temperature = temperature(&model, &keys, &held_out);
    let (model, keys) = fit(&samples.iter().collect::<Vec<_>>());
    pack(&model, &keys, temperature)
}

/// Features by key, with their number.
type Keys = BTreeMap<u64, u32>;

fn fit(samples: &[&Sample]) -> (Linear, Keys) {
    let options = Options::default();
    let seen: Vec<Vec<u64>> = samples.iter().map(|sample| keys_of(&sample.text)).collect();
    let all: Keys = number(seen.iter().flatten().copied());
    let examples = examples(samples, &seen, &all);
    let first = Linear::learn(&examples, all.len(), &options);
    let kept = number(strongest(&first, &all, &examples));
    let examples = self::examples(samples, &seen, &kept);
    (Linear::learn(&examples, kept.len(), &options), kept)
}

fn number(keys: impl Iterator<Item = u64>) -> Keys {
    let distinct: Keys = keys.map(|key| (key, 0)).collect();
    distinct.into_keys().zip(0..).collect()
}

fn examples(samples: &[&Sample], seen: &[Vec<u64>], keys: &Keys) -> Vec<Example> {
    let example = |(sample, seen): (&&Sample, &Vec<u64>)| Example {
        features: seen.iter().filter_map(|key| keys.get(key).copied()).collect(),
        truth: place(sample.task_type),
        weight: sample.weight,
    };
    samples.iter().zip(seen).map(example).collect()
}

/// The features of a text, each once, in the order in which they are seen.
fn keys_of(text: &str) -> Vec<u64> {
    let (mut keys, mut seen) = (Vec::new(), HashSet::new());
    features(&Tokens::read(text), &mut |key| {
        if seen.insert(key) {
            keys.push(key);
        }
    });
    keys
}

/// Of every bucket the features that matter most: by how far their weights are apart, and by how
/// much of the material has them.
fn strongest(model: &Linear, keys: &Keys, examples: &[Example]) -> impl Iterator<Item = u64> + use<> {
    let mut presence: HashMap<u32, f32> = HashMap::new();
    for example in examples {
        for number in &example.features {
            *presence.entry(*number).or_default() += example.weight;
        }
    }
    let mut buckets: Vec<Vec<(f32, u64)>> = vec![Vec::new(); BUCKETS];
    for (key, number) in keys {
        let Some(weights) = model.weights.get(*number as usize) else { continue };
        let mean = weights.iter().sum::<f32>() / KINDS as f32;
        let spread: f32 = weights.iter().map(|weight| (weight - mean).powi(2)).sum();
        let present = presence.get(number).copied().unwrap_or_default();
        if let Some(bucket) = buckets.get_mut(place_of(*key).0) {
            bucket.push((spread * present, *key));
        }
    }
    buckets.into_iter().flat_map(|mut bucket| {
        bucket.sort_by(|one, other| other.0.total_cmp(&one.0).then(one.1.cmp(&other.1)));
        let mut checks = HashSet::new();
        bucket.retain(|(_, key)| checks.insert(place_of(*key).1));
        bucket.into_iter().take(PLACES).map(|(_, key)| key)
    })
}

/// The temperature under which held-out samples are the least surprising (Guo and others 2017).
fn temperature(model: &Linear, keys: &Keys, held_out: &[&Sample]) -> f32 {
    let seen: Vec<Vec<u64>> = held_out.iter().map(|sample| keys_of(&sample.text)).collect();
    let examples = examples(held_out, &seen, keys);
    let scored: Vec<_> = examples.iter().map(|example| (model.scores(&example.features), example)).collect();
    let surprise = |temperature: f32| -> f32 {
        let of = |(scores, example): &([f32; KINDS], &Example)| {
            let shares = softmax(&scores.map(|score| score / temperature));
            -shares.get(example.truth).copied().unwrap_or_default().max(1e-9).ln() * example.weight
        };
        scored.iter().map(of).sum()
    };
    let tried = TEMPERATURES.map(|hundredths| f32::from(hundredths) / 100.0);
    tried.min_by(|one, other| surprise(*one).total_cmp(&surprise(*other))).unwrap_or(1.0)
}
