//! Which program gets which variables: only what it needs, so that a leak in one shows no secret
//! of another.

use super::program::Program;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use std::collections::{BTreeMap, BTreeSet};

/// Variables by name.
pub type Variables = BTreeMap<String, String>;

/// Everything the split needs to know of a stack.
#[derive(Clone, Default)]
pub struct Sources {
    /// Broker address without credentials.
    pub nats_url: String,
    /// Redis address.
    pub redis_url: String,
    /// Postgres address.
    pub database_url: String,
    /// First token of every subject.
    pub namespace: String,
    /// `host:port` the ingress listens on.
    pub ingress_listen: String,
    /// `host:port` the simulator listens on.
    pub simulator_listen: String,
    /// Base address of the simulator, when there is one.
    pub simulator_url: Option<String>,
    /// `host:port` of the mail stand-in and of its HTTP view, when they run.
    pub sink: Option<SinkAddresses>,
    /// The installation's secrets.
    pub secrets: Variables,
    /// The environment of the command itself.
    pub ambient: Variables,
    /// Variables that the resources of models and channels name.
    pub referenced: Referenced,
}

/// Where the stand-in for receivers listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SinkAddresses {
    /// SMTP.
    pub smtp: String,
    /// HTTP.
    pub http: String,
    /// Folder that keeps what arrives.
    pub folder: String,
}

/// Variables that resources name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Referenced {
    /// By models: credentials and parts of endpoints.
    pub by_models: BTreeSet<String>,
    /// By channels.
    pub by_channels: BTreeSet<String>,
}

/// Why a program cannot be given what it needs.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum EnvironmentFault {
    /// A secret is missing.
    #[error("{0} is not in secrets.env; delete the line's remains and run `neptune up` again to make a new one")]
    MissingSecret(&'static str),
    /// The signing key is malformed.
    #[error("NEPTUNE_GOVERNANCE_SIGNING_KEY in secrets.env is not the base64 of 32 bytes")]
    SigningKey,
}

