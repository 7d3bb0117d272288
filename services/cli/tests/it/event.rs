//! `neptune event` against a private broker.

use crate::bus::Stand;
use futures::StreamExt as _;
use neptune_contracts::{event::EventPublished, names::DataClass};
use serde_json::json;
use std::{fs, time::Duration};

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_published_once_for_a_team() {
    let stand = Stand::start().await;
    let mut heard = stand.bus().await.listen::<EventPublished>().await.unwrap();
    fs::write(stand.folder.path().join("ticket.json"), r#"{"ticket": 7}"#).unwrap();
    let send =
        ["event", "send", "ticket.closed", "--data", "@ticket.json", "--team", "support", "--id", "t-7", "--json"];
    let restricted = [send.as_slice(), &["--class", "restricted"]].concat();
    assert_eq!(stand.json(&restricted), json!({"id": "t-7", "source": "/operator", "is_new": true}));
    assert_eq!(stand.json(&send)["is_new"], false, "the broker knows it already");
    let event = tokio::time::timeout(Duration::from_secs(10), heard.next()).await.unwrap().unwrap();
    assert_eq!((event.team.unwrap().as_str(), event.kind.as_str()), ("support", "ticket.closed"));
    assert_eq!((event.data, event.class), (json!({"ticket": 7}), Some(DataClass::Restricted)));
    let minted = stand.json(&["event", "send", "ticket.closed", "--team", "support", "--source", "/desk", "--json"]);
    assert!(minted["is_new"] == true && minted["source"] == "/desk", "{minted}");
    // Whoever listens beside the stream hears the repeat too.
    let next = async {
        loop {
            let event = heard.next().await.unwrap();
            if event.id != "t-7" {
                return event;
            }
        }
    };
    let other = tokio::time::timeout(Duration::from_secs(10), next).await.unwrap();
    assert_eq!((json!(other.id), other.class), (minted["id"].clone(), None));
    for (arguments, told) in [
        (["event", "send", "x", "--data", "closed"], "--data is not JSON"),
        (["event", "send", "x", "--class", "secret"], "confidential"),
        (["event", "send", "", "--team", "support"], "TYPE"),
        (["event", "send", "x", "--data", "7"], "NEPTUNE_API_KEY is not set"),
    ] {
        let output = stand.neptune(&arguments);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && text.contains(told), "{arguments:?}: {text}");
    }
}
