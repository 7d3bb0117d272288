//! Frames of `application/vnd.amazon.eventstream`, in which AWS streams, read as they arrive. What
//! they hold is given as the events of [`super::sse`], so that one kind of reader follows.

use super::sse::Event;
use aws_smithy_eventstream::frame::read_message_from;
use aws_smithy_types::event_stream::Message;
use bytes::{Buf as _, BytesMut};
use serde_json::json;

/// The kind of an event that tells of a failure; its data is `{"kind": …, "message": …}`.
pub const EXCEPTION: &str = "exception";

/// Lengths and checksums alone.
const LEAST_BYTES: usize = 16;
/// Larger than any frame AWS sends (16 MiB).
const LIMIT_BYTES: usize = 17 * 1024 * 1024;

/// The stream is not of frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A checksum or a length is wrong.
    #[error("a frame of the stream is damaged")]
    Damaged,
    /// A frame is too long.
    #[error("a frame of the stream is larger than {LIMIT_BYTES} bytes")]
    TooLong,
    /// A payload is not UTF-8.
    #[error("a frame of the stream holds no text")]
    Encoding,
}

/// Reads frames from pieces of a body, however it is cut.
#[derive(Debug, Default)]
pub struct Reader {
    rest: BytesMut,
}

impl Reader {
    /// The events that end within `bytes`.
    ///
    /// # Errors
    /// A frame is damaged, too long, or no text.
    pub fn read(&mut self, bytes: &[u8]) -> Result<Vec<Event>, Error> {
        self.rest.extend_from_slice(bytes);
        let mut events = Vec::new();
        while let Some(length) = self.rest.first_chunk::<4>() {
            let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
            if length > LIMIT_BYTES {
                return Err(Error::TooLong);
            }
            if length < LEAST_BYTES {
                return Err(Error::Damaged);
            }
            if self.rest.remaining() < length {
                break;
            }
            let message = read_message_from(self.rest.split_to(length)).map_err(|_| Error::Damaged)?;
            events.push(event(&message)?);
        }
        Ok(events)
    }
}

fn event(message: &Message) -> Result<Event, Error> {
    let header = |name: &str| {
        let found = message.headers().iter().find(|header| header.name().as_str() == name);
        found.and_then(|header| header.value().as_string().ok()).map_or("", |text| text.as_str())
    };
    let payload = std::str::from_utf8(message.payload()).map_err(|_| Error::Encoding)?;
    let failure = |kind: &str, message: &str| {
        let data = json!({"kind": kind, "message": message}).to_string();
        Event { event: EXCEPTION.to_owned(), data }
    };
    Ok(match header(":message-type") {
        "exception" => failure(header(":exception-type"), payload),
        "error" => failure(header(":error-code"), header(":error-message")),
        _ => Event { event: header(":event-type").to_owned(), data: payload.to_owned() },
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;
    use aws_smithy_eventstream::frame::write_message_to;
    use aws_smithy_types::event_stream::{Header, HeaderValue};
    use proptest::prelude::*;

    /// Written by another program from the documented layout: `{"role":"assistant"}` as `messageStart`.
    const HAND_MADE: &str = "000000760000005296d5fade0b3a6576656e742d7479706507000c6d65737361676553746172740d3a636f6e74656e74\
        2d747970650700106170706c69636174696f6e2f6a736f6e0d3a6d6573736167652d747970650700056576656e747b22\
        726f6c65223a22617373697374616e74227d6fa8c599";

    fn frame(headers: &[(&'static str, &str)], payload: &str) -> Vec<u8> {
        let mut message = Message::new(payload.as_bytes().to_vec());
        for (name, value) in headers {
            message = message.add_header(Header::new(*name, HeaderValue::String((*value).to_owned().into())));
        }
        let mut written = Vec::new();
        write_message_to(&message, &mut written).unwrap();
        written
    }

    fn event_frame(kind: &str, payload: &str) -> Vec<u8> {
        frame(&[(":event-type", kind), (":content-type", "application/json"), (":message-type", "event")], payload)
    }

    #[test]
    fn a_frame_of_another_writer_is_read() {
        let bytes: Vec<u8> =
            (0..HAND_MADE.len()).step_by(2).map(|at| u8::from_str_radix(&HAND_MADE[at..at + 2], 16).unwrap()).collect();
        let event = Event { event: "messageStart".into(), data: "{\"role\":\"assistant\"}".into() };
        assert_eq!(Reader::default().read(&bytes), Ok(vec![event]));
    }

    #[test]
    fn failures_are_told_apart_and_damage_is_seen() {
        let thrown = frame(&[(":message-type", "exception"), (":exception-type", "throttlingException")], "{}");
        let events = Reader::default().read(&thrown).unwrap();
        assert_eq!(events[0].event, EXCEPTION);
        assert!(events[0].data.contains("throttlingException"));
        let named = frame(&[(":message-type", "error"), (":error-code", "Gone"), (":error-message", "m")], "");
        assert!(Reader::default().read(&named).unwrap()[0].data.contains("Gone"));
        let mut damaged = event_frame("messageStart", "{}");
        let last = damaged.len() - 1;
        damaged[last] ^= 1;
        assert_eq!(Reader::default().read(&damaged), Err(Error::Damaged));
        assert_eq!(Reader::default().read(b"data: this is no frame\n\n"), Err(Error::TooLong));
        assert_eq!(Reader::default().read(&[0; 16]), Err(Error::Damaged));
    }

    proptest! {
        #[test]
        fn where_the_body_is_cut_does_not_matter(
            texts in prop::collection::vec("[a-zü]{0,20}", 0..8), cuts in prop::collection::vec(1..40_usize, 0..30),
        ) {
            let body: Vec<u8> = texts.iter().flat_map(|text| event_frame("delta", text)).collect();
            let (mut reader, mut rest, mut found) = (Reader::default(), body.as_slice(), Vec::new());
            for cut in cuts.into_iter().chain([usize::MAX]) {
                let (piece, after) = rest.split_at(cut.min(rest.len()));
                found.extend(reader.read(piece).unwrap());
                rest = after;
            }
            let wanted: Vec<Event> = texts.into_iter().map(|data| Event { event: "delta".into(), data }).collect();
            prop_assert_eq!(found, wanted);
        }

        #[test]
        fn nothing_makes_it_panic(pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..64), 0..8)) {
            let mut reader = Reader::default();
            for piece in pieces {
                if reader.read(&piece).is_err() {
                    break;
                }
            }
        }
    }
}
