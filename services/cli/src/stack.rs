//! One stack: its state directory, addresses and secrets.

use crate::{
    domain::{
        broker_user,
        environment::{self, Sources, Variables},
    },
    env_file,
    error::Error,
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use neptune_bus::BusConfig;
use neptune_runtime::config::Secret;
use std::path::{Path, PathBuf};

/// The operator's user on the broker.
const OPERATOR: &str = "operator";

/// A stack on this machine.
#[derive(Clone)]
pub struct Stack {
    /// The state directory, absolute.
    pub folder: PathBuf,
    ambient: Variables,
    recorded: Variables,
    secrets: Variables,
}

/// Where a program listens, when nothing else is said.
struct Port {
    listen: &'static str,
    port: &'static str,
    default: u16,
}

const INGRESS: Port = Port { listen: "NEPTUNE_INGRESS_LISTEN", port: "NEPTUNE_INGRESS_PORT", default: 7080 };
const SIMULATOR: Port = Port { listen: "NEPTUNE_SIMULATOR_LISTEN", port: "NEPTUNE_SIMULATOR_PORT", default: 7090 };
const SINK_SMTP: Port = Port { listen: "NEPTUNE_SINK_SMTP_LISTEN", port: "NEPTUNE_SINK_SMTP_PORT", default: 12525 };
const SINK_HTTP: Port = Port { listen: "NEPTUNE_SINK_HTTP_LISTEN", port: "NEPTUNE_SINK_HTTP_PORT", default: 12580 };

impl Stack {
    /// Opens the stack in `folder`. Addresses come from the environment, then from what `up`
    /// recorded (not for `up` itself, hence `use_recorded`), then from `servers.env`.
    ///
    /// # Errors
    /// A file of the state directory cannot be read.
    pub fn open(folder: &Path, ambient: Variables, use_recorded: bool) -> Result<Self, Error> {
        let folder = std::path::absolute(folder).map_err(|source| Error::File {
            action: "find",
            path: folder.into(),
            source,
        })?;
        let mut recorded = env_file::read(&folder.join("servers.env"))?;
        if use_recorded {
            recorded.extend(env_file::read(&folder.join("env"))?);
        }
        let secrets = env_file::read(&folder.join("secrets.env"))?;
        Ok(Self { folder, ambient, recorded, secrets })
    }

    /// A file of the state directory.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// A setting, from the environment or as recorded.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self.ambient.get(name).filter(|value| !value.is_empty()).or_else(|| self.recorded.get(name));
        found.map(String::as_str)
    }

    /// A secret of the installation.
    ///
    /// # Errors
    /// There is none of that name.
    pub fn secret(&self, name: &'static str) -> Result<&str, Error> {
        let found = self.secrets.get(name).or_else(|| self.ambient.get(name)).filter(|value| !value.is_empty());
        found.map(String::as_str).ok_or_else(|| {
            let file = self.file("secrets.env");
            Error::Input(format!(
                "{name} is neither in {} nor in the environment; `neptune up` makes it, or give --state-dir",
                file.display()
            ))
        })
    }

    /// Makes the secrets that are still missing and are not the broker's. Existing ones stay.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn make_missing_secrets(&mut self) -> Result<(), Error> {
        let hex = |bytes: [u8; 32]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let made = [
            ("NEPTUNE_KEY_PEPPER", hex(rand::random())),
            ("NEPTUNE_APPROVAL_SECRET", hex(rand::random())),
            ("NEPTUNE_GOVERNANCE_SIGNING_KEY", BASE64_STANDARD.encode(rand::random::<[u8; 32]>())),
            ("NEPTUNE_WEBHOOK_SECRET", format!("whsec_{}", BASE64_STANDARD.encode(rand::random::<[u8; 32]>()))),
        ];
        let missing: Vec<_> = made.into_iter().filter(|(name, _)| !self.secrets.contains_key(*name)).collect();
        if missing.is_empty() {
            return Ok(());
        }
        self.secrets.extend(missing.into_iter().map(|(name, value)| (name.to_owned(), value)));
        env_file::replace(&self.file("secrets.env"), &env_file::render(&self.secrets))
    }

    /// Broker address without credentials.
    #[must_use]
    pub fn nats_url(&self) -> String {
        let bare = self
            .get("NEPTUNE_NATS_URL")
            .map(|urls| urls.split(',').map(without_credentials).collect::<Vec<_>>().join(","));
        bare.unwrap_or_else(|| format!("nats://127.0.0.1:{}", self.port("NEPTUNE_NATS_PORT", 14222)))
    }

    /// Redis address.
    #[must_use]
    pub fn redis_url(&self) -> String {
        let default = || format!("redis://127.0.0.1:{}", self.port("NEPTUNE_REDIS_PORT", 16379));
        self.get("NEPTUNE_REDIS_URL").map_or_else(default, str::to_owned)
    }

    /// Postgres address.
    #[must_use]
    pub fn database_url(&self) -> String {
        let default = || format!("postgres://neptune@127.0.0.1:{}/neptune", self.port("NEPTUNE_POSTGRES_PORT", 15432));
        self.get("NEPTUNE_DATABASE_URL").map_or_else(default, str::to_owned)
    }

    /// First token of every subject.
    #[must_use]
    pub fn namespace(&self) -> &str {
        self.get("NEPTUNE_NAMESPACE").unwrap_or("neptune")
    }

    /// Base address of the ingress that this stack runs.
    #[must_use]
    pub fn ingress_url(&self) -> String {
        format!("http://{}", reachable(&self.listen(&INGRESS)))
    }

    /// The broker as `user` reaches it: with the password of `secrets.env`, or else as the
    /// environment has it.
    ///
    /// # Errors
    /// The namespace is not a name.
    pub fn bus_as(&self, user: &str) -> Result<BusConfig, Error> {
        let namespace = self
            .namespace()
            .parse()
            .map_err(|error| Error::Input(format!("NEPTUNE_NAMESPACE is not valid: {error}")))?;
        let given =
            || Some((self.get("NEPTUNE_NATS_USER")?.to_owned(), Secret::new(self.get("NEPTUNE_NATS_PASSWORD")?)));
        let known = self
            .secrets
            .get(&environment::password_variable(user))
            .map(|password| (user.to_owned(), Secret::new(password)));
        let has_credentials = known.is_some() || given().is_some();
        let as_given = self.get("NEPTUNE_NATS_URL").filter(|_| !has_credentials).map(str::to_owned);
        Ok(BusConfig {
            url: as_given.unwrap_or_else(|| self.nats_url()),
            credentials: known.or_else(given),
            namespace,
            inbox_prefix: None,
        })
    }

    /// The broker as the operator reaches it.
    ///
    /// # Errors
    /// The namespace is not a name.
    pub fn bus_as_operator(&self) -> Result<BusConfig, Error> {
        self.bus_as(OPERATOR)
    }

    /// Which teams have broker users here, and how `team` gets one.
    #[must_use]
    pub fn broker_user_remedy(&self, team: &str) -> String {
        broker_user::remedy(team, &self.secrets)
    }

    /// The broker's address with a client's credentials in it, for programs of that client.
    #[must_use]
    pub fn nats_url_of(&self, user: &str) -> String {
        let password = self.secrets.get(&environment::password_variable(user));
        let url = self.nats_url();
        match (password, url.split_once("://")) {
            (Some(password), Some((scheme, place))) => format!("{scheme}://{user}:{password}@{place}"),
            _ => url,
        }
    }

    /// What the environments of the programs are made of.
    #[must_use]
    pub fn sources(&self, with_stand_ins: bool) -> Sources {
        let simulator_listen = self.listen(&SIMULATOR);
        let own_simulator = with_stand_ins.then(|| format!("http://{}", reachable(&simulator_listen)));
        let folder = self.file("sink").display().to_string();
        let sink =
            || environment::SinkAddresses { smtp: self.listen(&SINK_SMTP), http: self.listen(&SINK_HTTP), folder };
        Sources {
            nats_url: self.nats_url(),
            redis_url: self.redis_url(),
            database_url: self.database_url(),
            namespace: self.namespace().to_owned(),
            ingress_listen: self.listen(&INGRESS),
            simulator_listen,
            simulator_url: own_simulator.or_else(|| self.get("NEPTUNE_SIMULATOR_URL").map(str::to_owned)),
            sink: with_stand_ins.then(sink),
            secrets: self.secrets.clone(),
            ambient: self.ambient.clone(),
            referenced: environment::Referenced::default(),
        }
    }

    fn listen(&self, port: &Port) -> String {
        let default = || format!("127.0.0.1:{}", self.port(port.port, port.default));
        self.get(port.listen).map_or_else(default, str::to_owned)
    }

    fn port(&self, name: &str, default: u16) -> u16 {
        self.get(name).and_then(|text| text.parse().ok()).unwrap_or(default)
    }
}

