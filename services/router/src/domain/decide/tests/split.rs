//! Parts of a route's traffic, and sessions.

use super::*;
use neptune_contracts::{ids::TaskId, resource::SplitSpec};

fn canary(world: &mut World) {
    let part = |name: &str, weight, model: &str| SplitSpec { name: name.into(), weight, models: vec![model.into()] };
    let split = vec![part("usual", 80, "c/large"), part("canary", 20, "a/small")];
    declare(world, RouteSpec { split, candidates: vec!["a/small".into(), "c/large".into()], ..route() });
}

fn of_task(change: impl Fn(&mut World)) -> Plan {
    World::new().with(canary).with(|world| world.task.id = TaskId::mint()).with(change).plan()
}

#[test]
fn each_part_has_its_share_and_its_models() {
    let mut canaries = 0;
    for _ in 0..400 {
        let plan = of_task(|_| {});
        let (first, part) = (&plan.attempts[0].model, plan.explanation.part.as_deref().unwrap());
        assert_eq!(first, if part == "canary" { "a/small" } else { "c/large" });
        canaries += u32::from(part == "canary");
        let because = &plan.explanation.because;
        assert!(because.contains(&format!("part {part} of route")) && !because.contains("only candidate"), "{because}");
        let rest: Vec<&str> = plan.attempts[1..].iter().map(|attempt| attempt.model.as_str()).collect();
        assert!(!rest.contains(&"b/medium"), "{rest:?}");
    }
    assert!((40..130).contains(&canaries), "{canaries} of 400");
}

#[test]
fn a_part_whose_model_is_away_falls_back_on_the_others() {
    for _ in 0..40 {
        let plan = of_task(|world| world.open("a/small", 3_000));
        assert_eq!(plan.attempts[0].model, "c/large");
    }
}

#[test]
fn a_session_stays_in_its_part_and_keeps_its_draws() {
    let of =
        |session: &str| of_task(|world| drop(world.task.metadata.insert("session".into(), session.into()))).explanation;
    for number in 0..20 {
        let session = format!("s{number}");
        let (one, other) = (of(&session), of(&session));
        assert_eq!(one.part, other.part);
        let (one, other) = (one.learning.unwrap(), other.learning.unwrap());
        assert!(one.session_lot.is_some());
        assert_eq!((one.session_lot, one.beliefs), (other.session_lot, other.beliefs));
    }
}
