//! Deliveries that ask for an approval get a link by which whoever reads them can answer.

use neptune_contracts::{
    Timestamp,
    approval::{ASKING_EVENT, ApprovalLink, LINK_SECONDS, LinkSigner},
    delivery::Delivery,
    names::Channel,
};
use serde_json::Value;

/// Makes links.
#[derive(Clone)]
pub struct Links {
    /// Signs them.
    pub signer: LinkSigner,
    /// Where the ingress is reached by whoever reads the delivery, without a slash at its end.
    pub base: String,
}

impl Links {
    /// The delivery with a link in its text and data, if it asks for an approval; the same in every try.
    #[must_use]
    pub fn with_link(&self, mut delivery: Delivery) -> Delivery {
        let Some(step) = delivery.run.clone().filter(|_| delivery.content.event == ASKING_EVENT) else {
            return delivery;
        };
        let asked_until = delivery.content.data.get("expires_at").and_then(Value::as_str);
        let asked_until = asked_until.and_then(|text| serde_json::from_value::<Timestamp>(text.into()).ok());
        let last = delivery.requested_at.plus_millis(LINK_SECONDS * 1_000);
        let expires_at = asked_until.map_or(last, |until| until.min(last));
        let token = self.signer.sign(&ApprovalLink {
            team: delivery.team.clone(),
            run: step.run,
            instance: step.instance,
            delivery: delivery.id,
            expires_at_seconds: expires_at.unix_seconds(),
            // The address of a webhook may hold a secret.
            to: (delivery.spec.channel == Channel::Email).then(|| delivery.spec.to.clone()),
        });
        let link = format!("{}/v1/approvals/{token}", self.base);
        let until = Timestamp::from_unix_micros(expires_at.unix_seconds() * 1_000_000).unwrap_or(expires_at);
        delivery.content.text.push_str(&format!("\n\nAnswer here until {until}:\n{link}"));
        if let Value::Object(data) = &mut delivery.content.data {
            data.insert("link".to_owned(), link.into());
            data.insert("link_expires_at".to_owned(), until.to_string().into());
        }
        delivery
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use neptune_contracts::{
        delivery::{DeliveryContent, DeliverySpec},
        ids::{DeliveryId, RunId},
        run::RunStepRef,
    };
    use serde_json::json;

    fn delivery(event: &str, channel: Channel, data: Value) -> Delivery {
        Delivery {
            id: DeliveryId::mint(),
            team: "support".parse().unwrap(),
            task: None,
            run: Some(RunStepRef { run: RunId::mint(), instance: 4 }),
            spec: DeliverySpec { channel, to: "ann@example.com".into(), subject: None },
            class: Default::default(),
            requested_at: Timestamp::from_unix_micros(1_800_000_000_000_000).unwrap(),
            content: DeliveryContent { event: event.into(), text: "Send it?".into(), data },
        }
    }

    #[test]
    fn only_what_asks_gets_a_link_and_the_same_in_every_try() {
        let links = Links { signer: LinkSigner::new(&"s".repeat(32)).unwrap(), base: "https://n.example".into() };
        let other = delivery("run.notify", Channel::Email, json!({}));
        assert_eq!(links.with_link(other.clone()), other);
        for (channel, to) in [(Channel::Email, Some("ann@example.com".to_owned())), (Channel::Webhook, None)] {
            let asking = delivery(ASKING_EVENT, channel, json!({"expires_at": "2027-01-15T09:00:00.5Z"}));
            let sent = links.with_link(asking.clone());
            assert_eq!(sent, links.with_link(asking.clone()));
            let link = sent.content.data.get("link").and_then(Value::as_str).unwrap();
            assert!(sent.content.text.ends_with(&format!("Answer here until 2027-01-15T09:00:00Z:\n{link}")));
            let token = link.strip_prefix("https://n.example/v1/approvals/").unwrap();
            let read = links.signer.read(token, asking.requested_at).unwrap();
            assert_eq!((read.run, read.instance, read.to), (asking.run.unwrap().run, 4, to));
        }
        let forever =
            links.with_link(delivery(ASKING_EVENT, Channel::Email, json!({"expires_at": "2099-01-01T00:00:00Z"})));
        assert_eq!(forever.content.data.get("link_expires_at"), Some(&json!("2027-01-22T08:00:00Z")), "a week at most");
    }
}
