//! Text for e-mail: what a header may hold, and the answer as escaped HTML.

/// Most characters of a header's text.
const HEADER_LIMIT: usize = 200;

/// One line without control characters: a newline in a name or subject must not become a header.
#[must_use]
pub fn header_text(text: &str) -> String {
    let cleaned: String = text.chars().map(|character| if character.is_control() { ' ' } else { character }).collect();
    cleaned.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(HEADER_LIMIT).collect()
}

/// Paragraphs of escaped text.
#[must_use]
pub fn html(text: &str) -> String {
    let paragraphs = text.split("\n\n").map(str::trim).filter(|paragraph| !paragraph.is_empty());
    let body: String = paragraphs.map(|paragraph| format!("<p>{}</p>\n", escape(paragraph).replace('\n', "<br>\n"))).collect();
    format!("<!doctype html>\n<html><body>\n{body}</body></html>\n")
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_one_clean_line() {
        assert_eq!(header_text("Hi\r\nBcc: x@y.example\0"), "Hi Bcc: x@y.example");
        assert_eq!(header_text(&"x".repeat(999)).len(), HEADER_LIMIT);
    }

    #[test]
    fn html_is_escaped() {
        let page = html("a <b> & \"c\"\nd\n\n\n<script>");
        assert!(page.contains("<p>a &lt;b&gt; &amp; &quot;c&quot;<br>\nd</p>") && page.contains("<p>&lt;script&gt;</p>"), "{page}");
    }
}
