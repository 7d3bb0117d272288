//! Pieces of a user's text: its subject, gist, topics, facts, and the label that fits it.

use crate::domain::draw::Draws;

/// The longest gist, in characters.
const GIST_LIMIT: usize = 280;
/// Text beyond this is not looked at for topics and facts.
const READ_LIMIT: usize = 4_000;
/// Shorter words say little about what a text is about.
const TOPIC_LENGTH: usize = 5;
/// Words by which a help desk knows what is meant by a label that begins so.
const HINTS: &[(&str, &[&str])] = &[
    ("billi", &["charg", "invoice", "refund", "debit", "payment"]),
    ("bug", &["error", "fail", "crash", "crack", "broken", "lose", "reset"]),
];
/// Labels match on their first letters, so `technical` fits `technician`.
const STEM_LENGTH: usize = 5;

/// The material of a question. When no instructions came apart from it, its first line or the part before a colon is
/// the instruction, and what follows is the material.
pub(crate) fn subject<'t>(question: &'t str, instructions: &str) -> &'t str {
    let question = question.trim();
    if !instructions.is_empty() {
        return question;
    }
    let split = question.split_once('\n').or_else(|| question.split_once(": "));
    split.map(|(_, rest)| rest.trim()).filter(|rest| !rest.is_empty()).unwrap_or(question)
}

/// The first two sentences, in one line.
pub(crate) fn gist(text: &str) -> String {
    let start: String = text.chars().take(GIST_LIMIT).collect();
    let line = start.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut ends = line.match_indices(['.', '!', '?']).map(|(at, mark)| at + mark.len());
    let end = ends.nth(1).unwrap_or(line.len());
    let gist = line.get(..end).unwrap_or(&line);
    if gist.is_empty() { "nothing was said.".to_owned() } else { gist.to_owned() }
}

/// Up to three words that say what a text is about, as `a, b and c`.
pub(crate) fn topics(text: &str) -> String {
    let words = keywords(text, 3);
    match words.split_last() {
        None => "your request".to_owned(),
        Some((only, [])) => only.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
    }
}

/// The longest distinct words of a text in the order they come.
pub(crate) fn keywords(text: &str, count: usize) -> Vec<String> {
    let start: String = text.chars().take(READ_LIMIT).collect();
    let mut words: Vec<String> = Vec::new();
    for word in start.split(|c: char| !c.is_alphanumeric()).filter(|word| word.chars().count() >= TOPIC_LENGTH) {
        let word = word.to_lowercase();
        if !words.contains(&word) {
            words.push(word);
        }
    }
    let mut longest = words.clone();
    longest.sort_by_key(|word| std::cmp::Reverse(word.chars().count()));
    longest.truncate(count);
    words.retain(|word| longest.contains(word));
    words
}

/// E-mail addresses, numbers and names found in a text, one kind per line.
pub(crate) fn findings(text: &str) -> String {
    let start: String = text.chars().take(READ_LIMIT).collect();
    let words: Vec<&str> =
        start.split_whitespace().map(|word| word.trim_matches(['.', ',', ';', ':', '!', '?'])).collect();
    let is_address =
        |word: &&str| word.split_once('@').is_some_and(|(user, host)| !user.is_empty() && host.contains('.'));
    let is_number = |word: &&str| !is_address(word) && word.chars().any(|c| c.is_ascii_digit());
    let is_name = |word: &&str| !is_number(word) && word.chars().next().is_some_and(char::is_uppercase);
    let line = |title: &str, found: Vec<&str>| {
        let found = if found.is_empty() { "none".to_owned() } else { found.join(", ") };
        format!("{title}: {found}")
    };
    [
        line("Addresses", words.iter().copied().filter(is_address).collect()),
        line("Numbers", words.iter().copied().filter(is_number).collect()),
        line("Names", words.iter().copied().filter(is_name).collect()),
    ]
    .join("\n")
}

/// The label that a text itself mentions most, or one by chance when it mentions none.
pub(crate) fn label<'l>(labels: &'l [String], text: &str, seed: u64) -> &'l str {
    let text = text.chars().take(READ_LIMIT).collect::<String>().to_lowercase();
    let mentions = |label: &String| {
        let stem: String = label.to_lowercase().chars().take(STEM_LENGTH).collect();
        let hints = HINTS.iter().filter(|(meant, _)| stem.starts_with(meant)).flat_map(|(_, hints)| hints.iter());
        let hinted: usize = hints.map(|hint| text.matches(hint).count()).sum();
        if stem.is_empty() { 0 } else { text.matches(&stem).count() + hinted }
    };
    // Of equals the first wins; `max_by_key` would take the last.
    let best = labels.iter().rev().max_by_key(|label| mentions(label)).filter(|label| mentions(label) > 0);
    let by_chance = || labels.get(Draws::new(seed).index(labels.len()));
    best.or_else(by_chance).map_or("", String::as_str)
}
