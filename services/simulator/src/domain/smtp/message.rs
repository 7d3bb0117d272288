use super::MESSAGE_LIMIT;

/// A message as it arrives after `DATA`, in pieces of any size: dots at the start of lines are unstuffed, and only
/// `CR LF . CR LF` ends it (RFC 5321, 4.1.1.4); a looser end would let one mail smuggle in another.
#[derive(Debug, Default)]
pub struct Message {
    content: Vec<u8>,
    place: Place,
    is_too_large: bool,
}

/// What the bytes so far may turn out to be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Place {
    #[default]
    LineStart,
    Line,
    AfterCr,
    AfterDot,
    AfterDotCr,
    End,
}

impl Message {
    /// Takes bytes up to the end of the message and returns how many; see [`Message::is_complete`].
    pub fn take(&mut self, bytes: &[u8]) -> usize {
        for (position, byte) in bytes.iter().enumerate() {
            self.place = self.next(*byte);
            if self.place == Place::End {
                return position + 1;
            }
        }
        bytes.len()
    }

    /// Whether the end was seen.
    pub fn is_complete(&self) -> bool {
        self.place == Place::End
    }

    /// The message, or nothing when it was larger than [`MESSAGE_LIMIT`].
    pub fn content(self) -> Option<Vec<u8>> {
        (!self.is_too_large).then_some(self.content)
    }

    fn next(&mut self, byte: u8) -> Place {
        match (self.place, byte) {
            (Place::LineStart, b'.') => return Place::AfterDot,
            (Place::AfterDot, b'\r') => return Place::AfterDotCr,
            (Place::AfterDotCr, b'\n') => return Place::End,
            (Place::AfterDotCr, _) => self.keep(b'\r'),
            _ => {}
        }
        self.keep(byte);
        match (self.place, byte) {
            (_, b'\r') => Place::AfterCr,
            (Place::AfterCr, b'\n') => Place::LineStart,
            _ => Place::Line,
        }
    }

    fn keep(&mut self, byte: u8) {
        if self.content.len() < MESSAGE_LIMIT {
            self.content.push(byte);
        } else {
            self.is_too_large = true;
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use proptest::prelude::{any, prop, prop_assert, prop_assert_eq, proptest};

    use super::*;

    fn received(bytes: &[u8], piece: usize) -> (Option<Vec<u8>>, usize) {
        let mut message = Message::default();
        let mut taken = 0;
        while !message.is_complete() && taken < bytes.len() {
            let end = bytes.len().min(taken + piece);
            taken += message.take(&bytes[taken..end]);
        }
        (message.is_complete().then(|| message.content().unwrap()), taken)
    }

    /// What a client does: dots at the start of lines are doubled.
    fn stuffed(message: &str) -> Vec<u8> {
        let lines =
            message.split("\r\n").map(|line| if line.starts_with('.') { format!(".{line}") } else { line.into() });
        format!("{}\r\n.\r\n", lines.collect::<Vec<String>>().join("\r\n")).into_bytes()
    }

    #[test]
    fn only_a_lone_dot_between_full_line_ends_is_an_end() {
        let check = |sent: &str, expected: Option<&str>| {
            let got = received(sent.as_bytes(), 1).0.map(|content| String::from_utf8(content).unwrap());
            assert_eq!(got.as_deref(), expected, "{sent:?}");
        };
        check(".\r\n", Some(""));
        check("a\r\n.\r\n", Some("a\r\n"));
        check("..a\r\n.\r\n", Some(".a\r\n"));
        check("a\n.\n", None);
        check("a\r\n.\n", None);
        check("a\n.\r\nb\r\n.\r\n", Some("a\n.\r\nb\r\n"));
        check(".\r\r\n.\r\n", Some("\r\r\n"));
    }

    #[test]
    fn a_message_beyond_the_limit_is_read_to_its_end_and_dropped() {
        let mut message = Message::default();
        message.take(&vec![b'x'; MESSAGE_LIMIT + 1]);
        message.take(b"\r\n.\r\n");
        assert!(message.is_complete());
        assert_eq!(message.content(), None);
    }

    proptest! {
        #[test]
        fn unstuffing_undoes_stuffing(
            lines in prop::collection::vec("[.a\\r]{0,4}", 0..6), piece in 1_usize..8, rest in any::<[u8; 3]>(),
        ) {
            // A line that ends with CR would make another end with the CR LF after it, as it should not be sent.
            let message = lines.iter().map(|line| line.trim_end_matches('\r')).collect::<Vec<_>>().join("\r\n");
            let mut sent = stuffed(&message);
            let length = sent.len();
            sent.extend(rest);
            let (content, taken) = received(&sent, piece);
            prop_assert_eq!(content, Some(format!("{message}\r\n").into_bytes()));
            prop_assert!(taken == length, "the next command is left alone");
        }
    }
}
