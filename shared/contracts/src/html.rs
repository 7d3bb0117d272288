//! Texts inside of HTML: pages of the ingress and mails of the notifier say the same of what comes from outside.

use std::borrow::Cow;

/// A text as it stands in HTML, between tags or in a quoted attribute, so that nothing of it is markup.
#[must_use]
pub fn escape(text: &str) -> Cow<'_, str> {
    if !text.contains(['&', '<', '>', '"', '\'']) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    Cow::Owned(escaped)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_text_is_markup() {
        for (text, wanted) in [
            ("plain ü", "plain ü"),
            ("<b>&amp;</b>", "&lt;b&gt;&amp;amp;&lt;/b&gt;"),
            ("\" onload='x'", "&quot; onload=&#39;x&#39;"),
            ("", ""),
        ] {
            assert_eq!(escape(text), wanted);
        }
    }
}
