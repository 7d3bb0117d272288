//! A decision is the same when it is made again from its record alone.

use super::{laws::world, *};
use crate::domain::recall::recall;
use neptune_contracts::{ids::TaskId, plan::Explanation};
use proptest::prelude::{ProptestConfig, any, prop_assert, prop_assert_eq, proptest};

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn replay_equals_decision(
        world in world(),
        id in any::<u128>(),
        feedback in proptest::collection::vec((0.0..30.0_f64, 0.0..30.0_f64), 12),
        session in proptest::option::of("[a-z]{1,8}"),
        held in proptest::option::of(0..12_usize),
    ) {
        let world = world.with(|world| {
            world.task.id = TaskId(uuid::Uuid::from_u128(id));
            world.task.metadata.extend(session.map(|session| ("session".to_owned(), session.into())));
            world.held = held.map(|number| (format!("p/m{number}"), 1_000));
            world.may_explore = true;
            let cells = feedback.iter().enumerate().map(|(number, (good, bad))| {
                (format!("p/m{number}"), Cell { good: *good, bad: *bad, at_ms: NOW_MS, ..Cell::default() })
            });
            world.cells.insert("type:question_answering".into(), cells.collect());
        });
        let Decision::Route(plan) = world.decide() else { return Ok(()) };
        // What is on record is what was written and read again.
        let record: Explanation = serde_json::from_str(&serde_json::to_string(&plan.explanation).unwrap()).unwrap();
        let again = recall(world.task.id, &record).unwrap();
        prop_assert!(again.agrees(&record), "{again:?} {record:?}");
        if let Some(first) = again.first {
            // A cascade begins with another one by its own rules.
            let is_combined = record.strategy.as_ref().is_some_and(|choice| choice.kind == "cascade");
            prop_assert!(is_combined || plan.attempts[0].model == first, "{first}: {plan:?}");
        }
        // Another task draws otherwise, so that the agreement says something.
        let other = recall(TaskId(uuid::Uuid::from_u128(!id)), &record).unwrap();
        let is_own = record.learning.as_ref().unwrap().session_lot.is_none();
        prop_assert_eq!(other.agrees(&record), !is_own);
    }
}
