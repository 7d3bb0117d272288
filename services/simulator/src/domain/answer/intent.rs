//! What a request wants, guessed from its words.

/// Instructions beyond this many characters say nothing new about what is wanted.
const READ_LIMIT: usize = 2_000;
/// The start of a question tells what is wanted; the rest is the material.
const QUESTION_LIMIT: usize = 300;

/// Words after which a list of labels follows.
const LISTS: &[&str] = &["one of", "labels", "categories", "classes", "either", "options"];

/// What a request wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Intent {
    /// One of these labels; the usual ones of a help desk when the request names none.
    Classify(Vec<String>),
    /// The gist.
    Summarise,
    /// Facts.
    Extract,
    /// A letter.
    Reply,
    /// Anything else.
    Discuss,
}

/// Guesses from the operator's instructions and the start of the question.
pub(super) fn of(instructions: &str, question: &str) -> Intent {
    let start = |text: &str, limit| text.chars().take(limit).collect::<String>();
    let wanted = format!("{}\n{}", start(instructions, READ_LIMIT), start(question, QUESTION_LIMIT)).to_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| wanted.contains(word));
    if says(&["classif", "categor", "label", "triage", "sentiment"]) {
        Intent::Classify(labels(&wanted))
    } else if says(&["summar", "tl;dr", "in short", "key points"]) {
        Intent::Summarise
    } else if says(&["extract", "list all", "find all"]) {
        Intent::Extract
    } else if says(&["reply", "draft", "respond to", "answer the customer", "write a letter", "write an email"]) {
        Intent::Reply
    } else {
        Intent::Discuss
    }
}

/// The labels a text lists: `one of: billing, technical or account`.
fn labels(wanted: &str) -> Vec<String> {
    let listed = LISTS.iter().find_map(|word| {
        let after = wanted.split_once(word)?.1;
        let after = after.trim_start_matches(|c: char| c == ':' || c == '(' || c.is_whitespace());
        let list = after.split(['.', '\n', ')', ';', ':']).next()?;
        let list = list.replace(" or ", ",").replace(" and ", ",");
        let labels: Vec<String> = list.split([',', '|', '/']).map(clean).filter(|label| !label.is_empty()).collect();
        (labels.len() > 1).then_some(labels)
    });
    listed.unwrap_or_else(|| usual(wanted))
}

fn usual(wanted: &str) -> Vec<String> {
    let words: &[&str] = if wanted.contains("sentiment") {
        &["positive", "neutral", "negative"]
    } else {
        &["billing", "technical", "account", "general"]
    };
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn clean(label: &str) -> String {
    label.trim().trim_matches(|c: char| !c.is_alphanumeric()).to_owned()
}
