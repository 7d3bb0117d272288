//! Configuration of the simulator: a few variables, and a file that declares the models.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use neptune_runtime::config::{ConfigError, Secret, Values, Variable};
use serde::Deserialize;

use crate::domain::behaviour::Behaviour;
use crate::domain::outcomes::Outcomes;
use crate::replay;

const REPLAY: &str = "NEPTUNE_SIMULATOR_REPLAY";

/// What the simulator reads from the environment.
pub const VARIABLES: &[Variable] = &[
    Variable {
        name: "NEPTUNE_SIMULATOR_LISTEN",
        default: Some("127.0.0.1:7090"),
        help: "Address and port to listen on; port 0 takes a free one.",
    },
    Variable {
        name: "NEPTUNE_SIMULATOR_ADDRESS_FILE",
        default: Some(""),
        help: "A file that gets the address it really listens on.",
    },
    Variable {
        name: "NEPTUNE_SIMULATOR_CONFIG",
        default: Some(""),
        help: "YAML or JSON file that declares the models; without it any model name is answered at once.",
    },
    Variable {
        name: "NEPTUNE_SIMULATOR_API_KEY",
        default: Some(""),
        help: "The bearer key clients must send; without it any or none will do.",
    },
    Variable {
        name: "NEPTUNE_SIMULATOR_CALLS_KEPT_COUNT",
        default: Some("10000"),
        help: "How many of the last calls /admin/calls can show.",
    },
    Variable {
        name: REPLAY,
        default: Some(""),
        help: "Files of real outcomes (.jsonl or .jsonl.gz, separated by commas) that models with `replays` answer by.",
    },
];

/// The simulator's configuration.
pub struct Config {
    /// Where to listen.
    pub listen: SocketAddr,
    /// Gets the bound address.
    pub address_file: Option<PathBuf>,
    /// The models.
    pub declared: Declared,
    /// What clients must send.
    pub api_key: Option<Secret>,
    /// The number of calls to remember.
    pub calls_kept: usize,
    /// What real models made of real prompts.
    pub outcomes: Outcomes,
}

/// The models a file declares.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Declared {
    /// How models behave that are called but not declared. Without it they are unknown, as at a real provider.
    #[serde(default)]
    pub default: Option<Behaviour>,
    /// Declared models by name.
    #[serde(default)]
    pub models: BTreeMap<String, Behaviour>,
}

impl Config {
    /// Reads the configuration, including the file.
    ///
    /// # Errors
    /// A value or the file cannot be used.
    pub fn read(values: &Values) -> Result<Self, ConfigError> {
        let declared = match values.optional::<PathBuf>("NEPTUNE_SIMULATOR_CONFIG")? {
            Some(path) => {
                Declared::read(&path).map_err(|reason| ConfigError::unusable("NEPTUNE_SIMULATOR_CONFIG", reason))?
            }
            None => Declared::anything(),
        };
        let files = values.optional::<String>(REPLAY)?.unwrap_or_default();
        let files: Vec<PathBuf> =
            files.split(',').map(str::trim).filter(|file| !file.is_empty()).map(PathBuf::from).collect();
        let outcomes = replay::read(&files).map_err(|reason| ConfigError::unusable(REPLAY, reason))?;
        declared
            .check_replays(&outcomes)
            .map_err(|reason| ConfigError::unusable("NEPTUNE_SIMULATOR_CONFIG", reason))?;
        Ok(Self {
            listen: values.get("NEPTUNE_SIMULATOR_LISTEN")?,
            address_file: values.optional("NEPTUNE_SIMULATOR_ADDRESS_FILE")?,
            declared,
            api_key: values.optional_secret("NEPTUNE_SIMULATOR_API_KEY")?,
            calls_kept: values.get("NEPTUNE_SIMULATOR_CALLS_KEPT_COUNT")?,
            outcomes,
        })
    }
}

impl Declared {
    /// Any model name, answered at once and correctly.
    pub fn anything() -> Self {
        Self { default: Some(Behaviour::default()), models: BTreeMap::new() }
    }

