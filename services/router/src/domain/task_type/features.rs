//! From tokens to features: what was seen where, as 64-bit keys.

use super::tokens::{Form, Token, Tokens, finish, word_hash};

/// Changes whenever a text would give other keys, so that weights and code cannot drift apart.
pub const VERSION: u8 = 1;

/// Tokens of the beginning and of the end that count one by one; of those in between only the
/// beginnings of sentences do.
const HEAD_TOKENS: usize = 40;
const TAIL_TOKENS: usize = 20;
/// Tokens at either end whose place counts too.
const PLACED_TOKENS: usize = 12;
/// Tokens after the first verb that are paired with it.
const PAIRED_TOKENS: usize = 14;
/// Tokens in which the first verb is looked for, and the verb of each sentence.
const VERB_WITHIN: usize = 16;
const SENTENCE_VERB_WITHIN: usize = 10;
/// Tokens of the last line that count.
const LAST_LINE_TOKENS: usize = 16;

/// Words of courtesy and filling before the verb that says what is wanted.
#[rustfmt::skip]
const COURTESY: [u64; 44] = hashes([
    "please", "can", "could", "would", "will", "you", "i", "i'd", "want", "need", "like", "to", "me", "help",
    "hi", "hello", "hey", "kindly", "just", "now", "ok", "okay", "and", "the", "a", "an", "my", "your", "for",
    "us", "task", "is", "pls", "plz", "so", "chatgpt", "gpt", "assistant", "sir", "there", "also", "next", "let's",
    "this",
]);

/// Where or how a feature was seen; makes the same word another feature.
#[derive(Clone, Copy)]
enum Channel {
    Word = 1,
    Pair,
    Stem4,
    Stem6,
    Head,
    HeadPair,
    Opening,
    OpeningPair,
    Verb,
    VerbPair,
    VerbWith,
    Tail,
    TailPair,
    LineStart,
    LastLine,
    Skip,
    SentenceVerb,
    SentencePair,
    Form,
}

/// Calls `see` with the key of every feature; a key may come more than once.
pub fn features(text: &Tokens, see: &mut impl FnMut(u64)) {
    let tokens = text.tokens.as_slice();
    opening(tokens, see);
    verb(tokens, see);
    ends(tokens, see);
    words(tokens, see);
    sentences(tokens, see);
    form(&text.form, tokens.len(), see);
}