/// What every program may know.
const COMMON: &[&str] = &[
    "NEPTUNE_LOG",
    "NEPTUNE_THREADS",
    "NEPTUNE_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "RUST_BACKTRACE",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "TZ",
    "TMPDIR",
];
/// What programs that call out into the world honour.
const PROXIES: &[&str] =
    &["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "all_proxy", "no_proxy"];
/// Beginnings of names that no resource can have handed out, wherever their value comes from.
const RESERVED: &[&str] = &[
    "NEPTUNE_NATS_",
    "NEPTUNE_KEY_",
    "NEPTUNE_APPROVAL_",
    "NEPTUNE_GOVERNANCE_",
    "NEPTUNE_DATABASE_",
    "NEPTUNE_REDIS_",
    "NEPTUNE_API_KEY",
    "NEPTUNE_ADMIN_KEY",
];
const SIGNING_KEY: &str = "NEPTUNE_GOVERNANCE_SIGNING_KEY";
const PUBLIC_KEY: &str = "NEPTUNE_GOVERNANCE_PUBLIC_KEY";
const SIMULATOR_URL: &str = "NEPTUNE_SIMULATOR_URL";
const WEBHOOK_SECRET: &str = "NEPTUNE_WEBHOOK_SECRET";
const APPROVAL_SECRET: &str = "NEPTUNE_APPROVAL_SECRET";
const SMTP_URL: &str = "NEPTUNE_SMTP_URL";

/// The environment of `program`.
///
/// # Errors
/// A secret it needs is missing or malformed.
pub fn of(program: Program, sources: &Sources) -> Result<Variables, EnvironmentFault> {
    let mut variables = Variables::new();
    variables.extend(picked(&sources.ambient, COMMON));
    if program.is_on_bus() {
        variables.extend(bus(sources, program.name()));
    }
    let mut set = |name: &str, value: &str| drop(variables.insert(name.to_owned(), value.to_owned()));
    match program {
        Program::Ingress => {
            set("NEPTUNE_KEY_PEPPER", secret(sources, "NEPTUNE_KEY_PEPPER")?);
            set(APPROVAL_SECRET, secret(sources, APPROVAL_SECRET)?);
            set("NEPTUNE_INGRESS_LISTEN", &sources.ingress_listen);
        }
        Program::Governance => {
            set(SIGNING_KEY, secret(sources, SIGNING_KEY)?);
            set("NEPTUNE_GOVERNANCE_REDIS_URL", &sources.redis_url);
        }
        Program::Router => set("NEPTUNE_ROUTER_REDIS_URL", &sources.redis_url),
        Program::Executor => {
            set(PUBLIC_KEY, &public_key(secret(sources, SIGNING_KEY)?)?);
            // The stand-in for receivers is what calls of sample workflows go to.
            if let Some(sink) = &sources.sink {
                set("NEPTUNE_EXECUTOR_RUN_HOSTS", &sink.http);
            }
            variables.extend(for_models(sources));
        }
        Program::Metering => set("NEPTUNE_METERING_DATABASE_URL", &sources.database_url),
        Program::Notifier => {
            set(APPROVAL_SECRET, secret(sources, APPROVAL_SECRET)?);
            set("NEPTUNE_NOTIFIER_LINK_URL", &format!("http://{}", sources.ingress_listen));
            variables.extend(for_channels(sources));
        }
        Program::Simulator => set("NEPTUNE_SIMULATOR_LISTEN", &sources.simulator_listen),
        Program::Sink => variables.extend(for_sink(sources)),
    }
    // What the user says about this program goes before what follows from the stack.
    let own = sources.ambient.iter().filter(|(name, _)| name.starts_with(&program.prefix()) && !is_ours_to_set(name));
    variables.extend(own.map(|(name, value)| (name.clone(), value.clone())));
    Ok(variables)
}

/// Broker address, namespace, and the credentials of `user`, when the installation has them.
#[must_use]
pub fn bus(sources: &Sources, user: &str) -> Variables {
    let mut variables = Variables::from([
        ("NEPTUNE_NATS_URL".to_owned(), sources.nats_url.clone()),
        ("NEPTUNE_NAMESPACE".to_owned(), sources.namespace.clone()),
    ]);
    if let Some(password) = sources.secrets.get(&password_variable(user)) {
        variables.insert("NEPTUNE_NATS_USER".into(), user.to_owned());
        variables.insert("NEPTUNE_NATS_PASSWORD".into(), password.clone());
    }
    variables
}

/// The name under which `secrets.env` has the password of a broker user.
#[must_use]
pub fn password_variable(user: &str) -> String {
    format!("NEPTUNE_NATS_PASSWORD_{}", user.to_ascii_uppercase().replace('-', "_"))
}

/// The public half of a signing key, both base64.
///
/// # Errors
/// The signing key is not the base64 of 32 bytes.
pub fn public_key(signing_key: &str) -> Result<String, EnvironmentFault> {
    let seed = BASE64_STANDARD.decode(signing_key).map_err(|_| EnvironmentFault::SigningKey)?;
    let pair = Ed25519KeyPair::from_seed_unchecked(&seed).map_err(|_| EnvironmentFault::SigningKey)?;
    Ok(BASE64_STANDARD.encode(pair.public_key().as_ref()))
}

/// Variables with a program's prefix that the command sets itself, and addresses that are for the
/// command and its users.
fn is_ours_to_set(name: &str) -> bool {
    [SIGNING_KEY, PUBLIC_KEY, SIMULATOR_URL].contains(&name) || name.ends_with("_PORT")
}

fn picked<'s>(from: &'s Variables, names: &'s [&str]) -> impl Iterator<Item = (String, String)> + 's {
    names.iter().filter_map(|name| from.get(*name).map(|value| ((*name).to_owned(), value.clone())))
}

fn secret<'s>(sources: &'s Sources, name: &'static str) -> Result<&'s str, EnvironmentFault> {
    sources
        .secrets
        .get(name)
        .map(String::as_str)
        .filter(|value| !value.is_empty())
        .ok_or(EnvironmentFault::MissingSecret(name))
}

/// Credentials and endpoints of models: what resources name, and what providers' own tools call
/// their keys, so that a model applied later finds its key.
fn for_models(sources: &Sources) -> Variables {
    let mut variables: Variables = picked(&sources.ambient, PROXIES).collect();
    let by_custom =
        |name: &String| !name.starts_with("NEPTUNE_") && (name.ends_with("_API_KEY") || name.ends_with("_BASE_URL"));
    let candidates = sources.referenced.by_models.iter().chain(sources.ambient.keys().filter(|name| by_custom(name)));
    for name in candidates {
        let kept = sources.secrets.get(name).filter(|_| !name.starts_with("NEPTUNE_"));
        if let Some(value) = sources.ambient.get(name).filter(|_| !is_reserved(name)).or(kept) {
            variables.insert(name.clone(), value.clone());
        }
    }
    if let Some(url) = &sources.simulator_url {
        variables.insert(SIMULATOR_URL.into(), url.clone());
    }
    variables
}

/// Secrets of channels: what resources name, and the local set-up's own two.
fn for_channels(sources: &Sources) -> Variables {
    let mut variables: Variables = picked(&sources.ambient, PROXIES).collect();
    let names = sources.referenced.by_channels.iter().map(String::as_str).chain([WEBHOOK_SECRET, SMTP_URL]);
    for name in names.filter(|name| !is_reserved(name)) {
        if let Some(value) = sources.ambient.get(name).or_else(|| sources.secrets.get(name)) {
            variables.insert(name.to_owned(), value.clone());
        }
    }
    if let Some(sink) = &sources.sink {
        variables.entry(SMTP_URL.into()).or_insert_with(|| format!("smtp://{}", sink.smtp));
    }
    variables
}

fn for_sink(sources: &Sources) -> Variables {
    let mut variables = Variables::new();
    if let Some(sink) = &sources.sink {
        variables.insert("NEPTUNE_SINK_SMTP_LISTEN".into(), sink.smtp.clone());
        variables.insert("NEPTUNE_SINK_HTTP_LISTEN".into(), sink.http.clone());
        variables.insert("NEPTUNE_SINK_DIRECTORY".into(), sink.folder.clone());
    }
    variables
}

fn is_reserved(name: &str) -> bool {
    RESERVED.iter().any(|reserved| name.starts_with(reserved))
}

/// The variables that a text refers to as `${NAME}`.
pub fn placeholders(text: &str) -> impl Iterator<Item = &str> {
    text.split("${").skip(1).filter_map(|rest| rest.split_once('}').map(|(name, _)| name))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const SEED: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

    fn sources() -> Sources {
        let map = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        let mut secrets: Variables = map(&[
            ("NEPTUNE_KEY_PEPPER", "s-pepper"),
            (APPROVAL_SECRET, "s-approval"),
            (SIGNING_KEY, SEED),
            (WEBHOOK_SECRET, "s-webhook"),
            ("NEPTUNE_NATS_PASSWORD_OPERATOR", "s-operator"),
        ]);
        for program in Program::SERVICES {
            secrets.insert(password_variable(program.name()), format!("s-nats-{}", program.name()));
        }
        Sources {
            nats_url: "nats://h:1".into(),
            redis_url: "redis://s-redis".into(),
            database_url: "postgres://s-database".into(),
            namespace: "n".into(),
            ingress_listen: "127.0.0.1:1".into(),
            simulator_listen: "127.0.0.1:2".into(),
            simulator_url: Some("http://127.0.0.1:2".into()),
            secrets,
            ambient: map(&[
                ("OPENAI_API_KEY", "s-openai"),
                ("VENDOR_TOKEN", "s-vendor"),
                ("NEPTUNE_SMTP_URL", "smtp://s-smtp"),
                ("NEPTUNE_API_KEY", "s-caller"),
                ("NEPTUNE_LOG", "debug"),
                ("NEPTUNE_ROUTER_X", "1"),
                ("NEPTUNE_INGRESS_PORT", "1"),
                ("NEPTUNE_SIMULATOR_URL", "http://x"),
                ("HOME", "/root"),
                (PUBLIC_KEY, "stale"),
                ("NEPTUNE_NATS_PASSWORD", "s-own"),
            ]),
            referenced: Referenced {
                by_models: ["VENDOR_TOKEN", "NEPTUNE_KEY_PEPPER", "NEPTUNE_NATS_PASSWORD", "NEPTUNE_WEBHOOK_SECRET"]
                    .map(str::to_owned)
                    .into(),
                by_channels: ["NEPTUNE_KEY_PEPPER", "NEPTUNE_NATS_PASSWORD_OPERATOR", "NEPTUNE_WEBHOOK_SECRET"]
                    .map(str::to_owned)
                    .into(),
            },
            ..Sources::default()
        }
    }

    /// Everything in a program's environment that is secret, by its telling value.
    fn secrets_of(program: Program) -> Vec<String> {
        let variables = of(program, &sources()).unwrap();
        let mut seen: Vec<String> =
            variables.values().filter(|value| value.contains("s-") || *value == SEED).cloned().collect();
        seen.sort();
        seen
    }

    #[test]
    fn each_program_knows_only_its_own_secrets() {
        for (program, expected) in [
            (Program::Ingress, ["s-approval", "s-nats-ingress", "s-pepper"].as_slice()),
            (Program::Governance, &[SEED, "redis://s-redis", "s-nats-governance"]),
            (Program::Router, &["redis://s-redis", "s-nats-router"]),
            (Program::Executor, &["s-nats-executor", "s-openai", "s-vendor"]),
            (Program::Metering, &["postgres://s-database", "s-nats-metering"]),
            (Program::Notifier, &["s-approval", "s-nats-notifier", "s-webhook", "smtp://s-smtp"]),
            (Program::Simulator, &[]),
            (Program::Sink, &[]),
        ] {
            assert_eq!(secrets_of(program), expected, "{program:?}");
        }
    }

    #[test]
    fn a_programs_own_settings_reach_it_alone() {
        let router = of(Program::Router, &sources()).unwrap();
        assert_eq!((router["NEPTUNE_ROUTER_X"].as_str(), router["NEPTUNE_LOG"].as_str()), ("1", "debug"));
        assert_eq!((router["NEPTUNE_NATS_USER"].as_str(), router["NEPTUNE_NAMESPACE"].as_str()), ("router", "n"));
        assert!(!router.contains_key("HOME"));
        assert!(!of(Program::Ingress, &sources()).unwrap().contains_key("NEPTUNE_ROUTER_X"));
        assert!(!of(Program::Ingress, &sources()).unwrap().contains_key("NEPTUNE_INGRESS_PORT"));
        assert!(!of(Program::Governance, &sources()).unwrap().contains_key(PUBLIC_KEY));
        assert!(!of(Program::Simulator, &sources()).unwrap().contains_key("NEPTUNE_SIMULATOR_URL"));
    }

    #[test]
    fn the_executor_gets_the_public_half_of_the_signing_key() {
        // The public key of RFC 8032's scheme for the seed 00 01 … 1f.
        let expected = "A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg=";
        assert_eq!(public_key(SEED).unwrap(), expected);
        assert_eq!(of(Program::Executor, &sources()).unwrap()[PUBLIC_KEY], expected);
        assert_eq!(public_key("AAEC"), Err(EnvironmentFault::SigningKey));
    }

    #[test]
    fn a_missing_secret_is_named() {
        let mut without = sources();
        without.secrets.remove("NEPTUNE_KEY_PEPPER");
        assert_eq!(of(Program::Ingress, &without), Err(EnvironmentFault::MissingSecret("NEPTUNE_KEY_PEPPER")));
    }

    #[test]
    fn mail_goes_to_the_stand_in_unless_a_server_is_given() {
        let mut with_sink = sources();
        with_sink.sink =
            Some(SinkAddresses { smtp: "127.0.0.1:3".into(), http: "127.0.0.1:4".into(), folder: "/f".into() });
        assert_eq!(of(Program::Notifier, &with_sink).unwrap()[SMTP_URL], "smtp://s-smtp");
        with_sink.ambient.remove(SMTP_URL);
        assert_eq!(of(Program::Notifier, &with_sink).unwrap()[SMTP_URL], "smtp://127.0.0.1:3");
        // Calls of runs may go there too.
        assert_eq!(of(Program::Executor, &with_sink).unwrap()["NEPTUNE_EXECUTOR_RUN_HOSTS"], "127.0.0.1:4");
    }

    #[test]
    fn placeholders_are_found() {
        assert_eq!(placeholders("${A}/v1/${B_C}${").collect::<Vec<_>>(), ["A", "B_C"]);
    }
}
