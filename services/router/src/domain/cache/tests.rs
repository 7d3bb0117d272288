#![allow(clippy::unwrap_used, clippy::panic)]
use super::*;
use neptune_contracts::{
    names::DataClass,
    resource::{CacheSpec, RouteSpec},
};
use neptune_testkit::builders;
use proptest::prelude::*;
use serde_json::json;

fn check(one: &str, other: &str, is_like: bool) {
    let (first, second) = (Words::of(one).unwrap(), Words::of(other).unwrap());
    assert_eq!(likeness(&first, &second).is_some(), is_like, "{one:?} {first:?}\n{other:?} {second:?}");
    assert_eq!(likeness(&second, &first).is_some(), is_like, "the other way round: {one:?}, {other:?}");
}

#[test]
fn fillers_case_punctuation_and_spelling_do_not_matter() {
    check("How do I reset my password?", "how can I reset my password, please", true);
    check("What is the capital of France", "what's the capital of France?", true);
    check("Summarize:   the pump in hall three leaks", "summarize the pump in hall three leaks!", true);
    check("Is room 3 free?", "please, is room 3 free please", true);
    check("Is it in room 3?", "is it in room 3, please", true);
    let long = "Please summarise this report about the colour of the river behind our plant for the whole team";
    check(long, &long.replace("summarise", "summarize"), true);
    check("如何重置我的密码", "如何重置我的密码？", true);
}

#[test]
fn what_matters_refuses() {
    for (one, other) in [
        ("Refund the order within 30 days", "Refund the order within 60 days"),
        ("Give 5 mg of it twice a day", "Give 5 kg of it twice a day"),
        ("Add 10% to the price", "Add 10 to the price"),
        ("Is $30 enough for lunch", "Is €30 enough for lunch"),
        ("When did Alice leave the company", "When did Bob leave the company"),
        ("please tell Alice", "please tell alice"),
        ("May we share this with them", "May we not share this with them"),
        ("Why does it work", "Why doesn't it work"),
        ("Does coffee cause sleep", "Does sleep cause coffee"),
        ("move it from savings to checking", "move it from checking to savings"),
        ("How to increase the pressure in the boiler", "How to decrease the pressure in the boiler"),
        ("Translate the letter into German", "Translate the letter into French"),
        ("Turn the alarm on", "Turn the alarm off"),
        ("who sells form", "who sells from"),
        ("is a < b true", "is a > b true"),
        ("price of my ticket", "price of your ticket"),
        ("see /etc/hosts", "see /etc/passwd"),
        ("我可以退货吗", "我不可以退货吗"),
    ] {
        check(one, other, false);
    }
    let long = "the team met on monday and went through every open question of the customer about the broken scanner ";
    check(&format!("{long} for the dog"), &format!("{long} for the cat"), false);
    check(&format!("{long} from north to south"), &format!("{long} from south to north"), false);
}

#[test]
fn what_is_too_long_or_says_nothing_is_not_compared() {
    assert!(Words::of("").is_none());
    assert!(Words::of("?!").is_none());
    assert!(Words::of(&"word ".repeat(MAX_WORDS)).is_some());
    assert!(Words::of(&"word ".repeat(MAX_WORDS + 1)).is_none());
}

fn print(change: impl FnOnce(&mut Task, &mut Admission, &mut String)) -> Fingerprint {
    let mut task = builders::task("support", "How do I reset my password?");
    let (mut admission, mut route) = (builders::admission(&["a/small"]), "auto".to_owned());
    change(&mut task, &mut admission, &mut route);
    fingerprint(&task, &admission, &route).unwrap()
}

#[test]
fn everything_but_the_last_message_is_the_scope() {
    let same = print(|_, _, _| {});
    type Change = Box<dyn FnOnce(&mut Task, &mut Admission, &mut String)>;
    let changes: Vec<(&str, Change)> = vec![
        ("team", Box::new(|task, _, _| task.team = "sales".parse().unwrap())),
        ("policy", Box::new(|_, admission, _| admission.policy_version = "r999".into())),
        ("class", Box::new(|_, admission, _| admission.class = DataClass::Restricted)),
        ("route", Box::new(|_, _, route| *route = "auto:best".into())),
        ("models", Box::new(|task, _, _| task.constraints.models.push("a/b".into()))),
        ("quality", Box::new(|task, _, _| task.constraints.min_quality = Some(0.5))),
        ("tools", Box::new(|task, _, _| task.input.tools = Some(vec![json!({"type": "function"})]))),
        ("temperature", Box::new(|task, _, _| task.input.temperature = Some(1.0))),
        ("seed", Box::new(|task, _, _| drop(task.input.other.insert("seed".into(), json!(1))))),
        ("system", Box::new(|task, _, _| task.input.messages.insert(0, ChatMessage::text("system", "Be short.")))),
    ];
    for (what, change) in changes {
        let other = print(change);
        assert_ne!(same.scope, other.scope, "{what}");
        assert_ne!(same.exact, other.exact, "{what}");
    }
    let other = print(|task, _, _| task.input = ChatRequest::user("how can I reset my password, please"));
    assert_eq!(same.scope, other.scope);
    assert_ne!(same.exact, other.exact);
    assert!(likeness(same.words.as_ref().unwrap(), other.words.as_ref().unwrap()).is_some());
    let streamed = print(|task, _, _| task.input.stream = Some(true));
    assert_eq!(same, streamed, "how the answer travels changes nothing");
}

#[test]
fn the_task_decides_before_its_route_and_neither_means_off() {
    let mut resources = Resources::default();
    let spec = CacheSpec { mode: CacheMode::Near, ttl_seconds: 60 };
    resources.routes.insert("faq".into(), RouteSpec { cache: Some(spec), ..serde_json::from_str("{}").unwrap() });
    let asked = |cache, route| {
        let mut task = builders::task("support", "hello");
        task.constraints.cache = cache;
        wish(&task, route, &resources)
    };
    assert_eq!(asked(None, "auto"), None);
    assert_eq!(asked(None, "faq"), Some(Wish { near: true, ttl_seconds: 60 }));
    assert_eq!(asked(Some(CacheMode::Off), "faq"), None);
    assert_eq!(asked(Some(CacheMode::Exact), "faq"), Some(Wish { near: false, ttl_seconds: 60 }));
    assert_eq!(asked(Some(CacheMode::Exact), "auto"), Some(Wish { near: false, ttl_seconds: 3_600 }));
}

proptest! {
    #[test]
    fn a_text_is_like_itself_and_finds_itself(text in "\\PC{0,400}") {
        if let Some(words) = Words::of(&text) {
            prop_assert_eq!(likeness(&words, &words), Some(1.0));
            prop_assert_eq!(sketch::bands(&words), sketch::bands(&Words::of(&text).unwrap()));
        }
    }

    #[test]
    fn likeness_is_the_same_both_ways(one in "([a-z]{1,6} |[0-9]{1,3} |not |Bob ){1,30}", other in "([a-z]{1,6} |[0-9]{1,3} |not |Bob ){1,30}") {
        if let (Some(one), Some(other)) = (Words::of(&one), Words::of(&other)) {
            prop_assert_eq!(likeness(&one, &other), likeness(&other, &one));
        }
    }

    #[test]
    fn another_number_is_another_question(text in "([a-z]{2,8} ){3,40}", at in 0_usize..40, one in 0_u32..1_000, more in 1_u32..1_000) {
        let with = |number: u32| {
            let mut words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
            words.insert(at.min(words.len()), number.to_string());
            Words::of(&words.join(" ")).unwrap()
        };
        prop_assert_eq!(likeness(&with(one), &with(one + more)), None);
    }
}
