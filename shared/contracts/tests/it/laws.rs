//! Laws that hold for all values.

use neptune_contracts::{
    PicoUsd, Timestamp,
    chat::{ChatMessage, ChatRequest},
    names::Team,
    subject::Namespace,
    task::{Constraints, TaskSubmitted},
};
use proptest::prelude::*;

fn json_round_trip<T: serde::Serialize + serde::de::DeserializeOwned>(value: &T) -> T {
    serde_json::from_slice(&serde_json::to_vec(value).unwrap()).unwrap()
}

prop_compose! {
    fn task()(
        texts in prop::collection::vec("\\PC{0,40}", 1..5),
        model in prop::option::of("[a-z/:.-]{1,20}"),
        temperature in prop::option::of(0.0..2.0f64),
        max_cost in prop::option::of(0i64..),
        micros in prop::option::of(0i64..4_000_000_000_000_000),
        extra in "[a-z_]{1,8}",
    ) -> TaskSubmitted {
        let mut input = ChatRequest { model, temperature, ..ChatRequest::default() };
        input.messages = texts.into_iter().map(|text| ChatMessage::text("user", text)).collect();
        input.other.insert(format!("x_{extra}"), serde_json::json!({"kept": [1, 2]}));
        let mut task = TaskSubmitted::new("support".parse().unwrap(), input);
        task.team = None;
        task.constraints = Constraints {
            max_cost_usd: max_cost.map(PicoUsd),
            deadline: micros.and_then(Timestamp::from_unix_micros),
            ..Constraints::default()
        };
        task
    }
}

proptest! {
    #[test]
    fn tasks_survive_the_wire(task in task()) {
        prop_assert_eq!(json_round_trip(&task), task);
    }

    #[test]
    fn money_survives_the_wire_and_print_is_the_inverse_of_parse(pico in any::<i64>()) {
        prop_assume!(pico != i64::MIN);
        let money = PicoUsd(pico);
        prop_assert_eq!(json_round_trip(&money), money);
        prop_assert_eq!(money.to_string().parse::<PicoUsd>().unwrap(), money);
    }

    #[test]
    fn money_typed_as_a_number_is_what_was_typed(cents in 0u32..100_000_000) {
        let typed = format!("{}.{:02}", cents / 100, cents % 100);
        let money: PicoUsd = serde_json::from_str(&typed).unwrap();
        prop_assert_eq!(money.0, i64::from(cents) * 10_000_000_000);
    }

    #[test]
    fn a_price_never_undercharges_and_is_off_by_less_than_a_pico(tokens in prop::collection::vec((0u64..10_000_000, 0i64..1_000_000_000_000_000), 1..5)) {
        let priced: Vec<(u64, PicoUsd)> = tokens.iter().map(|(count, price)| (*count, PicoUsd(*price))).collect();
        let exact: i128 = tokens.iter().map(|(count, price)| i128::from(*count) * i128::from(*price)).sum();
        let charged = i128::from(PicoUsd::of_quantities(&priced).0);
        prop_assert!(charged * 1_000_000 >= exact || charged == i128::from(i64::MAX));
        prop_assert!((charged - 1) * 1_000_000 < exact || exact == 0);
    }

    #[test]
    fn junk_is_never_money(text in "\\PC{0,24}") {
        if let Ok(money) = text.parse::<PicoUsd>() {
            prop_assert_eq!(money.to_string().parse::<PicoUsd>().unwrap(), money);
        }
    }

    #[test]
    fn times_survive_the_wire(micros in -62_000_000_000_000_000i64..253_000_000_000_000_000) {
        let time = Timestamp::from_unix_micros(micros).unwrap();
        prop_assert_eq!(json_round_trip(&time), time);
        prop_assert_eq!(time.unix_micros(), micros);
    }

    #[test]
    fn subjects_give_their_parameters_back(team in "[a-z0-9][a-z0-9_-]{0,20}", task in "[0-9a-f-]{1,36}") {
        let namespace: Namespace = "neptune".parse().unwrap();
        let pattern = "task.finished.v1.<team>.<origin>.<task>";
        let subject = namespace.subject(pattern, &[&team, "api", &task]);
        prop_assert_eq!(namespace.parameters(pattern, &subject).unwrap(), vec![team.as_str(), "api", task.as_str()]);
    }

    #[test]
    fn a_team_is_always_one_token(text in "\\PC{0,80}") {
        if let Ok(team) = text.parse::<Team>() {
            prop_assert!(!team.as_str().contains(['.', '*', '>', ' ']) && !team.as_str().is_empty());
        }
    }
}
