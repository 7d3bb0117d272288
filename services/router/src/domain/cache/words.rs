//! A text taken apart into what it says and what must not differ.

use serde::{Deserialize, Serialize};

/// Texts of more words are only ever compared whole.
pub const MAX_WORDS: usize = 1_500;

/// A text as it is compared with others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Words {
    /// Its words in order, in small letters, without fillers and punctuation.
    pub content: Vec<String>,
    /// What must be the same in the same order: numbers with the unit behind them, names and other
    /// words written in an unusual way, negations, and words that turn a meaning round.
    pub strict: Vec<String>,
}

impl Words {
    /// Takes `text` apart; nothing when it is too long, or says nothing.
    #[must_use]
    pub fn of(text: &str) -> Option<Self> {
        let mut reader = Reader::default();
        for piece in text.split_whitespace() {
            if reader.pieces == MAX_WORDS {
                return None;
            }
            reader.piece(piece);
        }
        (!reader.words.content.is_empty()).then_some(reader.words)
    }
}

struct Reader {
    words: Words,
    pieces: usize,
    /// The next word's capital letter says nothing.
    at_start: bool,
    /// The next word may be the unit of a number.
    after_number: bool,
}

impl Default for Reader {
    fn default() -> Self {
        let words = Words { content: Vec::new(), strict: Vec::new() };
        Self { words, pieces: 0, at_start: true, after_number: false }
    }
}

impl Reader {
    fn piece(&mut self, piece: &str) {
        self.pieces += 1;
        let ends_sentence = piece.ends_with(['.', '!', '?', ':']);
        if piece.chars().any(char::is_numeric) {
            self.number(piece);
        } else {
            // Signs inside a piece carry meaning: paths, operators, currencies.
            let signs: String = piece.chars().filter(|sign| is_strict_sign(*sign)).collect();
            if !signs.is_empty() {
                self.words.strict.push(signs);
            }
            for word in piece.split(|sign: char| !sign.is_alphanumeric() && sign != '\'' && sign != '’') {
                self.word(word);
            }
        }
        self.at_start = ends_sentence;
    }

    fn number(&mut self, piece: &str) {
        let number = piece.trim_matches(|sign: char| !sign.is_alphanumeric() && !is_strict_sign(sign));
        self.words.content.push(number.to_lowercase());
        self.words.strict.push(number.to_owned());
        self.after_number = !piece.ends_with(['.', ',', ';', ':', '!', '?', ')']);
    }

    fn word(&mut self, word: &str) {
        let word = word.trim_matches(['\'', '’']);
        if word.is_empty() {
            return;
        }
        let small = word.to_lowercase().replace('’', "'");
        let is_negation = small.ends_with("n't") || STRICT.contains(&small.as_str());
        let small = small.strip_suffix("'s").unwrap_or(&small);
        let capitals = word.chars().filter(|letter| letter.is_uppercase()).count();
        let is_capitalised = word.chars().next().is_some_and(char::is_uppercase);
        // A sentence begins with a capital letter whatever its first word is.
        let is_name = capitals > usize::from(is_capitalised && self.at_start) && small != "i";
        if is_name {
            self.words.strict.push(word.trim_end_matches("'s").trim_end_matches("’s").to_owned());
        } else if is_negation || (self.after_number && !FILLERS.contains(&small)) {
            self.words.strict.push(small.to_owned());
        }
        self.after_number = false;
        self.at_start = false;
        if !FILLERS.contains(&small) {
            self.words.content.extend(characters_or_word(small));
        }
    }
}

/// Scripts without spaces are compared by the character.
fn characters_or_word(word: &str) -> Vec<String> {
    let is_unspaced = |letter: char| matches!(letter, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{ac00}'..='\u{d7af}' | '\u{e00}'..='\u{eff}');
    if word.chars().any(is_unspaced) {
        return word.chars().map(String::from).collect();
    }
    vec![word.to_owned()]
}

fn is_strict_sign(sign: char) -> bool {
    "+-*/=<>%^&|~\\@#_".contains(sign) || "$€£¥₹°".contains(sign)
}

/// Words whose presence changes nothing about what is asked.
const FILLERS: &[&str] = &[
    "a", "am", "an", "are", "bitte", "can", "could", "danke", "dear", "do", "does", "favor", "hallo", "hello", "hey",
    "hi", "hola", "is", "just", "kindly", "me", "merci", "please", "pls", "plz", "s", "thank", "thanks", "the", "to",
    "would", "you",
];

/// Negations, and words whose opposite makes another question out of the same one.
const STRICT: &[&str] = &[
    "above",
    "after",
    "all",
    "always",
    "any",
    "aren't",
    "ascending",
    "aus",
    "before",
    "below",
    "best",
    "both",
    "cannot",
    "decrease",
    "descending",
    "disable",
    "down",
    "each",
    "either",
    "enable",
    "every",
    "except",
    "false",
    "few",
    "first",
    "from",
    "high",
    "higher",
    "in",
    "increase",
    "into",
    "kein",
    "keine",
    "keinen",
    "largest",
    "last",
    "least",
    "left",
    "less",
    "low",
    "lower",
    "many",
    "max",
    "maximum",
    "min",
    "minimum",
    "more",
    "most",
    "must",
    "neither",
    "never",
    "nicht",
    "no",
    "nobody",
    "none",
    "nor",
    "not",
    "nothing",
    "nunca",
    "off",
    "on",
    "only",
    "open",
    "or",
    "out",
    "over",
    "pas",
    "right",
    "should",
    "sin",
    "sans",
    "ohne",
    "smallest",
    "start",
    "stop",
    "then",
    "true",
    "under",
    "unless",
    "until",
    "up",
    "with",
    "without",
    "worst",
];
