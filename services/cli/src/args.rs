//! The command line.

use crate::{
    commands::{eval::Eval, event::Event, report::Report, run::Run, workflow::Workflow},
    domain::{api_key::KeyEnvironment, program::Replicas},
    error::EXIT_CODES,
};
use clap::{Args, Parser, Subcommand, ValueEnum};
use neptune_contracts::{
    PicoUsd,
    ids::TaskId,
    names::{Lane, TaskType, Team},
    query::SpendGroup,
    resource::KeyRole,
};
use std::path::PathBuf;

/// Runs and operates Neptune, the control plane for AI models.
#[derive(Parser, Debug)]
#[command(name = "neptune", version, after_help = EXIT_CODES)]
pub struct Cli {
    /// Where a stack keeps its secrets, logs and state.
    #[arg(long, global = true, env = "NEPTUNE_STATE_DIR", default_value = ".neptune", value_name = "DIR")]
    pub state_dir: PathBuf,
    /// Print JSON for machines.
    #[arg(long, global = true)]
    pub json: bool,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Run all services on this machine and keep them running.
    Up(UpArgs),
    /// Stop what `up` runs; servers are not touched.
    Down,
    /// Show what runs.
    Status,
    /// Wait until every service runs and has answered.
    Wait {
        /// Give up after this many seconds.
        #[arg(long, default_value_t = 60, value_name = "SECONDS")]
        timeout: u64,
    },
    /// Create streams, consumers, buckets and database tables.
    Migrate,
    /// Show what `apply` would change.
    Plan(ResourceArgs),
    /// Make the stored resources what the files declare.
    Apply(ResourceArgs),
    /// Remove stored resources, by kind and name as `plan` prints them.
    Delete {
        /// For example `route/replies` or `model/openai/gpt-4.1`.
        #[arg(value_name = "KIND/NAME", required = true)]
        keys: Vec<String>,
    },
    /// API keys.
    #[command(subcommand)]
    Key(KeyCommand),
    /// Submit a task and wait for its result.
    Submit(Box<SubmitArgs>),
    /// Tasks in the ledger.
    #[command(subcommand)]
    Task(TaskCommand),
    /// Say why a task went the way it did.
    Explain {
        /// The task.
        id: TaskId,
    },
    /// Show what was spent.
    Cost(CostArgs),
    /// Show how a team's budgets stand.
    Budget {
        /// The team.
        team: Team,
    },
    /// Reports over the ledger.
    #[command(subcommand)]
    Report(Report),
    /// Messages that were given up.
    #[command(subcommand)]
    Dead(DeadCommand),
    /// Run Neptune's decisions over recorded or labelled input, without a stack.
    #[command(subcommand)]
    Eval(Eval),
    /// Runs of workflows: start, see, list, cancel, pause, resume, retry, signal.
    #[command(subcommand)]
    Run(Run),
    /// Send events to runs that listen and schedules that wait.
    #[command(subcommand)]
    Event(Event),
    /// Look at definitions of workflows, without a stack.
    #[command(subcommand)]
    Workflow(Workflow),
}

/// Prompts to tell the kind of work of.
#[derive(Args, Debug)]
pub struct EvalTaskTypeArgs {
    /// Prompts as lines of JSON with `id` and `prompt`, plain or gzip.
    #[arg(long, value_name = "FILE")]
    pub input: PathBuf,
    /// Also compare with the `task_type` of each prompt that has one; the comparison goes to
    /// standard error.
    #[arg(long)]
    pub report: bool,
}

/// How to run the stack.
#[derive(Args, Debug, Clone)]
pub struct UpArgs {
    /// Leave it running in the background; return when every service has answered.
    #[arg(long)]
    pub detach: bool,
    /// Also run stand-ins for model providers, a mail server and a webhook receiver.
    #[arg(long)]
    pub with_simulator: bool,
    /// Run several of a service, for example executor=2.
    #[arg(long, value_name = "SERVICE=NUMBER", value_delimiter = ',')]
    pub replicas: Vec<Replicas>,
    /// Resources applied when none are stored yet.
    #[arg(long, env = "NEPTUNE_RESOURCES", default_value = "deploy/resources", value_name = "PATH")]
    pub resources: PathBuf,
    /// Team that the first API keys belong to.
    #[arg(long, default_value = "support", value_name = "TEAM")]
    pub team: Team,
    /// Every service must have answered within this many seconds.
    #[arg(long, default_value_t = 60, value_name = "SECONDS")]
    pub timeout: u64,
    /// Become a session of its own; what `--detach` starts.
    #[arg(long, hide = true)]
    pub session: bool,
}

/// Which resources.
#[derive(Args, Debug)]
pub struct ResourceArgs {
    /// Files or folders (YAML with any number of documents, or JSON).
    #[arg(short, long = "file", value_name = "PATH", required = true)]
    pub files: Vec<PathBuf>,
    /// Also remove stored resources that no file declares. API keys always stay.
    #[arg(long)]
    pub prune: bool,
}

