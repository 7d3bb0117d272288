//! The kind of work, when the caller did not declare it: weighted words of the request.

use neptune_contracts::{chat::ChatRequest, names::TaskType};

/// Characters that are looked at, from the start of the conversation's last user message.
const LOOKED_AT: usize = 1_500;

/// What a task was taken for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Recognised {
    /// The kind of work.
    pub task_type: TaskType,
    /// How sure, 0 to 1; 0 when nothing was recognised.
    pub confidence: f64,
}

/// Words and what they speak for. A word of more weight is rarer in other kinds of work.
const SIGNS: &[(TaskType, f64, &[&str])] = &[
    (TaskType::Translation, 3.0, &["translate", "translation", "into english", "into german", "into french", "into spanish", "übersetze", "traduis"]),
    (TaskType::Summarization, 3.0, &["summarise", "summarize", "summary", "tl;dr", "in one sentence", "key points", "condense", "shorten this"]),
    (TaskType::CodeGeneration, 2.5, &["write a function", "implement", "python", "javascript", "rust", "sql query", "regex", "refactor", "unit test", "```", "compile", "stack trace", "bash script", "code"]),
    (TaskType::Classification, 3.0, &["classify", "categorise", "categorize", "which category", "label this", "sentiment", "one of the following", "choose one of", "is this spam"]),
    (TaskType::Extraction, 3.0, &["extract", "list all", "pull out", "find all", "as json", "fields", "entities", "parse the"]),
    (TaskType::Rewriting, 2.5, &["rewrite", "rephrase", "paraphrase", "proofread", "correct the grammar", "make this more", "polish", "in a friendlier tone"]),
    (TaskType::CreativeWriting, 2.5, &["write a story", "poem", "lyrics", "slogan", "fiction", "screenplay", "haiku", "imagine a"]),
    (TaskType::Reasoning, 2.0, &["prove", "step by step", "how many", "calculate", "solve", "why does", "puzzle", "deduce", "root cause", "probability"]),
    (TaskType::QuestionAnswering, 1.2, &["what is", "who is", "when did", "where is", "which", "what does", "how do i", "can i", "?"]),
    (TaskType::Chat, 1.5, &["hello", "hi there", "how are you", "thanks", "good morning", "tell me about yourself"]),
];

/// Recognises the kind of work.
#[must_use]
pub fn recognise(request: &ChatRequest) -> Recognised {
    let instructions = request.messages.iter().filter(|message| message.role == "system" || message.role == "developer");
    let asked = request.messages.iter().rev().find(|message| message.role == "user");
    let mut text = String::with_capacity(LOOKED_AT);
    for piece in instructions.chain(asked).flat_map(|message| message.texts()) {
        text.extend(piece.chars().take(LOOKED_AT).flat_map(char::to_lowercase));
        text.push('\n');
    }
    let mut scores: Vec<(TaskType, f64)> = SIGNS
        .iter()
        .map(|(task_type, weight, words)| {
            #[expect(clippy::cast_precision_loss, reason = "a handful of words")]
            let hits = words.iter().filter(|word| text.contains(**word)).count() as f64;
            (*task_type, weight * hits)
        })
        .collect();
    scores.sort_by(|left, right| right.1.total_cmp(&left.1));
    let total: f64 = scores.iter().map(|(_, score)| score).sum();
    match scores.first() {
        Some((task_type, best)) if *best > 0.0 => Recognised { task_type: *task_type, confidence: best / (total + 1.0) },
        _ => Recognised { task_type: TaskType::Chat, confidence: 0.0 },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_requests_are_recognised() {
        for (text, wanted) in [
            ("Please summarize this ticket for the shift lead.", TaskType::Summarization),
            ("Translate the following reply into German.", TaskType::Translation),
            ("Classify the message as one of the following: bug, billing, spam", TaskType::Classification),
            ("Extract the order number and the product as JSON.", TaskType::Extraction),
            ("Write a function in Python that reverses a list", TaskType::CodeGeneration),
            ("Rewrite this answer in a friendlier tone.", TaskType::Rewriting),
            ("Write a story about a lighthouse", TaskType::CreativeWriting),
            ("What is the warranty period?", TaskType::QuestionAnswering),
            ("hello", TaskType::Chat),
        ] {
            assert_eq!(recognise(&ChatRequest::user(text)).task_type, wanted, "{text}");
        }
        assert!(recognise(&ChatRequest::user("xyzzy")).confidence.abs() < f64::EPSILON);
    }
}
