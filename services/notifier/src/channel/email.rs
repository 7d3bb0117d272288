//! E-mail over SMTP, one recipient per send: a server that refuses one recipient of many would
//! otherwise keep the others from theirs.

use crate::domain::{
    mail::{html, message_id, one_line, subject},
    verdict::{Again, Verdict},
};
use lettre::{
    AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor,
    message::{Mailbox, MultiPart},
    transport::smtp::{
        self, PoolConfig,
        client::{Tls, TlsParameters},
    },
};
use neptune_contracts::{address, delivery::Delivery};
use std::{sync::Mutex, time::Duration};
use url::{Host, Url};

type Transport = AsyncSmtpTransport<Tokio1Executor>;

/// Of one command and its answer.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(10);
/// Of the whole transfer; less than a graceful stop waits for.
const SEND_TIMEOUT: Duration = Duration::from_secs(20);
/// Connections kept to the server.
const MAX_CONNECTIONS: u32 = 8;
/// Of a server's answer this much is kept.
const MAX_ANSWER_CHARACTERS: usize = 200;

/// Sends e-mail.
#[derive(Default)]
pub struct Email {
    /// The transport in use and the address it is for: another address makes a new one.
    current: Mutex<Option<(String, Transport)>>,
}

impl Email {
    /// Makes one try over the SMTP server at `server`.
    pub async fn send(&self, delivery: &Delivery, server: &str, from: &str) -> Verdict {
        let message = match message(delivery, from) {
            Ok(message) => message,
            Err(reason) => return Verdict::failed(reason, Again::No),
        };
        let transport = match self.transport(server) {
            Ok(transport) => transport,
            Err(reason) => return Verdict::passing(reason),
        };
        match tokio::time::timeout(SEND_TIMEOUT, transport.send(message)).await {
            Ok(Ok(answer)) => Verdict::Delivered { receipt: answer.first_line().map(short) },
            Ok(Err(error)) => failed(&error),
            Err(_) => doubtful(),
        }
    }

    fn transport(&self, server: &str) -> Result<Transport, &'static str> {
        // A panic cannot leave the pair half written.
        let mut current = self.current.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some((address, transport)) = current.as_ref()
            && address == server
        {
            return Ok(transport.clone());
        }
        let transport = connect(server)?;
        *current = Some((server.to_owned(), transport.clone()));
        Ok(transport)
    }
}

/// A pooled transport; it connects when it is first used. Only a server on this machine is spoken to
/// without TLS.
fn connect(server: &str) -> Result<Transport, &'static str> {
    let malformed = "the channel's SMTP address is not smtp://user:password@host:port";
    let url = Url::parse(server).map_err(|_| malformed)?;
    let mut builder = Transport::from_url(server).map_err(|_| malformed)?;
    if url.scheme() == "smtp" && !is_loopback(&url) {
        let parameters =
            TlsParameters::new(url.host_str().unwrap_or_default().to_owned()).map_err(|_| "TLS cannot be set up")?;
        builder = builder.tls(Tls::Required(parameters));
    }
    Ok(builder.timeout(Some(COMMAND_TIMEOUT)).pool_config(PoolConfig::new().max_size(MAX_CONNECTIONS)).build())
}

fn is_loopback(url: &Url) -> bool {
    // Schemes that the URL parser does not know have their hosts as text.
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => {
            name == "localhost" || name.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback())
        }
        None => false,
    }
}

fn message(delivery: &Delivery, from: &str) -> Result<Message, &'static str> {
    address::mailbox(&delivery.spec.to).map_err(|_| "the recipient is not an e-mail address")?;
    let from: Mailbox = one_line(from).parse().map_err(|_| "the channel's sender is not an e-mail address")?;
    let to: Mailbox = one_line(&delivery.spec.to).parse().map_err(|_| "the recipient is not an e-mail address")?;
    let id = message_id(delivery.id, from.email.domain());
    let text = &delivery.content.text;
    Message::builder()
        .from(from)
        .to(to)
        .subject(subject(delivery))
        .message_id(Some(id))
        .date(delivery.requested_at.as_offset_date_time().into())
        .multipart(MultiPart::alternative_plain_html(text.clone(), html(text)))
        .map_err(|_| "no message can be made of it")
}

fn failed(error: &smtp::Error) -> Verdict {
    if let Some(code) = error.status() {
        let detail = std::error::Error::source(error)
            .map(|cause| format!(": {}", short(&cause.to_string())))
            .unwrap_or_default();
        let again = if error.is_permanent() { Again::No } else { Again::Yes { not_before: None } };
        return Verdict::failed(format!("the mail server answered {code}{detail}"), again);
    }
    // The library tells a conversation that broke off from a connection that never was only here.
    let broke_off = error.to_string().starts_with("network error");
    if error.is_timeout() || error.is_response() || broke_off {
        return doubtful();
    }
    if error.is_tls() {
        return Verdict::passing("no TLS connection to the mail server");
    }
    if error.is_client() {
        return Verdict::failed(
            "the mail server does not support what the message or the login needs",
            Again::AFewTimes,
        );
    }
    Verdict::passing("no connection to the mail server")
}

/// SMTP cannot tell whether a message whose last answer is missing was taken.
fn doubtful() -> Verdict {
    Verdict::failed("the mail server's last answer is missing; the message may have arrived", Again::Doubtful)
}

fn short(text: &str) -> String {
    one_line(text).chars().take(MAX_ANSWER_CHARACTERS).collect()
}
