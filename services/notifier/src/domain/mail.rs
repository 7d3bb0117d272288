//! What an e-mail says. Whatever stands in a header is one line.

use neptune_contracts::{delivery::Delivery, html::escape, ids::DeliveryId};

/// `text` without control characters. The mail library panics on a line break in a name.
#[must_use]
pub fn one_line(text: &str) -> String {
    text.chars().filter(|character| !character.is_control()).collect()
}

/// The subject line.
#[must_use]
pub fn subject(delivery: &Delivery) -> String {
    match &delivery.spec.subject {
        Some(subject) => one_line(subject),
        None => format!("Neptune: {}", one_line(&delivery.content.event).replace(['.', '_'], " ")),
    }
}

/// The `Message-ID`: the same in every try, so that a receiver can recognise a repeated one.
#[must_use]
pub fn message_id(id: DeliveryId, sender_domain: &str) -> String {
    format!("<{id}@{sender_domain}>")
}

/// The text as simple HTML: paragraphs at empty lines, line breaks at others, nothing else; any
/// markup in the text is shown as it is.
#[must_use]
pub fn html(text: &str) -> String {
    let normal = text.replace("\r\n", "\n");
    let paragraphs = normal.split("\n\n").filter(|paragraph| !paragraph.trim().is_empty());
    let paragraphs: String = paragraphs
        .map(|paragraph| format!("<p>{}</p>\n", escape(paragraph.trim_matches('\n')).replace('\n', "<br>\n")))
        .collect();
    format!("<!doctype html>\n<html><body>\n{paragraphs}</body></html>\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_one_line() {
        assert_eq!(one_line("a\r\nBcc: x@y.example\0\u{85}"), "aBcc: x@y.example");
    }

    #[test]
    fn markup_is_shown_and_not_obeyed() {
        let page = html("One <script>\r\nmore\n\n\n\"two\" & 'three'\n");
        assert!(
            page.contains("<p>One &lt;script&gt;<br>\nmore</p>\n<p>&quot;two&quot; &amp; &#39;three&#39;</p>"),
            "{page}"
        );
    }
}
