//! What a text looks like: its length, its words, figures and signs, and the lines between the
//! question and the cue to answer, all on logarithmic scales.

use super::wording::words;

/// Signs that tell formulas, code and tables from prose.
const SIGNS: [char; 11] = ['$', '%', '=', '_', '|', '?', '<', '+', '*', '/', '^'];
/// A word of more characters is a long one.
const LONG_WORD: usize = 9;
/// A number of more digits is a name.
const MOST_DIGITS: usize = 8;
/// Beyond so many it does not matter how many.
const MANY: usize = 4;

/// What the words of a text look like together.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    words: usize,
    characters: usize,
    long: usize,
    /// Words that differ.
    pub(super) distinct: usize,
}

impl Counts {
    /// Takes in a word, but not whether it differs from the others.
    pub(super) fn add(&mut self, word: &str) {
        let length = word.chars().count();
        (self.words, self.characters) = (self.words + 1, self.characters + length);
        self.long += usize::from(length > LONG_WORD);
    }
}

/// The form of `text`, which is `lower` in lower case and has words of these counts.
pub(super) fn form(text: &str, lower: &str, counts: &Counts) -> Vec<String> {
    let mut form = whole(lower);
    form.extend(wording(text, counts));
    form.extend(numbers(lower));
    form.extend(options(lower));
    form
}

/// Length, figures, signs and lines.
fn whole(lower: &str) -> Vec<String> {
    let digits = lower.bytes().filter(u8::is_ascii_digit).count();
    let lines: Vec<usize> = lower.lines().map(str::len).collect();
    let length = scale(lower.len());
    let mut form = vec![
        format!("length {length}"),
        format!("length {}", length + 1),
        format!("digits {}", scale(digits)),
        format!("lines {}", lines.len()),
    ];
    form.extend(SIGNS.iter().filter(|sign| lower.contains(**sign)).map(|sign| format!("sign {sign}")));
    // Between the question and the cue to answer stand the options, or the material.
    if let [first, middle @ .., _] = lines.as_slice()
        && let (Some(shortest), Some(longest)) = (middle.iter().min(), middle.iter().max())
    {
        form.push(format!("first line {}", scale(*first)));
        form.push(format!("lines of {}", scale(middle.iter().sum::<usize>() / middle.len())));
        form.push(format!("from {} to {}", scale(*shortest), scale(*longest)));
    }
    form
}

/// How the words look: long or short, repeated, names.
fn wording(text: &str, counts: &Counts) -> Vec<String> {
    let Counts { words, characters, long, distinct } = *counts;
    let capitals = text.split(' ').skip(1).filter(|word| word.starts_with(char::is_uppercase)).count();
    let questions = text.matches('?').count().min(MANY);
    vec![
        format!("half letters a word {}", 2 * characters / words.max(1)),
        format!("tenths distinct {}", 10 * distinct / words.max(1)),
        format!("capitals {}", scale(capitals)),
        format!("questions {questions}"),
        format!("commas {}", scale(text.matches(',').count())),
        format!("long words {}", scale(long)),
    ]
}

/// The sizes of the numbers.
fn numbers(lower: &str) -> impl Iterator<Item = String> {
    let pieces = lower.split(|character: char| !character.is_ascii_digit() && character != '.');
    let whole = |piece: &str| piece.trim_matches('.').split('.').next().map(str::to_owned);
    let size = |whole: String| (whole.len() <= MOST_DIGITS).then(|| whole.parse::<usize>().ok()).flatten();
    pieces.filter_map(whole).filter_map(size).map(|number| format!("number {}", scale(number)))
}

/// The lines between the first and the last: how many, how long and how alike, and how many are numbers.
fn options(lower: &str) -> Vec<String> {
    let lines: Vec<&str> = lower.lines().filter(|line| !line.trim().is_empty()).collect();
    let [_, options @ .., _] = lines.as_slice() else { return Vec::new() };
    let count = options.len();
    if count == 0 {
        return Vec::new();
    }
    let with_digits = options.iter().filter(|line| line.contains(|character: char| character.is_ascii_digit())).count();
    let is_number =
        |line: &&&str| words(line).nth(1).is_some_and(|(_, word)| word.starts_with(|c: char| c.is_ascii_digit()));
    let all_words: usize = options.iter().map(|line| line.split_whitespace().count()).sum();
    vec![
        format!("options {count}"),
        format!("options with digits {}", with_digits.min(MANY)),
        format!("options that are numbers {}", options.iter().filter(is_number).count().min(MANY)),
        format!("words an option {}", scale(all_words / count)),
        format!("options differ by {}", scale(deviation(options.iter().map(|line| line.len())))),
    ]
}

/// The standard deviation of a few lengths, rounded down.
#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small")]
fn deviation(lengths: impl Iterator<Item = usize>) -> usize {
    let (count, sum, squares) = lengths.fold((0.0, 0.0, 0.0), |(count, sum, squares), length| {
        let length = length as f64;
        (count + 1.0, sum + length, squares + length * length)
    });
    let mean = sum / f64::max(count, 1.0);
    (squares / f64::max(count, 1.0) - mean * mean).max(0.0).sqrt() as usize
}

/// Two steps for each factor of e.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a small positive number"
)]
fn scale(count: usize) -> usize {
    (((count + 1) as f64).ln() * 2.0) as usize
}

#[cfg(test)]
mod tests {
    use super::{Counts, form};

    fn has(text: &str, wanted: &str) {
        let found = form(text, &text.to_lowercase(), &Counts::default());
        assert!(found.iter().any(|form| form == wanted), "{wanted} of {text:?}: {found:?}");
    }

    #[test]
    fn a_question_with_options_is_seen_as_one() {
        let text = "What is 17 times 3, Anna?\nA. 20\nB. 51\nC. fifty\nAnswer:";
        has(text, "options 3");
        has(text, "options with digits 2");
        has(text, "options that are numbers 2");
        has(text, "words an option 2");
        has(text, "questions 1");
        has(text, "number 5");
        has(text, "capitals 1");
    }

    #[test]
    fn prose_has_no_options_and_nothing_has_a_form() {
        let prose = form("Write a poem.", "write a poem.", &Counts::default());
        assert!(!prose.iter().any(|form| form.contains("option")), "{prose:?}");
        assert!(!form("", "", &Counts::default()).is_empty());
    }
}
