//! Making JSON of what a model nearly wrote as JSON: fences and prose around it, single quotes,
//! commas too many, comments, names without quotes, brackets left open. Nothing is made up: what has
//! no value, or is cut within a text, is not repaired.

/// Values of a text that are looked at.
const MAX_VALUES: usize = 8;
/// Brackets at which a value may begin that are looked at, so that a flood of them costs little.
const MAX_TRIES: usize = 64;
/// Values within values.
const MAX_DEPTH: usize = 100;

/// The objects and lists that `text` holds, as JSON, the longest first. Brackets that are open at
/// its end are closed unless it `is_cut`.
#[must_use]
pub fn repaired(text: &str, is_cut: bool) -> Vec<String> {
    let mut found: Vec<(usize, String)> = Vec::new();
    let (mut rest, mut tries) = (text, 0);
    while let Some(at) = rest.find(['{', '[']).filter(|_| found.len() < MAX_VALUES && tries < MAX_TRIES) {
        tries += 1;
        let (_, from) = rest.split_at(at);
        let mut reader = Reader { rest: from, is_cut };
        let after = match reader.value(0) {
            Some(value) if is_json(&value) => {
                found.push((from.len() - reader.rest.len(), value));
                reader.rest
            }
            // Not a value: the next bracket may open one.
            _ => from.get(1..).unwrap_or_default(),
        };
        rest = after;
    }
    found.sort_by_key(|(length, _)| std::cmp::Reverse(*length));
    found.into_iter().map(|(_, value)| value).collect()
}

fn is_json(text: &str) -> bool {
    serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
}

struct Reader<'t> {
    rest: &'t str,
    is_cut: bool,
}

impl Reader<'_> {
    /// The value that begins here, as JSON.
    fn value(&mut self, depth: usize) -> Option<String> {
        self.skip_blanks();
        match self.rest.chars().next()? {
            '{' if depth < MAX_DEPTH => self.object(depth),
            '[' if depth < MAX_DEPTH => self.list(depth),
            '"' => self.text('"'),
            '\'' => self.text('\''),
            '\u{201c}' => self.text('\u{201d}'),
            first if first.is_ascii_digit() || "+-.".contains(first) => self.number(),
            _ => self.word(),
        }
    }

    fn object(&mut self, depth: usize) -> Option<String> {
        self.skip(1);
        let mut members: Vec<String> = Vec::new();
        while !self.is_closed('}')? {
            let key = self.key()?;
            self.skip_blanks();
            if !self.rest.starts_with(':') {
                return None;
            }
            self.skip(1);
            let value = self.value(depth + 1)?;
            members.push(format!("{key}:{value}"));
            self.separator('}')?;
        }
        Some(format!("{{{}}}", members.join(",")))
    }

    fn list(&mut self, depth: usize) -> Option<String> {
        self.skip(1);
        let mut items: Vec<String> = Vec::new();
        while !self.is_closed(']')? {
            items.push(self.value(depth + 1)?);
            self.separator(']')?;
        }
        Some(format!("[{}]", items.join(",")))
    }

    /// Whether the bracket closes here. The end of the text closes it, and so does the other kind of
    /// bracket, which is left to whoever it belongs to.
    fn is_closed(&mut self, bracket: char) -> Option<bool> {
        self.skip_blanks();
        let Some(next) = self.rest.chars().next() else { return (!self.is_cut).then_some(true) };
        if next == bracket {
            self.skip(1);
        }
        Some(matches!(next, '}' | ']'))
    }

    /// Goes past the comma after a member. One may be left out before a bracket or a quoted text.
    fn separator(&mut self, bracket: char) -> Option<()> {
        self.skip_blanks();
        match self.rest.chars().next() {
            Some(',') => {
                self.skip(1);
                Some(())
            }
            Some('}' | ']' | '"') | None => Some(()),
            Some('\'') if bracket == '}' => Some(()),
            Some(_) => None,
        }
    }

    fn key(&mut self) -> Option<String> {
        match self.rest.chars().next()? {
            '"' => self.text('"'),
            '\'' => self.text('\''),
            '\u{201c}' => self.text('\u{201d}'),
            _ => Some(format!("\"{}\"", self.identifier()?)),
        }
    }

    fn identifier(&mut self) -> Option<&str> {
        let is_part = |character: char| character.is_ascii_alphanumeric() || "_$-".contains(character);
        let end = self.rest.find(|character| !is_part(character)).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        (!word.is_empty()).then_some(word)
    }

    fn word(&mut self) -> Option<String> {
        let known = match self.identifier()? {
            "true" | "True" => "true",
            "false" | "False" => "false",
            "null" | "None" => "null",
            _ => return None,
        };
        Some(known.to_owned())
    }

    fn number(&mut self) -> Option<String> {
        let is_part = |character: char| character.is_ascii_digit() || "+-.eE".contains(character);
        let end = self.rest.find(|character| !is_part(character)).unwrap_or(self.rest.len());
        // It may have further digits.
        if end == self.rest.len() && self.is_cut {
            return None;
        }
        let (number, rest) = self.rest.split_at(end);
        self.rest = rest;
        let number = number.strip_prefix('+').unwrap_or(number);
        let number = match number.strip_prefix('.') {
            Some(digits) => format!("0.{digits}"),
            None => number.strip_suffix('.').unwrap_or(number).to_owned(),
        };
        is_json(&number).then_some(number)
    }

    /// The text up to the quote that ends it, as a JSON string.
    fn text(&mut self, quote: char) -> Option<String> {
        let mut json = String::from("\"");
        let mut characters = self.rest.char_indices().skip(1);
        while let Some((at, character)) = characters.next() {
            match character {
                _ if character == quote => {
                    self.rest = self.rest.get(at + character.len_utf8()..)?;
                    json.push('"');
                    return Some(json);
                }
                '\\' => escape(characters.next()?.1, &mut json),
                '"' => json.push_str("\\\""),
                _ if character.is_control() => json.push_str(&format!("\\u{:04x}", u32::from(character))),
                _ => json.push(character),
            }
        }
        None
    }

    fn skip(&mut self, bytes: usize) {
        self.rest = self.rest.get(bytes..).unwrap_or_default();
    }

    /// Goes past white space and comments.
    fn skip_blanks(&mut self) {
        loop {
            self.rest = self.rest.trim_start();
            if let Some(comment) = self.rest.strip_prefix("//") {
                self.rest = comment.split_once('\n').map_or("", |(_, rest)| rest);
            } else if let Some((_, rest)) = self.rest.strip_prefix("/*").and_then(|comment| comment.split_once("*/")) {
                self.rest = rest;
            } else {
                return;
            }
        }
    }
}

