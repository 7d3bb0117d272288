#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
use super::*;
use neptune_contracts::chat::ChatMessage;
use proptest::prelude::*;

fn check(prompt: &str, wanted: TaskType) {
    let found = recognise(&ChatRequest::user(prompt));
    assert_eq!((found.task_type, found.by), (wanted, By::Predicted), "{prompt} ({found:?})");
}

#[test]
fn each_kind_is_recognised_by_how_people_ask_for_it() {
    check("Write a Python function that reverses a linked list and add unit tests", TaskType::CodeGeneration);
    check("Refactor this:\n```rust\nfn main() { let x = 1; }\n```", TaskType::CodeGeneration);
    check(
        "Summarize the following ticket in two sentences: The customer ordered three lamps…",
        TaskType::Summarization,
    );
    check(
        "A train leaves at 9:00 at 60 mph, another at 10:00 at 80 mph. Calculate when they meet.",
        TaskType::Reasoning,
    );
    check("Extract the invoice number, the dates and all amounts from this e-mail: …", TaskType::Extraction);
    check(
        "Classify this support ticket as billing, shipping or technical: my parcel never came",
        TaskType::Classification,
    );
    check("Translate into German: The parcel will arrive on Monday.", TaskType::Translation);
    check("What is the difference between a router and a switch?", TaskType::QuestionAnswering);
    check("Write a short story about a lighthouse keeper who invents a slogan", TaskType::CreativeWriting);
    check("Hey! How are you today, lol", TaskType::Chat);
    check("Rewrite this in a more formal tone: we can't do that, sorry mate", TaskType::Rewriting);
}

#[test]
fn other_languages_are_recognised_too() {
    check("请把下面这句话翻译成英文：今天天气很好。", TaskType::Translation);
    check("Fasse den folgenden Text in drei Sätzen zusammen: Der Stadtrat hat am Dienstag …", TaskType::Summarization);
    check("Escribe un poema corto sobre el mar", TaskType::CreativeWriting);
    check("Quelle est la capitale de l'Australie ?", TaskType::QuestionAnswering);
}

#[test]
fn a_declared_kind_is_not_questioned() {
    let mut task = neptune_testkit::builders::task("support", "Translate into German: good day");
    task.task_type = Some(TaskType::Chat);
    let declared = Kind { task_type: TaskType::Chat, by: By::Declared, confidence: 1.0, second: None };
    let text = std::cell::LazyCell::new(|| -> Tokens { panic!("nobody asks for the words") });
    assert_eq!(kind(&task, &text), declared);
    assert_eq!(declared.mixture().collect::<Vec<_>>(), [(TaskType::Chat, 1.0)]);
}

#[test]
fn without_words_nothing_is_predicted() {
    for prompt in ["", " \n\t ", "?!", "🙂🙂"] {
        let found = recognise(&ChatRequest::user(prompt));
        let nothing = Kind { task_type: TaskType::Chat, by: By::Default, confidence: 0.0, second: None };
        assert_eq!(found, nothing, "{prompt:?}");
    }
    assert_eq!(recognise(&ChatRequest::default()).by, By::Default);
}

#[test]
fn the_instructions_say_what_a_bare_text_does_not() {
    let messages = vec![
        ChatMessage::text("system", "Translate every ticket to English."),
        ChatMessage::text("user", "Mein Paket fehlt, und niemand antwortet mir."),
    ];
    assert_eq!(recognise(&ChatRequest { messages, ..ChatRequest::default() }).task_type, TaskType::Translation);
}

#[test]
fn only_the_last_thing_the_user_said_counts() {
    let messages = vec![
        ChatMessage::text("user", "Write a poem about autumn."),
        ChatMessage::text("assistant", "Leaves fall …"),
        ChatMessage::text("user", "Translate into German: good day"),
    ];
    assert_eq!(recognise(&ChatRequest { messages, ..ChatRequest::default() }).task_type, TaskType::Translation);
}

#[test]
fn the_end_of_a_long_text_counts_whatever_characters_it_has() {
    check(
        &format!("{}\n\nPlease summarize this text.", "Größe übt schöne Möbel, sagt er. ".repeat(500)),
        TaskType::Summarization,
    );
}

#[test]
fn an_unsure_kind_is_mixed_with_the_second() {
    let second = Some(Likely { task_type: TaskType::Rewriting, confidence: 0.2 });
    let unsure = Kind { task_type: TaskType::Chat, by: By::Predicted, confidence: 0.3, second };
    assert_eq!(unsure.mixture().collect::<Vec<_>>(), [(TaskType::Chat, 0.6), (TaskType::Rewriting, 0.4)]);
    let sure = Kind { confidence: SURE, ..unsure };
    assert_eq!(sure.mixture().collect::<Vec<_>>(), [(TaskType::Chat, 1.0)]);
}

#[test]
fn the_weights_stay_small_and_are_used() {
    const { assert!(model::MODEL_BYTES <= 400 * 1024) };
    let unknown = [0_u8; model::MODEL_BYTES];
    assert!(Model::read(&unknown).is_none(), "a file that begins otherwise is refused");
    let scores = Model::embedded().scores(&Tokens::read("summarize this article"));
    let most = scores.iter().copied().fold(f32::MIN, f32::max);
    let least = scores.iter().copied().fold(f32::MAX, f32::min);
    assert!(most - least > 1.0, "{scores:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_text_has_a_kind_and_always_the_same(text in "(\\PC|[ \n\t。.:?`])*", times in 1_usize..60) {
        let text = text.repeat(times);
        let found = recognise_text(&text);
        prop_assert_eq!(found, recognise_text(&text));
        let second = found.second.map_or(0.0, |second| second.confidence);
        prop_assert!((0.0..=1.0).contains(&found.confidence) && (0.0..=found.confidence).contains(&second));
        prop_assert!(found.confidence + second <= 1.0);
        prop_assert!(found.second.is_none_or(|second| second.task_type != found.task_type));
        let whole: f64 = found.mixture().map(|(_, weight)| weight).sum();
        prop_assert!((whole - 1.0).abs() < 1e-9);
    }

    #[test]
    fn the_middle_of_a_long_text_is_not_read(middle in "[a-z ]{0,400}", other in "[a-z ]{0,400}") {
        let (head, tail) = ("word ".repeat(400), "tail ".repeat(200));
        let read = |middle: &str| {
            let text = format!("{head}{}{tail}", format_args!("{middle:<400}"));
            Tokens::read(&text).tokens
        };
        prop_assert_eq!(read(&middle), read(&other));
    }
}
