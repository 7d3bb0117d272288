#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
use super::*;
use neptune_contracts::chat::ChatMessage;

fn check(prompt: &str, wanted: TaskType) {
    let found = recognise(&ChatRequest::user(prompt));
    assert_eq!((found.task_type, found.by), (wanted, By::Recognised), "{prompt} ({found:?})");
    assert!((0.0..=1.0).contains(&found.confidence), "{found:?}");
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
    check("Hey! How lonely is it to talk to people all day, lol", TaskType::Chat);
    check("Rewrite this in a more formal tone: we can't do that, sorry mate", TaskType::Rewriting);
}

#[test]
fn a_declared_kind_is_not_questioned() {
    let mut task = neptune_testkit::builders::task("support", "Translate into German: good day");
    task.task_type = Some(TaskType::Chat);
    assert_eq!(kind(&task), Kind { task_type: TaskType::Chat, by: By::Declared, confidence: 1.0 });
}

#[test]
fn without_a_cue_short_texts_are_talk_and_long_ones_questions() {
    for (prompt, wanted) in
        [("ok then", TaskType::Chat), ("", TaskType::Chat), (&"lorem ipsum ".repeat(20), TaskType::QuestionAnswering)]
    {
        let found = recognise(&ChatRequest::user(prompt));
        assert_eq!((found.task_type, found.by, found.confidence), (wanted, By::Default, 0.0));
    }
}

#[test]
fn the_system_prompt_says_what_a_bare_text_does_not() {
    let messages = vec![
        ChatMessage::text("system", "You translate tickets to English."),
        ChatMessage::text("user", "Guten Tag, mein Paket fehlt."),
    ];
    assert_eq!(recognise(&ChatRequest { messages, ..ChatRequest::default() }).task_type, TaskType::Translation);
}

#[test]
fn the_end_of_a_long_text_counts_whatever_characters_it_has() {
    let prompt = format!("{} Please summarize this.", "Größe übt schöne Möbel, ".repeat(500));
    check(&prompt, TaskType::Summarization);
}
