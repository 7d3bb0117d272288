//! Sending e-mail over SMTP.

use crate::domain::{
    retry::Tried,
    text::{header_text, html},
};
use lettre::{
    Address, AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor,
    message::{Mailbox, MultiPart},
    transport::smtp::Error as SmtpError,
};
use neptune_contracts::delivery::Delivery;
use std::{collections::HashMap, time::Duration};
use tokio::sync::Mutex;

type Transport = AsyncSmtpTransport<Tokio1Executor>;

/// A mail server that takes longer for one step counts as down.
const STEP_TIMEOUT: Duration = Duration::from_secs(20);

/// Connections to mail servers, by the server's URL.
#[derive(Default)]
pub struct Mailers {
    transports: Mutex<HashMap<String, Transport>>,
}

impl Mailers {
    /// Sends one e-mail to one recipient over the server at `smtp_url`, from `sender`.
    pub async fn send(&self, delivery: &Delivery, smtp_url: &str, sender: &str) -> Tried {
        let message = match compose(delivery, sender) {
            Ok(message) => message,
            Err(error) => return Tried::Final(error),
        };
        let transport = match self.transport(smtp_url).await {
            Ok(transport) => transport,
            // The URL holds a password, so the error is not quoted.
            Err(_) => return Tried::Passing { error: "the channel's SMTP URL cannot be used".into(), after: None },
        };
        match transport.send(message).await {
            Ok(response) => Tried::Delivered(response.first_line().map(header_text)),
            Err(error) => failed(&error),
        }
    }

    async fn transport(&self, smtp_url: &str) -> Result<Transport, SmtpError> {
        let mut transports = self.transports.lock().await;
        if let Some(transport) = transports.get(smtp_url) {
            return Ok(transport.clone());
        }
        neptune_runtime::service::install_crypto_provider();
        let transport = Transport::from_url(smtp_url)?.timeout(Some(STEP_TIMEOUT)).build();
        transports.insert(smtp_url.to_owned(), transport.clone());
        Ok(transport)
    }
}

/// The message. Names and subject are cleaned first: a line break in them must not reach the
/// library, which would panic, nor the mail, where it would be a header.
fn compose(delivery: &Delivery, sender: &str) -> Result<Message, String> {
    let from: Mailbox = header_text(sender).parse().map_err(|_| "the channel's sender is not an e-mail address".to_owned())?;
    let to: Address = header_text(&delivery.spec.to).parse().map_err(|_| "the recipient is not an e-mail address".to_owned())?;
    let subject = delivery.spec.subject.as_deref().map(header_text).filter(|subject| !subject.is_empty());
    let domain = from.email.domain().to_owned();
    Message::builder()
        .from(from)
        .to(Mailbox::new(None, to))
        .subject(subject.unwrap_or_else(|| default_subject(delivery)))
        .message_id(Some(format!("<{}@{domain}>", delivery.id)))
        .multipart(MultiPart::alternative_plain_html(delivery.content.text.clone(), html(&delivery.content.text)))
        .map_err(|error| format!("the e-mail cannot be written: {error}"))
}

fn default_subject(delivery: &Delivery) -> String {
    match delivery.task {
        Some(task) => format!("Neptune: {} ({task})", delivery.content.event),
        None => format!("Neptune: {}", delivery.content.event),
    }
}

fn failed(error: &SmtpError) -> Tried {
    let code = error.status().map(|code| code.to_string());
    let text = code.as_ref().map_or_else(|| "the mail server cannot be reached".to_owned(), |code| format!("the mail server answered {code}"));
    match code.as_deref() {
        // Credentials may be mended; an unknown recipient stays unknown.
        Some("530" | "534" | "535" | "538") => Tried::Passing { error: text, after: None },
        Some(code) if code.starts_with('5') => Tried::Final(text),
        _ => Tried::Passing { error: text, after: None },
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use neptune_contracts::{
        Timestamp,
        delivery::{DeliveryContent, DeliverySpec},
        ids::DeliveryId,
        names::Channel,
    };

    fn delivery(to: &str, subject: Option<&str>) -> Delivery {
        Delivery {
            id: DeliveryId::mint(),
            team: "support".parse().unwrap(),
            task: None,
            spec: DeliverySpec { channel: Channel::Email, to: to.into(), subject: subject.map(str::to_owned) },
            class: Default::default(),
            requested_at: Timestamp::now(),
            content: DeliveryContent { event: "task.completed".into(), text: "<b>hi</b>".into(), data: serde_json::Value::Null },
        }
    }

    #[test]
    fn hostile_names_and_subjects_become_no_headers() {
        let message = compose(&delivery("a@b.example", Some("Hi\r\nBcc: evil@x.example")), "\"Neptune\r\nX-Evil 1\" <n@n.example>").unwrap();
        let text = String::from_utf8(message.formatted()).unwrap();
        assert!(!text.contains("\r\nBcc:") && !text.contains("\r\nX-Evil"), "{text}");
        assert!(text.contains("&lt;b&gt;hi&lt;/b&gt;"));
        assert!(compose(&delivery("a@b.example\r\nRCPT TO:<x@y>", None), "n@n.example").is_err());
    }

    #[test]
    fn the_message_id_follows_from_the_delivery() {
        let delivery = delivery("a@b.example", None);
        let text = String::from_utf8(compose(&delivery, "n@n.example").unwrap().formatted()).unwrap();
        assert!(text.contains(&format!("Message-ID: <{}@n.example>", delivery.id)), "{text}");
    }
}
