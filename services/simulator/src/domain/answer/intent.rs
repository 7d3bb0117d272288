//! What a request wants, guessed from its words.

use serde_json::Value;

/// Instructions beyond this many characters say nothing new about what is wanted.
const READ_LIMIT: usize = 2_000;
/// The start of a question tells what is wanted; the rest is the material.
const QUESTION_LIMIT: usize = 300;

/// Words after which a list of labels follows.
const LISTS: &[&str] = &["one of", "labels", "categories", "classes", "either", "options"];

/// What a request wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Intent {
    /// One of these labels.
    Classify {
        /// The labels as they are written; the usual ones of a help desk when the request names none.
        labels: Vec<String>,
        /// Whether nothing else may be said.
        is_strict: bool,
    },
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
    let said = format!("{}\n{}", start(instructions, READ_LIMIT), start(question, QUESTION_LIMIT));
    // Of the same length, so that places in one are places in the other.
    let wanted = said.to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| wanted.contains(word));
    if says(&["classif", "categor", "label", "triage", "sentiment"]) {
        let is_strict = says(&["nothing else", "exactly one of", "only the label"]);
        Intent::Classify { labels: labels(&said, &wanted), is_strict }
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

/// The labels a text lists: `one of: billing, technical or account`, or `one of these labels: billing, technical`.
fn labels(said: &str, wanted: &str) -> Vec<String> {
    let listed = LISTS.iter().find_map(|word| {
        let after = said.get(wanted.find(word)? + word.len()..)?;
        let after = after.trim_start_matches(|c: char| c == ':' || c == '(' || c.is_whitespace());
        let sentence = after.split(['.', '\n', ')', ';']).next()?;
        let list = match sentence.split_once(':') {
            Some((head, list)) if ["these", "following"].iter().any(|word| head.contains(word)) => list,
            Some((list, _)) => list,
            None => sentence,
        };
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

/// The JSON Schema that instructions quote: `as this JSON Schema says: {…}`.
pub(super) fn told_schema(instructions: &str) -> Option<Value> {
    let at = instructions.find("JSON Schema")?;
    let quoted = instructions.get(at..)?;
    let quoted = quoted.get(quoted.find('{')?..)?;
    let first = serde_json::Deserializer::from_str(quoted).into_iter::<Value>().next()?;
    first.ok().filter(Value::is_object)
}

fn clean(label: &str) -> String {
    label.trim().trim_matches(|c: char| !c.is_alphanumeric()).to_owned()
}