/// API keys.
#[derive(Subcommand, Debug)]
pub enum KeyCommand {
    /// Make a key and show it, once.
    Create {
        /// Whose it is.
        #[arg(long)]
        team: Team,
        /// What it is for: `caller` submits tasks, `admin` reads across teams.
        #[arg(long, value_parser = role, default_value = "caller")]
        role: KeyRole,
        /// A label in the key.
        #[arg(long = "env", value_enum, default_value = "live")]
        environment: KeyEnvironment,
    },
    /// List the keys; their secrets are not stored.
    List {
        /// Only those of this team.
        #[arg(long)]
        team: Option<Team>,
    },
    /// Make a key void. Requests with it are refused from then on.
    Disable {
        /// Its id, which `list` shows and `create --json` told.
        id: String,
    },
}

/// A task to submit.
#[derive(Args, Debug)]
pub struct SubmitArgs {
    /// A task or chat completion request as JSON; `-` reads standard input. Options add to it.
    #[arg(value_name = "FILE", required_unless_present = "prompt")]
    pub file: Option<PathBuf>,
    /// What the user says.
    #[arg(long, short)]
    pub prompt: Option<String>,
    /// What the system prompt says.
    #[arg(long)]
    pub system: Option<String>,
    /// A model, or a route such as auto:cheap.
    #[arg(long)]
    pub model: Option<String>,
    /// The routing policy.
    #[arg(long)]
    pub route: Option<String>,
    /// The kind of work, when it should not be recognised.
    #[arg(long)]
    pub task_type: Option<TaskType>,
    /// The most it may cost.
    #[arg(long, value_name = "USD")]
    pub max_cost_usd: Option<PicoUsd>,
    /// How long the answer may take.
    #[arg(long, value_name = "MS")]
    pub max_latency_ms: Option<u64>,
    /// Expected quality the model must have, 0 to 1.
    #[arg(long, value_name = "QUALITY")]
    pub min_quality: Option<f64>,
    /// How urgent it is.
    #[arg(long)]
    pub lane: Option<Lane>,
    /// JSON Schema the answer must satisfy.
    #[arg(long, value_name = "FILE")]
    pub schema: Option<PathBuf>,
    /// Who else gets the result: webhook=URL or email=ADDRESS. Repeatable.
    #[arg(long, value_name = "CHANNEL=TO")]
    pub deliver: Vec<String>,
    /// A label kept with the result. Repeatable.
    #[arg(long, value_name = "NAME=VALUE")]
    pub metadata: Vec<String>,
    /// Seconds to wait for the result; 0 returns when the task is accepted.
    #[arg(long, default_value_t = 60, value_name = "SECONDS")]
    pub wait: u64,
    /// Publish on the bus as the team's client instead of calling the HTTP API.
    #[arg(long)]
    pub bus: bool,
    /// The team; only with --bus, because over HTTP the key says it.
    #[arg(long, default_value = "support")]
    pub team: Team,
}

/// Tasks in the ledger.
#[derive(Subcommand, Debug)]
pub enum TaskCommand {
    /// Show what became of a task.
    Show {
        /// The task.
        id: TaskId,
    },
}

/// Which spend.
#[derive(Args, Debug)]
pub struct CostArgs {
    /// By what it is grouped.
    #[arg(long, value_enum, default_value = "team")]
    pub by: Group,
    /// From when on: a time (RFC 3339) or how long ago (90m, 24h, 7d).
    #[arg(long, value_name = "WHEN", allow_hyphen_values = true)]
    pub since: Option<String>,
    /// Only this team's.
    #[arg(long)]
    pub team: Option<Team>,
}

/// By what spend is grouped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum Group {
    /// Team.
    Team,
    /// Model.
    Model,
    /// Kind of work.
    TaskType,
    /// Workflow.
    Workflow,
}

/// Messages that were given up.
#[derive(Subcommand, Debug)]
pub enum DeadCommand {
    /// List the newest.
    List {
        /// At most this many.
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// Show one, with its body.
    Show {
        /// Its number in the list.
        sequence: u64,
    },
    /// Publish one again and take it off the list.
    Replay {
        /// Its number in the list.
        sequence: u64,
    },
}

impl Group {
    /// As the query and the table name it.
    #[must_use]
    pub const fn query(self) -> (SpendGroup, &'static str) {
        match self {
            Self::Team => (SpendGroup::Team, "team"),
            Self::Model => (SpendGroup::Model, "model"),
            Self::TaskType => (SpendGroup::TaskType, "task type"),
            Self::Workflow => (SpendGroup::Workflow, "workflow"),
        }
    }
}

fn role(text: &str) -> Result<KeyRole, String> {
    serde_json::from_value(text.into()).map_err(|_| "expected one of caller, admin".into())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn help_documents_the_exit_codes() {
        assert!(Cli::command().render_help().to_string().contains("5   the task ended without an answer"));
    }

    #[test]
    fn replicas_and_roles_are_read() {
        let cli = Cli::try_parse_from(["neptune", "up", "--replicas", "executor=2,router=3"]).unwrap();
        assert!(matches!(cli.command, Command::Up(up) if up.replicas.len() == 2));
        assert!(Cli::try_parse_from(["neptune", "key", "create", "--team", "a", "--role", "root"]).is_err());
        assert!(Cli::try_parse_from(["neptune", "submit"]).is_err(), "neither a file nor a prompt");
    }
}