/// What stands behind a backslash, as JSON has it.
fn escape(escaped: char, json: &mut String) {
    match escaped {
        '"' | '\\' | '/' | 'b' | 'f' | 'n' | 'r' | 't' | 'u' => {
            json.push('\\');
            json.push(escaped);
        }
        '\'' => json.push('\''),
        '\n' => {}
        _ => {
            json.push_str("\\\\");
            json.push(escaped);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn check(text: &str, wanted: &[&str]) {
        assert_eq!(repaired(text, false), wanted, "{text}");
    }

    #[test]
    fn what_models_get_wrong_is_put_right() {
        check("```json\n{\"a\": 1}\n```", &[r#"{"a":1}"#]);
        check("Sure! Here it is: {\"a\": [1, 2,],} Is that all?", &[r#"{"a":[1,2]}"#]);
        check("{'it\\'s': 'so \"it\" is'}", &[r#"{"it's":"so \"it\" is"}"#]);
        check("{a: True, b: None, // why\n c: .5 /* half */}", &[r#"{"a":true,"b":null,"c":0.5}"#]);
        check("{\"a\": {\"b\": [1, 2", &[r#"{"a":{"b":[1,2]}}"#]);
        check("{\"a\": [1, 2}", &[r#"{"a":[1,2]}"#]);
        check("{\"a\": \"two\nlines\"}", &["{\"a\":\"two\\u000alines\"}"]);
        check("{\"a\": 1 \"b\": 2}", &[r#"{"a":1,"b":2}"#]);
        check("{“a”: “b”}", &[r#"{"a":"b"}"#]);
        check("see [1]: {\"a\": 12345}", &[r#"{"a":12345}"#, "[1]"]);
        check("{\"path\": \"C:\\dir\"}", &[r#"{"path":"C:\\dir"}"#]);
    }

    #[test]
    fn nothing_is_made_up() {
        check("no JSON at all", &[]);
        check("[the] {answer}", &[]);
        check("{\"a\": ", &[]);
        check("{\"a\": \"cut with", &[]);
        check("{\"a\": tru", &[]);
        check("{\"a\" 1}", &[]);
        assert_eq!(repaired("{\"a\": [1, 2", true), [""; 0]);
        assert_eq!(repaired("{\"a\": 12", true), [""; 0]);
        assert_eq!(repaired("{\"a\": 12}", true), [r#"{"a":12}"#]);
    }

    #[test]
    fn depth_has_an_end() {
        assert_eq!(repaired(&"[".repeat(100_000), true), [""; 0]);
        assert_eq!(repaired(&"[".repeat(50), false).len(), 1);
    }

    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            (-1e300..1e300_f64).prop_map(Value::from),
            ".*".prop_map(Value::from),
        ];
        let value = leaf.prop_recursive(4, 32, 6, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                proptest::collection::btree_map(".*", inner, 0..6).prop_map(|map| json!(map)),
            ]
        });
        value.prop_map(|inner| json!({ "value": inner }))
    }

    proptest! {
        #[test]
        fn json_keeps_its_meaning_whatever_stands_around_it(value in json(), pretty in any::<bool>()) {
            let text = if pretty { serde_json::to_string_pretty(&value).unwrap() } else { value.to_string() };
            let found = repaired(&format!("Here you are:\n```json\n{text}\n```\nDone."), false);
            prop_assert_eq!(serde_json::from_str::<Value>(found.first().unwrap()).unwrap(), value);
        }

        #[test]
        fn whatever_is_found_is_json(text in "[\\[\\]{}:,\"'a1 \\\\\n/*-]{0,40}", is_cut in any::<bool>()) {
            for value in repaired(&text, is_cut) {
                prop_assert!(is_json(&value), "{}", value);
            }
        }
    }
}
