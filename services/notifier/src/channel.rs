//! Sending over the channels as their resources configure them.

pub mod email;
pub mod http;
pub mod webhook;

use crate::{
    config::Environment,
    domain::{approval::Links, verdict::Verdict},
};
use email::Email;
use neptune_contracts::{
    delivery::Delivery,
    names::Channel,
    resource::{ChannelSpec, Resources},
};
use std::sync::Arc;
use tokio::sync::watch;
use webhook::Webhook;

/// All channels.
pub struct Channels {
    resources: watch::Receiver<Arc<Resources>>,
    environment: Environment,
    links: Option<Links>,
    webhook: Webhook,
    email: Email,
}

impl Channels {
    /// The channels of `resources`, followed live.
    ///
    /// # Errors
    /// The HTTP clients cannot be made.
    pub fn new(
        resources: watch::Receiver<Arc<Resources>>,
        environment: Environment,
        links: Option<Links>,
    ) -> Result<Self, reqwest::Error> {
        Ok(Self { resources, environment, links, webhook: Webhook::new()?, email: Email::default() })
    }

    /// Makes one try. A channel that is not configured may be soon.
    pub async fn send(&self, delivery: &Delivery) -> Verdict {
        let channel = delivery.spec.channel;
        // Links are made here and nowhere before, so that none lies on the broker.
        let linked = self.links.as_ref().map(|links| links.with_link(delivery.clone()));
        let delivery = linked.as_ref().unwrap_or(delivery);
        let resources = self.resources.borrow().clone();
        match (channel, resources.channels.get(channel.as_str())) {
            (Channel::Webhook, Some(ChannelSpec::Webhook { secret_env, allow_private })) => {
                match self.variable(secret_env) {
                    Ok(secret) => self.webhook.send(delivery, secret, allow_private).await,
                    Err(verdict) => verdict,
                }
            }
            (Channel::Email, Some(ChannelSpec::Email { smtp_env, from })) => match self.variable(smtp_env) {
                Ok(server) => self.email.send(delivery, server, from).await,
                Err(verdict) => verdict,
            },
            _ => Verdict::passing(format!("the channel {channel} is not configured")),
        }
    }

    fn variable(&self, name: &str) -> Result<&str, Verdict> {
        let value = self.environment.get(name).map(String::as_str).filter(|value| !value.trim().is_empty());
        value.ok_or_else(|| {
            Verdict::passing(format!(
                "the variable {name} that the channel refers to is not set in the notifier's environment"
            ))
        })
    }
}
