//! Latency in its two parts: to the first token, and from there on.

use super::*;

#[test]
fn a_short_answer_of_a_model_that_is_slow_to_begin_and_a_long_one_of_one_that_is_slow_to_go_on_are_late() {
    // Both take ten seconds for the usual 200 tokens of such work.
    let of = |first_ms: f64, token_ms: f64| {
        let (first, token) = (f64::ln(first_ms), f64::ln(token_ms));
        let speed = crate::domain::speed::Speed {
            answers: 32.0,
            first_ms,
            first_log: first,
            first_log_square: first * first,
            token_ms,
            token_log: token,
            token_log_square: token * token,
        };
        let answers =
            AnswerStatistics { answers: 32.0, latency_ms: 10_000.0, output_tokens: 200.0, speed, ..Default::default() };
        ModelStatistics { by_type: [(TaskType::QuestionAnswering, answers)].into(), ..ModelStatistics::default() }
    };
    let world = |limit: u32| {
        World::new().with(|world| {
            world.task.input.max_tokens = Some(limit);
            world.task.constraints.max_latency_ms = Some(7_000);
            let models = [
                ("b/medium".into(), of(9_000.0, 5.0)),
                ("c/large".into(), of(500.0, 47.5)),
                ("a/small".into(), of(9_000.0, 5.0)),
            ];
            world.statistics = Statistics { read_at_ms: Some(NOW_MS), models: models.into() };
        })
    };
    check(&world(20), &["c/large"], &["a/small latency", "b/medium latency"]);
    let unlimited = world(4_000).plan().explanation;
    assert_eq!(unlimited.relaxed, ["latency"], "{unlimited:#?}");
}
