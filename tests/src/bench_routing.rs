//! Routing decisions against published and measured numbers, on the shared labelled data.
//!
//! Everything is measured from outside: tasks go in as files, `neptune eval` prints what the router
//! expects or chooses, and the scores that were held back say how good that was. No task is judged
//! by what was learnt from it: sets are split by the hash of the prompt's id.

pub mod curves;
pub mod neptune;
pub mod pair;
pub mod report;
pub mod streams;
pub mod tasks;

use report::Line;
use tasks::{Folds, Task};

/// Every number with what it must reach.
#[must_use]
pub fn measure() -> Vec<Line> {
    let mut lines = Vec::new();
    lines.extend(pair::measure());
    lines.extend(curves::measure());
    lines.extend(streams::measure());
    lines
}

/// The tasks as they are expected by a router that learnt from the other folds, in order.
fn judged(tasks: &[Task], folds: &Folds) -> Vec<neptune::Expected> {
    let mut expected: Vec<Option<neptune::Expected>> = vec![None; tasks.len()];
    for fold in 0..folds.count {
        let (test, train): (Vec<usize>, Vec<usize>) =
            (0..tasks.len()).partition(|index| folds.of(&tasks[*index]) == fold);
        let pick = |indices: &[usize]| indices.iter().map(|index| tasks[*index].clone()).collect::<Vec<_>>();
        for (index, line) in test.iter().zip(neptune::routing(&pick(&train), &pick(&test))) {
            assert_eq!(line.id, tasks[*index].id);
            expected[*index] = Some(line);
        }
    }
    expected.into_iter().map(|line| line.expect("every task is in one fold")).collect()
}
