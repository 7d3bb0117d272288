//! May a result leave over a channel?

use crate::samples::{noon, organisation, policy_of};
use neptune_contracts::{
    delivery::{Delivery, DeliveryContent, DeliverySpec},
    ids::DeliveryId,
    names::{Channel, DataClass},
};
use neptune_governance::domain::deliver::refusal;

pub(crate) fn delivery(team: &str, channel: Channel, class: DataClass) -> Delivery {
    let to = if channel == Channel::Email { "a@b.example" } else { "https://b.example/hook" };
    Delivery {
        id: DeliveryId::mint(),
        team: team.parse().unwrap(),
        task: None,
        run: None,
        spec: DeliverySpec { channel, to: to.into(), subject: None },
        class,
        requested_at: noon(),
        content: DeliveryContent { event: "task.completed".into(), text: "done".into(), data: serde_json::Value::Null },
    }
}

#[track_caller]
fn check(delivery: &Delivery, refused: Option<&str>) {
    let found = refusal(delivery, &policy_of(&organisation()));
    match (&found, refused) {
        (None, None) => {}
        (Some(found), Some(says)) => assert!(found.contains(says), "{found}"),
        _ => panic!("{found:?} instead of {refused:?}"),
    }
}

#[test]
fn a_delivery_needs_the_channel_and_a_class_that_may_leave() {
    use DataClass::{Confidential, Internal, Public, Restricted};
    check(&delivery("support", Channel::Webhook, Internal), None);
    check(&delivery("support", Channel::Webhook, Confidential), None);
    check(&delivery("support", Channel::Email, Internal), Some("add it to the team's channels"));
    check(&delivery("support", Channel::Webhook, Restricted), Some("restricted data does not leave over webhook"));
    // What a team says of one delivery does not lower what is known of the team.
    check(&delivery("legal", Channel::Email, Public), Some("restricted data does not leave over email"));
    check(&delivery("guests", Channel::Webhook, Public), Some("may not deliver over webhook"));
    check(&delivery("strangers", Channel::Webhook, Public), Some("there is no team strangers"));
}

#[test]
fn a_malformed_address_is_refused() {
    let mut forged = delivery("support", Channel::Webhook, DataClass::Public);
    forged.spec.to = "file:///etc/passwd".into();
    check(&forged, Some("spec.to: the address is neither http nor https"));
    forged.spec.to = "https://b.example/\r\nX-Forged: 1".into();
    check(&forged, Some("control characters"));
}