    /// Reads YAML, of which JSON is a part. The error is for people.
    ///
    /// # Errors
    /// Not YAML, an unknown field, or a behaviour that makes no sense.
    pub fn parse(text: &str) -> Result<Self, String> {
        let declared: Self = serde_saphyr::from_str(text).map_err(first_line)?;
        let named = declared.models.iter().map(|(name, behaviour)| (name.as_str(), behaviour));
        for (name, behaviour) in named.chain(declared.default.iter().map(|behaviour| ("default", behaviour))) {
            behaviour.check().map_err(|error| format!("{name}: {error}"))?;
        }
        Ok(declared)
    }

    /// Checks that the models that are replayed are known.
    fn check_replays(&self, outcomes: &Outcomes) -> Result<(), String> {
        let behaviours = self.models.iter().map(|(name, behaviour)| (name.as_str(), behaviour));
        for (name, behaviour) in behaviours.chain(self.default.iter().map(|behaviour| ("default", behaviour))) {
            if let Some(model) = behaviour.replays.as_deref().filter(|model| !outcomes.knows(model)) {
                return Err(format!("{name}: replays names {model:?}, of which no file of {REPLAY} has an outcome"));
            }
        }
        Ok(())
    }

    fn read(path: &Path) -> Result<Self, String> {
        let text = std::fs::read_to_string(path).map_err(|error| format!("the file cannot be read: {error}"))?;
        Self::parse(&text)
    }
}

/// The first line has the place and the reason; a picture of the place follows it.
fn first_line(error: serde_saphyr::Error) -> String {
    error.to_string().lines().next().unwrap_or_default().to_owned()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::domain::behaviour::{Fault, Faults, Latency};

    #[test]
    fn a_file_declares_models() {
        let text = r#"
default: {}
models:
  openai/gpt-4.1:
    latency: {lognormalMs: {p50: 40, p99: 200}}
    perOutputTokenMs: 0.5
    faults: {rateLimit: 0.05, retryAfterMs: 2000, cut: 0.01}
    failNext: 2
    failWith: malformed
    seed: 7
    tokens: {cachedShare: 0.25, reasoning: 12}
    price: {inputUsdPerMtok: "2.00", cachedInputUsdPerMtok: 0.5, outputUsdPerMtok: 8}
  fixed: {latency: {fixedMs: 10}, answer: "yes"}
"#;
        let declared = Declared::parse(text).unwrap();
        assert_eq!(declared.default, Some(Behaviour::default()));
        let model = declared.models.get("openai/gpt-4.1").unwrap();
        assert_eq!(model.latency, Latency::LognormalMs { p50: 40.0, p99: 200.0 });
        assert_eq!(model.faults, Faults { rate_limit: 0.05, retry_after_ms: 2_000, cut: 0.01, ..Faults::default() });
        assert_eq!((model.fail_next, model.fail_with, model.seed), (2, Fault::Malformed, Some(7)));
        assert_eq!(model.price.unwrap().output_usd_per_mtok.0, 8_000_000_000_000);
        // What the admin route shows can be put back.
        let shown = serde_json::to_string(model).unwrap();
        assert_eq!(&serde_json::from_str::<Behaviour>(&shown).unwrap(), model);
        // JSON is YAML.
        assert_eq!(
            Declared::parse(&format!("{{\"models\": {{\"m\": {shown}}}}}")).unwrap().models.get("m"),
            Some(model)
        );
    }

    #[test]
    fn misspelt_and_senseless_files_are_refused() {
        let check = |text: &str, part: &str| {
            let error = Declared::parse(text).unwrap_err();
            assert!(error.contains(part), "{error}");
        };
        check("modles: {}", "modles");
        check("models: {m: {latncy: {fixedMs: 1}}}", "latncy");
        check("models: {m: {latency: {uniformMs: {min: 1, mx: 2}}}}", "mx");
        check("models: {m: {faults: {cut: 2}}}", "m: faults.cut must be between 0 and 1");
        check("default: {latency: {fixedMs: -1}}", "default: latency.fixedMs");
    }
}