/// An address without user and password.
#[must_use]
pub fn without_credentials(url: &str) -> String {
    let Some((scheme, rest)) = url.trim().split_once("://") else { return url.trim().to_owned() };
    let end = rest.find('/').unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    format!("{scheme}://{}{path}", authority.rsplit('@').next().unwrap_or(authority))
}

/// The `host:port` of an address.
#[must_use]
pub fn host_and_port(url: &str) -> String {
    let bare = without_credentials(url);
    let place = bare.split_once("://").map_or(bare.as_str(), |(_, place)| place);
    place.split(['/', ',']).next().unwrap_or(place).to_owned()
}

/// Where something that listens on every interface is reached from this machine.
fn reachable(listen: &str) -> String {
    listen.replace("0.0.0.0:", "127.0.0.1:").replace("[::]:", "[::1]:")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn stack(set: &[(&str, &str)]) -> (tempfile::TempDir, Stack) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("servers.env"), "NEPTUNE_NATS_URL=nats://127.0.0.1:9\n").unwrap();
        std::fs::write(
            folder.path().join("env"),
            "NEPTUNE_NATS_URL=nats://client-support:p@127.0.0.1:8\nNEPTUNE_URL=http://x\n",
        )
        .unwrap();
        std::fs::write(
            folder.path().join("secrets.env"),
            "NEPTUNE_NATS_PASSWORD_OPERATOR=po\nNEPTUNE_NATS_PASSWORD_CLIENT_SUPPORT=pc\n",
        )
        .unwrap();
        let ambient = set.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let stack = Stack::open(folder.path(), ambient, true).unwrap();
        (folder, stack)
    }

    #[test]
    fn the_operator_does_not_use_a_clients_credentials() {
        let (_folder, stack) = stack(&[]);
        let bus = stack.bus_as_operator().unwrap();
        let (user, password) = bus.credentials.unwrap();
        assert_eq!((bus.url.as_str(), user.as_str(), password.expose()), ("nats://127.0.0.1:8", "operator", "po"));
        assert_eq!(stack.nats_url_of("client-support"), "nats://client-support:pc@127.0.0.1:8");
    }

    #[test]
    fn the_environment_goes_before_what_is_recorded() {
        let (folder, stack) =
            stack(&[("NEPTUNE_NATS_URL", "nats://a:b@h:1,nats://h:2"), ("NEPTUNE_INGRESS_LISTEN", "0.0.0.0:5")]);
        assert_eq!(stack.nats_url(), "nats://h:1,nats://h:2");
        assert_eq!(stack.ingress_url(), "http://127.0.0.1:5");
        let fresh = Stack::open(folder.path(), Variables::new(), false).unwrap();
        assert_eq!((fresh.nats_url().as_str(), fresh.get("NEPTUNE_URL")), ("nats://127.0.0.1:9", None));
        assert_eq!(fresh.redis_url(), "redis://127.0.0.1:16379");
    }

    #[test]
    fn missing_secrets_are_made_once() {
        let (folder, mut stack) = stack(&[]);
        stack.make_missing_secrets().unwrap();
        let first = stack.secret("NEPTUNE_GOVERNANCE_SIGNING_KEY").unwrap().to_owned();
        environment::public_key(&first).unwrap();
        let mut again = Stack::open(folder.path(), Variables::new(), false).unwrap();
        again.make_missing_secrets().unwrap();
        assert_eq!(again.secret("NEPTUNE_GOVERNANCE_SIGNING_KEY").unwrap(), first);
        assert_eq!(again.secrets["NEPTUNE_NATS_PASSWORD_OPERATOR"], "po");
    }

    #[test]
    fn addresses_lose_their_credentials() {
        for (url, bare, place) in [
            ("nats://u:p@h:1", "nats://h:1", "h:1"),
            ("postgres://neptune@h:2/db", "postgres://h:2/db", "h:2"),
            ("redis://h:3", "redis://h:3", "h:3"),
        ] {
            assert_eq!((without_credentials(url).as_str(), host_and_port(url).as_str()), (bare, place));
        }
    }
}
