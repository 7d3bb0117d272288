//! Links by which somebody without a key answers an approval: signed by the notifier that sends them, read by the
//! ingress. Whoever has a link may answer that one approval until it expires, and nothing else.

use crate::{
    Timestamp,
    ids::{DeliveryId, RunId},
    names::Team,
};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use ring::hmac;
use std::fmt;

/// The type of the event by which an approval is answered.
pub const APPROVAL_EVENT: &str = "neptune.approval";
/// The event of a delivery that asks for an approval.
pub const ASKING_EVENT: &str = "run.approval";
/// A link is valid for so long unless its approval says otherwise, in seconds: a week.
pub const LINK_SECONDS: i64 = 7 * 24 * 3_600;
/// Shorter secrets are guessable.
pub const MIN_SECRET_BYTES: usize = 32;
/// What is signed begins with it, so that no other signature under the secret is one of a link.
const DOMAIN: &str = "approval link v1 ";

/// What a link stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApprovalLink {
    /// Whose run it is.
    pub team: Team,
    /// The run.
    pub run: RunId,
    /// The step that asks.
    pub instance: u64,
    /// The delivery that brought the link.
    pub delivery: DeliveryId,
    /// When it expires, in seconds since 1970.
    pub expires_at_seconds: i64,
    /// Whom it was sent to, where that is a mail address.
    pub to: Option<String>,
}

/// Why a link is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// It was not made here, or not copied whole.
    #[error("this is no link of this installation; check that it was copied whole")]
    Invalid,
    /// Its time is over.
    #[error("the link has expired; ask whoever runs the workflow for another")]
    Expired,
}

/// Why a text cannot sign links.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the secret of approval links has less than {MIN_SECRET_BYTES} bytes")]
pub struct ShortSecret;

/// Signs links, and reads them.
#[derive(Clone)]
pub struct LinkSigner(hmac::Key);

impl LinkSigner {
    /// Signs under `secret`.
    ///
    /// # Errors
    /// It is too short.
    pub fn new(secret: &str) -> Result<Self, ShortSecret> {
        if secret.len() < MIN_SECRET_BYTES {
            return Err(ShortSecret);
        }
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes())))
    }

    /// The token of a link, as it stands in a URL.
    #[must_use]
    pub fn sign(&self, link: &ApprovalLink) -> String {
        let content = BASE64_URL_SAFE_NO_PAD.encode(link.to_string());
        let tag = hmac::sign(&self.0, format!("{DOMAIN}{content}").as_bytes());
        format!("{content}.{}", BASE64_URL_SAFE_NO_PAD.encode(tag.as_ref()))
    }

    /// The link of a token.
    ///
    /// # Errors
    /// It was not signed by this secret, or its time is over.
    pub fn read(&self, token: &str, now: Timestamp) -> Result<ApprovalLink, LinkError> {
        let (content, tag) = token.split_once('.').ok_or(LinkError::Invalid)?;
        let tag = BASE64_URL_SAFE_NO_PAD.decode(tag).map_err(|_| LinkError::Invalid)?;
        hmac::verify(&self.0, format!("{DOMAIN}{content}").as_bytes(), &tag).map_err(|_| LinkError::Invalid)?;
        let content = BASE64_URL_SAFE_NO_PAD.decode(content).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let link = content.as_deref().and_then(parse).ok_or(LinkError::Invalid)?;
        if link.expires_at_seconds <= now.unix_seconds() { Err(LinkError::Expired) } else { Ok(link) }
    }
}

impl fmt::Display for ApprovalLink {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { team, run, instance, delivery, expires_at_seconds, to } = self;
        let (run, delivery, to) = (run.0.simple(), delivery.0.simple(), to.as_deref().unwrap_or_default());
        write!(formatter, "{team}/{run}/{instance}/{delivery}/{expires_at_seconds}/{to}")
    }
}

fn parse(text: &str) -> Option<ApprovalLink> {
    let mut parts = text.splitn(6, '/');
    let mut next = || parts.next();
    Some(ApprovalLink {
        team: next()?.parse().ok()?,
        run: next()?.parse().ok()?,
        instance: next()?.parse().ok()?,
        delivery: next()?.parse().ok()?,
        expires_at_seconds: next()?.parse().ok()?,
        to: next().filter(|to| !to.is_empty()).map(str::to_owned),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_micros(seconds * 1_000_000).unwrap()
    }

    fn link() -> ApprovalLink {
        ApprovalLink {
            team: "support".parse().unwrap(),
            run: RunId::mint(),
            instance: 7,
            delivery: DeliveryId::mint(),
            expires_at_seconds: 1_000,
            to: Some("ann/o'neill@example.com".into()),
        }
    }

    #[test]
    fn a_link_is_read_until_it_expires_and_by_its_own_secret_alone() {
        let signer = LinkSigner::new(&"s".repeat(32)).unwrap();
        let bare = ApprovalLink { to: None, ..link() };
        for link in [link(), bare] {
            let token = signer.sign(&link);
            assert_eq!(token, signer.sign(&link), "the same in every try to deliver it");
            assert!(token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)), "{token}");
            assert_eq!(signer.read(&token, at(999)), Ok(link));
            assert_eq!(signer.read(&token, at(1_000)), Err(LinkError::Expired));
            let other = LinkSigner::new(&"t".repeat(32)).unwrap();
            assert_eq!(other.read(&token, at(0)), Err(LinkError::Invalid));
        }
        assert!(LinkSigner::new(&"s".repeat(31)).is_err());
    }

    #[test]
    fn a_changed_token_is_no_link() {
        let signer = LinkSigner::new(&"s".repeat(32)).unwrap();
        let token = signer.sign(&link());
        let forged = BASE64_URL_SAFE_NO_PAD.encode(ApprovalLink { instance: 8, ..link() }.to_string());
        let tag = token.split_once('.').unwrap().1;
        for text in ["", ".", "x", token.split_once('.').unwrap().0, &format!("{forged}.{tag}"), &format!("{token}x")] {
            assert_eq!(signer.read(text, at(0)), Err(LinkError::Invalid), "{text}");
        }
        for index in 0..token.len() {
            let mut changed = token.clone().into_bytes();
            if let Some(byte) = changed.get_mut(index) {
                *byte = if *byte == b'A' { b'B' } else { b'A' };
            }
            let changed = String::from_utf8(changed).unwrap();
            // The last sign of a tag has bits that say nothing, and are refused where they are not zero.
            assert_eq!(signer.read(&changed, at(0)), Err(LinkError::Invalid), "{changed}");
        }
    }
}