fn key(channel: Channel, hash: u64) -> u64 {
    finish(hash ^ (channel as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

fn joined(first: u64, second: u64) -> u64 {
    first.rotate_left(17) ^ second.wrapping_mul(0x0000_0100_0000_01b3)
}

/// The first words as they stand.
fn opening(tokens: &[Token], see: &mut impl FnMut(u64)) {
    if let Some(first) = tokens.first() {
        see(key(Channel::Opening, first.word));
    }
    if let [first, second, rest @ ..] = tokens {
        let pair = joined(first.word, second.word);
        see(key(Channel::OpeningPair, pair));
        if let Some(third) = rest.first() {
            see(key(Channel::OpeningPair, joined(pair, third.word)));
        }
    }
}

/// The first word that is no courtesy, and what it is said with.
fn verb(tokens: &[Token], see: &mut impl FnMut(u64)) {
    let place = tokens.iter().take(VERB_WITHIN).position(|token| !COURTESY.contains(&token.word));
    let mut rest = tokens.iter().skip(place.unwrap_or(tokens.len()));
    let Some(verb) = rest.next() else { return };
    see(key(Channel::Verb, verb.word));
    for (distance, token) in rest.take(PAIRED_TOKENS).enumerate() {
        let pair = joined(verb.word, token.word);
        if distance == 0 {
            see(key(Channel::VerbPair, pair));
        }
        see(key(Channel::VerbWith, pair));
    }
}

/// The words at either end, by where they are.
fn ends(tokens: &[Token], see: &mut impl FnMut(u64)) {
    let head = tokens.get(..tokens.len().min(PLACED_TOKENS)).unwrap_or_default();
    placed(head, (Channel::Head, Channel::HeadPair), see);
    for three in head.windows(3) {
        if let [first, _, third] = three {
            see(key(Channel::Skip, joined(first.word, third.word)));
        }
    }
    let tail = tokens.get(tokens.len().saturating_sub(PLACED_TOKENS)..).unwrap_or_default();
    placed(tail, (Channel::Tail, Channel::TailPair), see);
    let last_line = tokens.iter().rposition(|token| token.opens_line).unwrap_or_default();
    if last_line > 0 {
        for token in tokens.iter().skip(last_line).take(LAST_LINE_TOKENS) {
            see(key(Channel::LastLine, token.word));
        }
    }
}

fn placed(tokens: &[Token], (single, pair): (Channel, Channel), see: &mut impl FnMut(u64)) {
    let mut previous = None;
    for token in tokens {
        see(key(single, token.word));
        if let Some(previous) = previous.replace(token.word) {
            see(key(pair, joined(previous, token.word)));
        }
    }
}

/// The words of both ends, wherever they are.
fn words(tokens: &[Token], see: &mut impl FnMut(u64)) {
    let tail_start = tokens.len().saturating_sub(TAIL_TOKENS);
    let mut previous: Option<u64> = None;
    for (index, token) in tokens.iter().enumerate() {
        let previous = previous.replace(token.word);
        if index >= HEAD_TOKENS && index < tail_start {
            continue;
        }
        see(key(Channel::Word, token.word));
        for (channel, hash) in [(Channel::Stem4, token.stem4), (Channel::Stem6, token.stem6)] {
            if let Some(hash) = hash {
                see(key(channel, hash));
            }
        }
        if let Some(previous) = previous {
            see(key(Channel::Pair, joined(previous, token.word)));
        }
        if token.opens_line {
            see(key(Channel::LineStart, token.word));
        }
    }
}

/// How each sentence begins: a request may stand behind the material it is about.
fn sentences(tokens: &[Token], see: &mut impl FnMut(u64)) {
    for (index, _) in tokens.iter().enumerate().filter(|(_, token)| token.opens_sentence) {
        let sentence = tokens.iter().skip(index).take(SENTENCE_VERB_WITHIN);
        let mut words = sentence.skip_while(|token| COURTESY.contains(&token.word));
        let Some(verb) = words.next() else { continue };
        see(key(Channel::SentenceVerb, verb.word));
        let Some(second) = words.next() else { continue };
        let pair = joined(verb.word, second.word);
        see(key(Channel::SentencePair, pair));
        if let Some(third) = words.next() {
            see(key(Channel::SentencePair, joined(pair, third.word)));
        }
    }
}

fn form(form: &Form, tokens: usize, see: &mut impl FnMut(u64)) {
    let mut say = |name: u64, size: usize| see(key(Channel::Form, joined(name, size as u64)));
    let per = |part: usize, whole: usize| part.checked_div(whole).unwrap_or_default();
    say(const { word_hash("tokens") }, band(tokens));
    say(const { word_hash("bytes") }, band(form.bytes / 8));
    say(const { word_hash("lines") }, band(form.lines));
    say(const { word_hash("numbers") }, band(form.numbers));
    say(const { word_hash("number share") }, per(form.numbers * 10, tokens).min(4));
    say(const { word_hash("code marks") }, band(form.code_marks));
    say(const { word_hash("code share") }, per(form.code_marks * 100, form.bytes_read).min(4));
    say(const { word_hash("formula marks") }, band(form.formula_marks).min(4));
    say(const { word_hash("quotes") }, form.quotes.min(3));
    say(const { word_hash("options") }, form.options.min(4));
    say(const { word_hash("questions") }, form.questions.min(3));
    let last = form.last.map_or(0, |last| if last.is_alphanumeric() { 1 } else { last as usize });
    say(const { word_hash("ends with") }, last);
    for (name, holds) in [
        (const { word_hash("fence") }, form.has_fence),
        (const { word_hash("gap") }, form.has_gap),
        (const { word_hash("colon line") }, form.has_colon_line),
    ] {
        if holds {
            say(name, 1);
        }
    }
}

/// Sizes on a scale of doublings.
fn band(size: usize) -> usize {
    (usize::BITS - size.leading_zeros()) as usize
}

const fn hashes<const COUNT: usize>(words: [&str; COUNT]) -> [u64; COUNT] {
    let mut hashes = [0; COUNT];
    let (mut to, mut from) = (hashes.as_mut_slice(), words.as_slice());
    while let (Some((hash, hashes)), Some((word, words))) = (to.split_first_mut(), from.split_first()) {
        *hash = word_hash(word);
        (to, from) = (hashes, words);
    }
    hashes
}
