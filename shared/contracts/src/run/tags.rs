//! Tags of runs: words by which they are found.

use crate::problem::Problem;

/// Most tags of a run.
pub const MAX_TAGS: usize = 32;
/// Most characters of a tag.
pub const MAX_TAG_CHARACTERS: usize = 63;

/// What makes a text a tag, for people.
pub const TAG_FORM: &str = "1 to 63 letters, digits and -_.:/@";

/// Whether `text` is a tag.
#[must_use]
pub fn is_tag(text: &str) -> bool {
    let allowed = |sign: char| sign.is_alphanumeric() || "-_.:/@".contains(sign);
    (1..=MAX_TAG_CHARACTERS).contains(&text.chars().count()) && text.chars().all(allowed)
}

/// What is wrong with the tags of a submit.
#[must_use]
pub fn problems(tags: &[String]) -> Vec<Problem> {
    let mut problems = Vec::new();
    if tags.len() > MAX_TAGS {
        let told = format!("{} tags, the limit is {MAX_TAGS}", tags.len());
        problems.push(Problem::new("tags", told, "put what is not searched for into `labels`"));
    }
    for (index, tag) in tags.iter().enumerate().filter(|(_, tag)| !is_tag(tag)).take(MAX_TAGS) {
        let shown: String = tag.chars().take(MAX_TAG_CHARACTERS).collect();
        problems.push(Problem::new(
            format!("tags[{index}]"),
            format!("{shown:?} is no tag"),
            format!("use {TAG_FORM}"),
        ));
    }
    problems
}

/// Several lists of tags as one, each tag once, sorted; what is none is left out.
#[must_use]
pub fn together<'t>(tags: impl IntoIterator<Item = &'t str>) -> Vec<String> {
    let mut all: Vec<String> = tags.into_iter().filter(|tag| is_tag(tag)).map(str::to_owned).collect();
    all.sort_unstable();
    all.dedup();
    all.truncate(MAX_TAGS);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_a_word() {
        for (text, wanted) in [
            ("urgent", true),
            ("customer:acme", true),
            ("größe", true),
            ("", false),
            ("two words", false),
            ("a,b", false),
            (&"x".repeat(64), false),
        ] {
            assert_eq!(is_tag(text), wanted, "{text}");
        }
        assert_eq!(together(["b", "a", "b", "no tag"]), ["a", "b"]);
        let faults = problems(&["fine".to_owned(), "not fine".to_owned()]);
        assert_eq!(faults.iter().map(|fault| fault.field.as_str()).collect::<Vec<_>>(), ["tags[1]"]);
    }
}
