//! The history of a run as a tree: which tasks were done when, for how long, and what came of them.

use super::{Doing, Ending, Instance, Record, change::Change};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// A task of the history.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Line {
    /// Its number.
    pub instance: Instance,
    /// In how many tasks it stands.
    pub level: usize,
    /// Its name.
    pub name: String,
    /// The iteration or branch of the task around it.
    pub slot: usize,
    /// When it began, in milliseconds since 1970.
    pub started_ms: u64,
    /// When it ended.
    pub ended_ms: Option<u64>,
    /// What came of it.
    pub state: State,
    /// Of a task that failed, why.
    pub problem: Option<String>,
    /// What it cost, in pico-US-dollars.
    pub cost_pico_usd: i64,
    /// What else came with the answer of its call.
    pub note: Option<Value>,
    /// How often what stands in it was begun, where it is tried again when that fails.
    pub tries: u64,
}

/// What came of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It goes on.
    Running,
    /// It was done.
    Done,
    /// Its condition did not hold.
    Skipped,
    /// It failed.
    Failed,
    /// It was going on when somebody ended the run.
    Cancelled,
    /// It was given up.
    Dropped,
}

/// The tasks of a run, each after the one it stands in.
#[must_use]
pub fn lines(records: &[Record]) -> Vec<Line> {
    let mut tree = Tree::default();
    for record in records {
        record.changes.iter().for_each(|change| tree.take(change, record.at_ms));
    }
    tree.sorted()
}

#[derive(Default)]
struct Tree {
    lines: Vec<Line>,
    parents: Vec<Option<Instance>>,
    /// What the end of the run ended, and when: it goes on when the run is taken up again.
    cut: BTreeMap<Instance, u64>,
}

impl Tree {
    fn take(&mut self, change: &Change, at_ms: u64) {
        match change {
            Change::Entered(entered) => {
                let (instance, name, slot) = (entered.instance, entered.name.clone(), entered.slot);
                self.add(instance, name, (entered.parent, slot), at_ms);
            }
            Change::Skipped { instance, name, parent, slot } => {
                self.add(*instance, name.clone(), (Some(*parent), *slot), at_ms);
                self.close(*instance, State::Skipped, at_ms);
            }
            Change::Answered { instance, cost_pico_usd, note, .. } => {
                if let Some(line) = self.line(*instance) {
                    (line.cost_pico_usd, line.note) = (*cost_pico_usd, note.clone());
                }
            }
            Change::Left { instance, .. } => self.close(*instance, State::Done, at_ms),
            Change::Failed { instance, problem, .. } => {
                if let Some(line) = self.line(*instance) {
                    line.problem = Some(problem.detail.clone().unwrap_or_else(|| problem.kind.clone()));
                    line.state = State::Failed;
                }
            }
            Change::Emptied { instance } => self.drop_inside(*instance, at_ms),
            Change::Dropped { instance, .. } => {
                self.drop_inside(*instance, at_ms);
                self.close(*instance, State::Dropped, at_ms);
            }
            Change::Withdrawn { instance } => {
                let at_ms = self.cut.get(instance).copied().unwrap_or(at_ms);
                self.close(*instance, State::Dropped, at_ms);
            }
            Change::Became { instance, doing: Doing::Try { turn, retry_ms: None, is_caught: false, .. } } => {
                if let Some(line) = self.line(*instance) {
                    line.tries = turn + 1;
                }
            }
            Change::Compensating { ending } => self.cut(ending, |instance| instance != 0, at_ms),
            Change::Ended { ending } => {
                self.cut(ending, |_| true, at_ms);
                let state = match **ending {
                    Ending::Completed { .. } => State::Done,
                    Ending::Cancelled { .. } => State::Cancelled,
                    _ => State::Failed,
                };
                if let Some(line) = self.line(0) {
                    line.state = state;
                }
            }
            Change::Retried { .. } => self.take_up(),
            _ => {}
        }
    }

    /// Ends what goes on, because the run ends so.
    fn cut(&mut self, ending: &Ending, is_cut: impl Fn(Instance) -> bool, at_ms: u64) {
        let state = if matches!(ending, Ending::Cancelled { .. }) { State::Cancelled } else { State::Dropped };
        let open = self.lines.iter().filter(|line| line.ended_ms.is_none() && is_cut(line.instance));
        let open: Vec<Instance> = open.map(|line| line.instance).collect();
        for instance in open {
            self.cut.insert(instance, at_ms);
            self.close(instance, state, at_ms);
        }
    }

    /// The run goes on with what its end had ended; what had failed stays so.
    fn take_up(&mut self) {
        for line in self.lines.iter_mut().filter(|line| self.cut.contains_key(&line.instance)) {
            if line.instance == 0 || line.state != State::Failed {
                (line.state, line.ended_ms) = (State::Running, None);
            }
        }
    }

    fn line(&mut self, instance: Instance) -> Option<&mut Line> {
        self.lines.iter_mut().rev().find(|line| line.instance == instance)
    }

    fn add(&mut self, instance: Instance, name: String, (parent, slot): (Option<Instance>, usize), at_ms: u64) {
        let around = parent.and_then(|parent| self.line(parent));
        let level = around.map_or(0, |around| around.level + 1);
        self.parents.push(parent);
        self.lines.push(Line {
            instance,
            level,
            name,
            slot,
            started_ms: at_ms,
            ended_ms: None,
            state: State::Running,
            problem: None,
            cost_pico_usd: 0,
            note: None,
            tries: 0,
        });
    }

    fn close(&mut self, instance: Instance, state: State, at_ms: u64) {
        if let Some(line) = self.line(instance).filter(|line| line.ended_ms.is_none()) {
            line.ended_ms = Some(at_ms);
            if line.state != State::Failed || state == State::Done {
                line.state = state;
            }
        }
    }

    fn drop_inside(&mut self, instance: Instance, at_ms: u64) {
        let mut inside = vec![instance];
        for (line, parent) in self.lines.iter_mut().zip(&self.parents) {
            if parent.is_some_and(|parent| inside.contains(&parent)) && line.ended_ms.is_none() {
                inside.push(line.instance);
                line.ended_ms = Some(at_ms);
                line.state = if line.state == State::Failed { State::Failed } else { State::Dropped };
            }
        }
    }

    /// Each task after the one it stands in, else in the order in which they began.
    fn sorted(self) -> Vec<Line> {
        let mut children: BTreeMap<Option<Instance>, Vec<Line>> = BTreeMap::new();
        for (line, parent) in self.lines.into_iter().zip(self.parents) {
            children.entry(parent).or_default().push(line);
        }
        let mut sorted = Vec::new();
        let mut next = children.remove(&None).unwrap_or_default();
        next.reverse();
        while let Some(line) = next.pop() {
            let inner = children.remove(&Some(line.instance)).unwrap_or_default();
            next.extend(inner.into_iter().rev());
            sorted.push(line);
        }
        sorted
    }
}
