//! Server-sent events, as far as model providers use them: the WHATWG format, read as it arrives.

/// A line or an event longer than this is nobody's answer.
const LIMIT_BYTES: usize = 16 * 1024 * 1024;

/// An event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Event {
    /// Its kind; empty when the provider names none.
    pub event: String,
    /// What it carries; several `data` lines are joined by line breaks.
    pub data: String,
}

/// The stream is not of server-sent events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A line is not UTF-8.
    #[error("the stream is not UTF-8")]
    Encoding,
    /// A line or event is too long.
    #[error("an event of the stream is larger than {LIMIT_BYTES} bytes")]
    TooLong,
}

/// Reads events from pieces of a body, however it is cut.
#[derive(Debug, Default)]
pub struct Reader {
    line: Vec<u8>,
    /// The last byte was a carriage return, with which a line feed belongs to the same break.
    after_return: bool,
    began: bool,
    event: Event,
    has_data: bool,
}

impl Reader {
    /// The events that end within `bytes`.
    ///
    /// # Errors
    /// A line is not UTF-8, or too long.
    pub fn read(&mut self, bytes: &[u8]) -> Result<Vec<Event>, Error> {
        let (mut events, mut rest) = (Vec::new(), bytes);
        while !rest.is_empty() {
            if std::mem::take(&mut self.after_return)
                && let Some(after) = rest.strip_prefix(b"\n")
            {
                rest = after;
                continue;
            }
            let length = rest.iter().position(|byte| matches!(byte, b'\r' | b'\n')).unwrap_or(rest.len());
            let (text, ended) = rest.split_at(length);
            self.line.extend_from_slice(text);
            if self.line.len() > LIMIT_BYTES {
                return Err(Error::TooLong);
            }
            let Some((end, after)) = ended.split_first() else { break };
            self.after_return = *end == b'\r';
            events.extend(self.end_line()?);
            rest = after;
        }
        Ok(events)
    }

    fn end_line(&mut self) -> Result<Option<Event>, Error> {
        let mut line = std::str::from_utf8(&self.line).map_err(|_| Error::Encoding)?;
        if !self.began {
            self.began = true;
            line = line.strip_prefix('\u{feff}').unwrap_or(line);
        }
        if line.is_empty() {
            let event = std::mem::take(&mut self.event);
            self.line.clear();
            return Ok(std::mem::take(&mut self.has_data).then_some(event));
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "data" => {
                if self.has_data {
                    self.event.data.push('\n');
                }
                self.has_data = true;
                self.event.data.push_str(value);
            }
            "event" => value.clone_into(&mut self.event.event),
            // Comments, ids and retry times say nothing of an answer.
            _ => {}
        }
        self.line.clear();
        if self.event.data.len() > LIMIT_BYTES { Err(Error::TooLong) } else { Ok(None) }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn all(text: &[u8]) -> Vec<Event> {
        Reader::default().read(text).unwrap()
    }

    fn data(data: &str) -> Event {
        Event { event: String::new(), data: data.into() }
    }

    #[test]
    fn events_are_read_as_the_standard_has_them() {
        assert_eq!(all(b"data: a\n\ndata:b\r\n\r\ndata: c\r\r"), [data("a"), data("b"), data("c")]);
        assert_eq!(all(b"data: a\ndata: b\n\n"), [data("a\nb")]);
        assert_eq!(all(b": keep-alive\n\nid: 3\nretry: 5\n\n"), []);
        assert_eq!(all(b"data\n\n"), [data("")]);
        assert_eq!(all(b"event: ping\ndata: {}\n\n"), [Event { event: "ping".into(), data: "{}".into() }]);
        assert_eq!(all(b"event: ping\n\ndata: x\n\n"), [data("x")], "an event without data is none");
        assert_eq!(all("\u{feff}data: ä\n\n".as_bytes()), [data("ä")]);
        assert_eq!(all(b"data: unfinished\n"), []);
    }

    #[test]
    fn what_is_no_event_stream_is_refused() {
        assert_eq!(Reader::default().read(b"data: \xff\n"), Err(Error::Encoding));
        let mut reader = Reader::default();
        let piece = vec![b'x'; LIMIT_BYTES];
        reader.read(&piece).unwrap();
        assert_eq!(reader.read(b"x"), Err(Error::TooLong));
    }

    proptest! {
        #[test]
        fn where_the_body_is_cut_does_not_matter(
            texts in prop::collection::vec("[^\r\n]{0,20}", 0..8), ends in prop::collection::vec(0..3_usize, 8), cuts in prop::collection::vec(1..7_usize, 0..60),
        ) {
            let mut body = Vec::new();
            for (text, end) in texts.iter().zip(ends) {
                let end = ["\n", "\r\n", "\r"].into_iter().nth(end).unwrap();
                body.extend(format!("data: {text}{end}{end}").into_bytes());
            }
            let wanted: Vec<Event> = texts.iter().map(|text| data(text)).collect();
            let (mut reader, mut rest, mut events) = (Reader::default(), body.as_slice(), Vec::new());
            for cut in cuts {
                let (piece, after) = rest.split_at(cut.min(rest.len()));
                events.extend(reader.read(piece).unwrap());
                rest = after;
            }
            events.extend(reader.read(rest).unwrap());
            prop_assert_eq!(events, wanted);
        }

        #[test]
        fn nothing_makes_it_panic(pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..64), 0..8)) {
            let mut reader = Reader::default();
            for piece in pieces {
                let _events = reader.read(&piece);
            }
        }
    }
}
