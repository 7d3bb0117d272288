//! A refused credential takes every model out that is called with it.

use super::*;

/// Three models of one provider, the first of which was refused by `cause`.
fn refused(cause: ErrorClass) -> World {
    World::new().with(|world| {
        for name in ["a/small", "b/medium"] {
            let model = world.model(name);
            (model.endpoint, model.credential_env) = ("https://one.example/v1".into(), Some("ONE_KEY".into()));
        }
        world.model("c/large").credential_env = Some("ONE_KEY".into());
        world.open("a/small", 30_000);
        world.circuits.get_mut("a/small").unwrap().cause = Some(cause);
    })
}

#[test]
fn every_model_of_the_credential_is_out_at_once_and_says_why() {
    for cause in [ErrorClass::Auth, ErrorClass::Quota] {
        let world = refused(cause);
        // The same variable at another endpoint is another account.
        check(&world, &["c/large"], &["a/small circuit", "b/medium circuit"]);
        let reason = &world.plan().explanation.removed[1].reason;
        assert_eq!(reason, &format!("its credential failed for a/small ({cause}) and is left alone for 30000 ms more"));
    }
    check(&refused(ErrorClass::Overload), &["b/medium", "c/large"], &["a/small circuit"]);
}

#[test]
fn an_answer_after_the_refusal_says_that_the_credential_is_good() {
    let answered = |at_ms: i64| {
        refused(ErrorClass::Auth).with(|world| {
            let circuit = Circuit { succeeded_at_ms: at_ms, ..Circuit::default() };
            let measured = ModelStatistics { circuit, ..ModelStatistics::default() };
            world.statistics = Statistics { read_at_ms: Some(NOW_MS), models: [("b/medium".into(), measured)].into() };
        })
    };
    check(&answered(NOW_MS), &["b/medium", "c/large"], &["a/small circuit"]);
    check(&answered(NOW_MS - 2), &["c/large"], &["a/small circuit", "b/medium circuit"]);
}
