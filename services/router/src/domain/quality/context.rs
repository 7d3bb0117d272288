//! Where a task stands: the contexts that its feedback counts in.

use neptune_contracts::{admission::Task, names::TaskType};

/// How fine a context is, coarse first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Level {
    /// Everything the model did.
    Global,
    /// A kind of work.
    Type,
    /// A kind of work with inputs of about one length.
    Band,
    /// A step of a workflow.
    Step,
}

/// Every level, coarse first.
pub const LEVELS: [Level; 4] = [Level::Global, Level::Type, Level::Band, Level::Step];

impl Level {
    /// As it stands in the explanation.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Global => "global",
            Self::Type => "type",
            Self::Band => "length",
            Self::Step => "step",
        }
    }
}

/// About how long an input is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Band {
    /// Below 256 tokens: a question.
    Short,
    /// Below 1,024: a page.
    Medium,
    /// Below 4,096: an article.
    Long,
    /// More.
    Huge,
}

impl Band {
    /// The band of an input of so many tokens.
    #[must_use]
    pub const fn of(input_tokens: u64) -> Self {
        match input_tokens {
            0..256 => Self::Short,
            256..1_024 => Self::Medium,
            1_024..4_096 => Self::Long,
            _ => Self::Huge,
        }
    }

    /// As it stands in keys.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Short => "short",
            Self::Medium => "medium",
            Self::Long => "long",
            Self::Huge => "huge",
        }
    }
}

/// The levels of one task with their keys, coarse first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Context(Vec<(Level, String)>);

impl Context {
    /// Of work of `task_type` with so many input tokens, in the step `step` when it is one.
    #[must_use]
    pub fn new(task_type: TaskType, input_tokens: u64, step: Option<&str>) -> Self {
        let band = Band::of(input_tokens).as_str();
        let mut keys = vec![
            (Level::Global, "*".to_owned()),
            (Level::Type, format!("type:{task_type}")),
            (Level::Band, format!("band:{task_type}:{band}")),
        ];
        keys.extend(step.map(|step| (Level::Step, format!("step:{step}"))));
        Self(keys)
    }

    /// Of `task`, whose input has so many tokens. What a step learnt carries over to the next version of its workflow.
    #[must_use]
    pub fn of(task: &Task, task_type: TaskType, input_tokens: u64) -> Self {
        let step = task.step.as_ref().map(|step| {
            let workflow = step.workflow.rsplit_once(':').map_or(step.workflow.as_str(), |(name, _)| name);
            format!("{workflow}.{}", step.step)
        });
        Self::new(task_type, input_tokens, step.as_deref())
    }

    /// Of keys as [`Self::keys`] has them, coarse first.
    #[must_use]
    pub fn of_keys(keys: Vec<String>) -> Self {
        Self(LEVELS.into_iter().zip(keys).collect())
    }

    /// Levels and keys, coarse first.
    #[must_use]
    pub fn keys(&self) -> &[(Level, String)] {
        &self.0
    }
}
