//! A text as tokens: words in lower case as hashes, ideographs one by one, and marks of its form.

/// Bytes read from the beginning and from the end of a text: the request stands there, material
/// in between.
pub const HEAD_BYTES: usize = 1_600;
/// See [`HEAD_BYTES`].
pub const TAIL_BYTES: usize = 800;

const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0000_0100_0000_01b3;

/// A word, a number or an ideograph.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token {
    /// Hash of the whole token in lower case; of a number only how long it is.
    pub word: u64,
    /// Hash of its first four letters, when it has more.
    pub stem4: Option<u64>,
    /// Hash of its first six letters, when it has more.
    pub stem6: Option<u64>,
    /// It is a character of a script that writes no spaces between words.
    pub is_ideograph: bool,
    /// It is the first of its line.
    pub opens_line: bool,
    /// It is the first of its sentence.
    pub opens_sentence: bool,
}

/// What the form of a text says, beside its words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Form {
    /// Bytes of the whole text.
    pub bytes: usize,
    /// Bytes that were read.
    pub bytes_read: usize,
    /// Ends of lines that were read.
    pub lines: usize,
    /// Tokens that are numbers.
    pub numbers: usize,
    /// Characters that programs are full of.
    pub code_marks: usize,
    /// Characters that formulas are full of.
    pub formula_marks: usize,
    /// Quotation marks of any kind.
    pub quotes: usize,
    /// A fence around code.
    pub has_fence: bool,
    /// Lines that look like the options of a question: `A.`, `b)`.
    pub options: usize,
    /// A gap to fill in, or a table.
    pub has_gap: bool,
    /// A colon followed by the end of a line.
    pub has_colon_line: bool,
    /// The last character that is not white space.
    pub last: Option<char>,
    /// Question marks.
    pub questions: usize,
}

/// The tokens of the beginning and the end of a text, and its form.
#[derive(Clone, Debug, Default)]
pub struct Tokens {
    /// In order.
    pub tokens: Vec<Token>,
    /// The form.
    pub form: Form,
}

impl Tokens {
    /// Reads a text; of a long one only both ends.
    #[must_use]
    pub fn read(text: &str) -> Self {
        let (head, tail) = both_ends(text);
        let mut reader = Reader { tokens: Vec::with_capacity(head.len() / 4), ..Reader::default() };
        reader.form.bytes = text.len();
        reader.form.bytes_read = head.len() + tail.len();
        for part in [head, tail] {
            (reader.new_line, reader.new_sentence) = (true, true);
            part.chars().for_each(|character| reader.read(character));
            reader.end_word();
            reader.form.has_fence |= part.contains("```");
            reader.form.has_gap |= part.contains("___");
        }
        Self { tokens: reader.tokens, form: reader.form }
    }
}

#[derive(Default)]
struct Reader {
    tokens: Vec<Token>,
    form: Form,
    new_line: bool,
    new_sentence: bool,
    previous: char,
    hash: u64,
    letters: usize,
    is_number: bool,
    stem4: u64,
    stem6: u64,
}

impl Reader {
    fn read(&mut self, character: char) {
        if is_ideograph(character) {
            self.end_word();
            self.push(finish(step(FNV_OFFSET, character)), None, None, true);
        } else if character.is_alphanumeric() {
            self.extend(character);
        } else if self.letters > 0 && matches!(character, '\'' | '’' | '+' | '#') {
            self.extend(if character == '’' { '\'' } else { character });
        } else {
            self.read_mark(character);
        }
        if !character.is_whitespace() {
            self.form.last = Some(character);
        }
        self.previous = character;
    }

