//! Images and other things that are no text.

use super::unsupported;
use crate::domain::failure::Failure;
use neptune_contracts::chat::Part;
use serde_json::Value;

/// Something that is no text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Media<'a> {
    /// Sent along.
    Inline {
        /// For example `image/png`.
        mime: &'a str,
        /// Its bytes in base64.
        base64: &'a str,
        /// The file's name, when it has one.
        name: Option<&'a str>,
    },
    /// Fetched by the provider.
    Remote(&'a str),
}

/// What a part that is no text holds.
///
/// # Errors
/// A kind of part that only OpenAI's format has.
pub(super) fn read<'a>(part: &'a Part, place: &str) -> Result<Media<'a>, Failure> {
    let text = |pointer: &[&str]| {
        let first = part.other.get(*pointer.first()?)?;
        pointer.iter().skip(1).try_fold(first, |value, key| value.get(key))?.as_str()
    };
    match part.kind.as_str() {
        "image_url" => {
            // OpenAI's own format has an object there; a bare URL is a usual slip that servers take.
            let url = text(&["image_url", "url"]).or_else(|| text(&["image_url"]));
            of_url(url.unwrap_or_default(), None, place)
        }
        "file" => {
            let data = text(&["file", "file_data"]).ok_or_else(|| {
                unsupported(format!("{place} names a file that lies with OpenAI; send it as file_data"))
            })?;
            of_url(data, text(&["file", "filename"]), place)
        }
        "input_audio" => {
            let base64 = text(&["input_audio", "data"]).unwrap_or_default();
            let mime = match text(&["input_audio", "format"]) {
                Some("wav") => "audio/wav",
                Some("mp3") => "audio/mp3",
                _ => return Err(unsupported(format!("{place} is audio of an unknown format"))),
            };
            Ok(Media::Inline { mime, base64, name: None })
        }
        kind => Err(unsupported(format!("{place} is of type {:?}, which cannot be translated", shortened(kind)))),
    }
}

fn of_url<'a>(url: &'a str, name: Option<&'a str>, place: &str) -> Result<Media<'a>, Failure> {
    if let Some(data) = url.strip_prefix("data:") {
        let parsed = data.split_once(',').and_then(|(head, base64)| {
            let mime = head.strip_suffix(";base64")?;
            Some(Media::Inline { mime: mime.split(';').next()?, base64, name })
        });
        return parsed.ok_or_else(|| unsupported(format!("{place} is a data URL without a type or not in base64")));
    }
    if url.starts_with("https://") || url.starts_with("http://") {
        return Ok(Media::Remote(url));
    }
    Err(unsupported(format!("{place} is neither a data URL nor an https URL")))
}

/// The type of a remote image by the end of its path; nothing when it shows none.
pub(super) fn mime_of_path(url: &str) -> Option<&'static str> {
    let path = url.split(['?', '#']).next().unwrap_or(url);
    let ending = path.rsplit_once('.')?.1.to_ascii_lowercase();
    match ending.as_str() {
        "png" => Some("image/png"),
        "jpg" | "jpeg" => Some("image/jpeg"),
        "gif" => Some("image/gif"),
        "webp" => Some("image/webp"),
        "pdf" => Some("application/pdf"),
        _ => None,
    }
}

/// At most 32 characters of what a caller wrote.
pub(super) fn shortened(text: &str) -> String {
    text.chars().take(32).collect()
}

/// The marker that what came until here is worth keeping in the provider's cache.
pub(super) fn cache_marker(other: &serde_json::Map<String, Value>) -> Option<&Value> {
    other.get("cache_control").filter(|marker| marker.is_object())
}
