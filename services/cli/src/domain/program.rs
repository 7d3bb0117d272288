//! The programs a stack is made of.

/// One of the programs that `up` runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Program {
    /// HTTP in and out.
    Ingress,
    /// Allows.
    Governance,
    /// Chooses.
    Router,
    /// Calls models.
    Executor,
    /// Counts.
    Metering,
    /// Tells.
    Notifier,
    /// Stands in for model providers.
    Simulator,
    /// Stands in for a mail server and a webhook receiver.
    Sink,
}

impl Program {
    /// The services of every stack.
    pub const SERVICES: &'static [Self] =
        &[Self::Ingress, Self::Governance, Self::Router, Self::Executor, Self::Metering, Self::Notifier];
    /// What a demonstration needs besides.
    pub const STAND_INS: &'static [Self] = &[Self::Simulator, Self::Sink];

    /// Its name in states, logs and variables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ingress => "ingress",
            Self::Governance => "governance",
            Self::Router => "router",
            Self::Executor => "executor",
            Self::Metering => "metering",
            Self::Notifier => "notifier",
            Self::Simulator => "simulator",
            Self::Sink => "sink",
        }
    }

    /// The file name of its binary.
    #[must_use]
    pub fn binary(self) -> String {
        format!("neptune-{}", self.name())
    }

    /// The prefix of the variables that are its own.
    #[must_use]
    pub fn prefix(self) -> String {
        format!("NEPTUNE_{}_", self.name().to_ascii_uppercase())
    }

    /// Whether it speaks on the bus.
    #[must_use]
    pub fn is_on_bus(self) -> bool {
        Self::SERVICES.contains(&self)
    }

    /// Whether several may run on one machine. The others listen on a port of their own.
    #[must_use]
    pub fn can_be_replicated(self) -> bool {
        self.is_on_bus() && self != Self::Ingress
    }

    /// Whether `file_name` is one of our binaries; a binary that was replaced while it runs is
    /// shown by the kernel with a suffix.
    #[must_use]
    pub fn is_ours(file_name: &str) -> bool {
        let name = file_name.strip_suffix(" (deleted)").unwrap_or(file_name);
        Self::SERVICES.iter().chain(Self::STAND_INS).any(|program| program.binary() == name)
    }
}

/// A number of replicas for a service: `executor=2`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replicas {
    /// The service.
    pub program: Program,
    /// How many.
    pub count: u32,
}

/// Most replicas of a service on one machine.
const MAX_REPLICAS: u32 = 64;

impl std::str::FromStr for Replicas {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, count) = text.split_once('=').ok_or("write SERVICE=NUMBER, for example executor=2")?;
        let known = || Program::SERVICES.iter().filter(|program| program.can_be_replicated());
        let program = known().copied().find(|program| program.name() == name).ok_or_else(|| {
            let names: Vec<&str> = known().map(|program| program.name()).collect();
            format!("{name:?} cannot be replicated here; use one of {}", names.join(", "))
        })?;
        let count = count.parse().ok().filter(|count| (1..=MAX_REPLICAS).contains(count));
        count
            .map(|count| Self { program, count })
            .ok_or_else(|| format!("the number of replicas is 1 to {MAX_REPLICAS}"))
    }
}

/// The names under which the replicas of a program run: `executor`, `executor-2`, …
#[must_use]
pub fn replica_names(program: Program, replicas: &[Replicas]) -> Vec<String> {
    let count = replicas.iter().rev().find(|wanted| wanted.program == program).map_or(1, |wanted| wanted.count);
    let name = |index: u32| if index == 1 { program.name().to_owned() } else { format!("{}-{index}", program.name()) };
    (1..=count).map(name).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn replicas_are_named_in_order() {
        let wanted = ["executor=3".parse().unwrap()];
        assert_eq!(replica_names(Program::Executor, &wanted), ["executor", "executor-2", "executor-3"]);
        assert_eq!(replica_names(Program::Router, &wanted), ["router"]);
    }

    #[test]
    fn what_listens_on_a_port_is_not_replicated() {
        for text in ["ingress=2", "simulator=2", "executor", "executor=0", "executor=many", "executor=65"] {
            assert!(text.parse::<Replicas>().is_err(), "{text}");
        }
    }

    #[test]
    fn our_binaries_are_recognised() {
        assert!(Program::is_ours("neptune-router"));
        assert!(Program::is_ours("neptune-router (deleted)"));
        assert!(!Program::is_ours("nats-server"));
        assert!(!Program::is_ours("neptune"));
    }
}