    fn read_mark(&mut self, character: char) {
        if self.letters == 1 && self.new_line_word() && matches!(character, '.' | ')' | ':') {
            self.form.options += 1;
        }
        self.end_word();
        match character {
            '\n' => {
                self.form.lines += 1;
                self.form.has_colon_line |= self.previous == ':';
                (self.new_line, self.new_sentence) = (true, true);
            }
            '.' | '!' | ':' | '。' | '！' | '：' => self.new_sentence = true,
            '{' | '}' | ';' | '<' | '>' | '(' | ')' | '[' | ']' | '_' | '`' => self.form.code_marks += 1,
            '=' | '^' | '\\' | '*' | '/' | '$' | '√' | '∫' | '≤' | '≥' | '²' | '°' | '%' => {
                self.form.formula_marks += 1;
            }
            '"' | '“' | '”' | '«' | '»' | '„' => self.form.quotes += 1,
            '|' => self.form.has_gap |= self.previous == '\n',
            '?' | '？' => {
                self.form.questions += 1;
                self.new_sentence = true;
            }
            _ => {}
        }
    }

    /// The word being read is the first of its line.
    fn new_line_word(&self) -> bool {
        self.new_line && self.form.lines > 0
    }

    fn extend(&mut self, character: char) {
        if self.letters == 0 {
            self.hash = FNV_OFFSET;
            self.is_number = true;
        }
        self.is_number &= character.is_numeric();
        if character.is_ascii() {
            self.hash = step(self.hash, character.to_ascii_lowercase());
        } else {
            self.hash = character.to_lowercase().fold(self.hash, step);
        }
        self.letters += 1;
        match self.letters {
            4 => self.stem4 = self.hash,
            6 => self.stem6 = self.hash,
            _ => {}
        }
    }

    fn end_word(&mut self) {
        if self.letters == 0 {
            return;
        }
        if self.is_number {
            self.form.numbers += 1;
            let shape = char::from_digit(u32::try_from(self.letters.min(9)).unwrap_or(9), 10).unwrap_or('9');
            self.push(finish(step(FNV_OFFSET, shape)), None, None, false);
        } else {
            let stem4 = (self.letters > 4).then(|| finish(self.stem4));
            let stem6 = (self.letters > 6).then(|| finish(self.stem6));
            self.push(finish(self.hash), stem4, stem6, false);
        }
        self.letters = 0;
    }

    fn push(&mut self, word: u64, stem4: Option<u64>, stem6: Option<u64>, is_ideograph: bool) {
        self.tokens.push(Token {
            word,
            stem4,
            stem6,
            is_ideograph,
            opens_line: self.new_line,
            opens_sentence: self.new_sentence,
        });
        (self.new_line, self.new_sentence) = (false, false);
    }
}

/// The hash that the token of `word` has; for lists of words.
#[must_use]
pub const fn word_hash(word: &str) -> u64 {
    let bytes = word.as_bytes();
    let (mut hash, mut rest) = (FNV_OFFSET, bytes);
    while let Some((byte, others)) = rest.split_first() {
        hash = (hash ^ *byte as u64).wrapping_mul(FNV_PRIME);
        rest = others;
    }
    finish(hash)
}

fn step(hash: u64, character: char) -> u64 {
    (hash ^ u64::from(character)).wrapping_mul(FNV_PRIME)
}

/// Spreads a hash over all its bits (the finalizer of SplitMix64).
#[must_use]
pub const fn finish(hash: u64) -> u64 {
    let hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

/// Chinese, Japanese kana, Korean syllables, Thai.
fn is_ideograph(character: char) -> bool {
    matches!(character, '\u{0e00}'..='\u{0e7f}' | '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}'
        | '\u{4e00}'..='\u{9fff}' | '\u{ac00}'..='\u{d7af}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{2fa1f}')
}

/// The beginning and the end of a text; the end is empty when the beginning is all of it.
fn both_ends(text: &str) -> (&str, &str) {
    if text.len() <= HEAD_BYTES + TAIL_BYTES {
        return (text, "");
    }
    let head_end = text.floor_char_boundary(HEAD_BYTES);
    let tail_start = text.ceil_char_boundary(text.len() - TAIL_BYTES);
    (text.get(..head_end).unwrap_or_default(), text.get(tail_start..).unwrap_or_default())
}
