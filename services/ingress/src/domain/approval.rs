//! The page by which somebody without a key answers an approval. It works without scripts; everything that comes from
//! outside is shown as it is.

use neptune_contracts::{
    approval::{APPROVAL_EVENT, ApprovalLink},
    html::escape,
    problem::Problem,
    query::run::{RunView, StepView},
};
use serde::Deserialize;
use serde_json::{Value, json};

/// Longest name of whoever answers, in characters.
const MAX_NAME_CHARACTERS: usize = 100;
/// Longest comment, in characters.
const MAX_COMMENT_CHARACTERS: usize = 2_000;

/// What the form sends.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
pub struct Decision {
    /// `approve` or `refuse`.
    #[serde(default)]
    pub decision: String,
    /// Who answers.
    #[serde(default)]
    pub by: String,
    /// What else there is to say.
    #[serde(default)]
    pub comment: String,
}

/// How the approval of a link stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It waits for an answer; what is asked.
    Asked(String),
    /// It was answered so.
    Answered(String),
    /// Nobody waits for an answer any more; why.
    Over(String),
}

/// How the approval of a link stands in its run.
#[must_use]
pub fn standing(link: &ApprovalLink, view: &RunView) -> Standing {
    let Some(step) = view.steps.iter().find(|step| step.instance == link.instance) else {
        return Standing::Over(format!("the run is {}", view.state));
    };
    if let Some(asks) = &step.asks {
        return Standing::Asked(asks.clone());
    }
    match step.note.as_ref().and_then(|note| note.get("approval")) {
        Some(answer) => Standing::Answered(told(answer)),
        None => Standing::Over(over(step, view)),
    }
}

fn over(step: &StepView, view: &RunView) -> String {
    match step.problem.as_ref() {
        Some(problem) => format!("the step has failed: {problem}"),
        None if view.ended_at.is_some() => format!("the run has ended as {}", view.state),
        None => "the step does not wait any more".to_owned(),
    }
}

/// An answer in words.
#[must_use]
pub fn told(answer: &Value) -> String {
    let text = |name: &str| answer.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let word = if answer.get("approved") == Some(&Value::Bool(true)) { "approved" } else { "refused" };
    let by = text("by").map(|by| format!(" by {by}")).unwrap_or_default();
    let comment = text("comment").map(|comment| format!(": {comment}")).unwrap_or_default();
    format!("{word}{by}{comment}")
}

/// What the event of a decision says.
///
/// # Errors
/// Every field that is missing or too long.
pub fn answer(link: &ApprovalLink, decision: &Decision) -> Result<Value, Vec<Problem>> {
    let (by, comment) = (decision.by.trim(), decision.comment.trim());
    let mut faults = Vec::new();
    if !["approve", "refuse"].contains(&decision.decision.as_str()) {
        faults.push(Problem::new("decision", "neither approve nor refuse", "press one of the two buttons"));
    }
    if !(1..=MAX_NAME_CHARACTERS).contains(&by.chars().count()) {
        let text = format!("missing or longer than {MAX_NAME_CHARACTERS} characters");
        faults.push(Problem::new("by", text, "write your name"));
    }
    if comment.chars().count() > MAX_COMMENT_CHARACTERS {
        let text = format!("longer than {MAX_COMMENT_CHARACTERS} characters");
        faults.push(Problem::new("comment", text, "shorten it"));
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    Ok(json!({
        "instance": link.instance,
        "approved": decision.decision == "approve",
        "by": by,
        "comment": Some(comment).filter(|comment| !comment.is_empty()),
        "via": {"link": link.delivery, "to": link.to},
    }))
}

/// Whether an event from a caller with a key can answer an approval of the run now; if so, with who answers filled in.
///
/// # Errors
/// Why not, as the end of a sentence.
pub fn by_key(mut event: Value, key: &str, view: &RunView) -> Result<Value, String> {
    if event.get("type").and_then(Value::as_str) != Some(APPROVAL_EVENT) {
        return Ok(event);
    }
    let waiting: Vec<&StepView> = view.steps.iter().filter(|step| step.asks.is_some()).collect();
    let names: Vec<String> = waiting.iter().map(|step| format!("{} ({})", step.name, step.instance)).collect();
    let Some(data) = event.get_mut("data").and_then(Value::as_object_mut) else {
        return Err("an approval is answered with `data: {\"approved\": true}` or false".to_owned());
    };
    if !data.get("approved").is_some_and(Value::is_boolean) {
        return Err("`data.approved` must be true or false".to_owned());
    }
    let instance = data.get("instance").and_then(Value::as_u64);
    let step = data.get("step").and_then(Value::as_str);
    let is_meant = |found: &&&StepView| match (instance, step) {
        (Some(instance), _) => found.instance == instance,
        (None, Some(step)) => found.name == step,
        (None, None) => true,
    };
    match (waiting.iter().filter(is_meant).count(), waiting.len()) {
        (_, 0) => return Err("no step of it waits for an approval now; ask again when one does".to_owned()),
        (0, _) => return Err(format!("that step does not wait for an approval; these do: {}", names.join(", "))),
        (1, _) => {}
        _ if instance.is_none() => {
            let remedy = "say which: by `data.step` or, by the number, `data.instance`; `neptune run signal` has `--step` for both";
            return Err(format!("several steps wait for an approval: {}; {remedy}", names.join(", ")));
        }
        _ => {}
    }
    let is_named = data.get("by").and_then(Value::as_str).is_some_and(|by| !by.trim().is_empty());
    if !is_named {
        data.insert("by".to_owned(), format!("key {key}").into());
    }
    data.insert("via".to_owned(), json!({"key": key}));
    Ok(event)
}

/// The page of an approval. `faults` are those of the form that was sent.
#[must_use]
pub fn page(view: &RunView, standing: &Standing, faults: &[Problem]) -> String {
    let body = match standing {
        Standing::Asked(asks) => {
            let faults: String =
                faults.iter().map(|fault| format!("<p class=\"fault\">{}</p>\n", escape(&fault.to_string()))).collect();
            format!("<pre>{}</pre>\n{faults}{FORM}", escape(asks))
        }
        Standing::Answered(answer) => format!("<p>This was {}.</p>\n", escape(answer)),
        Standing::Over(why) => format!("<p>Nobody waits for an answer any more: {}.</p>\n", escape(why)),
    };
    let about = format!("<p class=\"about\">Workflow {}, run {}</p>\n", escape(&view.workflow), view.id);
    frame("Approval", &format!("{body}{about}"))
}

/// A page that says one thing.
#[must_use]
pub fn notice(text: &str) -> String {
    frame("Approval", &format!("<p>{}</p>\n", escape(text)))
}

const FORM: &str = "<form method=\"post\">\n\
    <label>Your name <input name=\"by\" maxlength=\"100\" required autocomplete=\"name\"></label>\n\
    <label>Comment <textarea name=\"comment\" maxlength=\"2000\" rows=\"3\"></textarea></label>\n\
    <p><button name=\"decision\" value=\"approve\">Approve</button>\n\
    <button name=\"decision\" value=\"refuse\">Refuse</button></p>\n</form>\n";
const STYLE: &str = "body{font:16px/1.5 sans-serif;max-width:40rem;margin:2rem auto;padding:0 1rem}\
    pre{white-space:pre-wrap;font:inherit;border-left:4px solid #888;padding-left:1rem}\
    label{display:block;margin:1rem 0}input,textarea{display:block;width:100%;font:inherit}\
    button{font:inherit;padding:.5rem 2rem}.about{color:#666}.fault{color:#b00}";

fn frame(title: &str, body: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><meta name=\"robots\" content=\"noindex\">\
         <title>{title}</title><style>{STYLE}</style></head>\n<body><h1>{title}</h1>\n{body}</body></html>\n"
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use neptune_contracts::ids::{DeliveryId, RunId};

    fn view(steps: Value) -> RunView {
        serde_json::from_value(json!({
            "id": RunId::mint(), "team": "support", "workflow": "a/b:1.0.0", "state": "running", "cost_usd": "0",
            "submitted_at": "2026-11-26T10:00:00Z", "steps": steps
        }))
        .unwrap()
    }

    fn step(instance: u64, name: &str, more: Value) -> Value {
        let mut step = json!({"instance": instance, "level": 1, "name": name, "state": "running",
            "started_at": "2026-11-26T10:00:00Z", "cost_usd": "0"});
        step.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap());
        step
    }

    fn link(instance: u64) -> ApprovalLink {
        ApprovalLink {
            team: "support".parse().unwrap(),
            run: RunId::mint(),
            instance,
            delivery: DeliveryId::mint(),
            expires_at_seconds: 0,
            to: None,
        }
    }

    #[test]
    fn the_page_shows_what_is_asked_and_obeys_no_markup() {
        let view = view(json!([step(3, "may", json!({"asks": "Send <b>it</b>?"}))]));
        let standing = standing(&link(3), &view);
        let page = page(&view, &standing, &[Problem::new("by", "<missing>", "write it")]);
        assert!(page.contains("<pre>Send &lt;b&gt;it&lt;/b&gt;?</pre>"), "{page}");
        assert!(page.contains("&lt;missing&gt;") && page.contains("<form method=\"post\">"), "{page}");
        assert!(!notice("<script>").contains("<script>"));
    }

    #[test]
    fn an_approval_that_waits_no_more_has_no_form() {
        let answered =
            json!({"state": "done", "note": {"approval": {"approved": false, "by": "ann", "comment": "no"}}});
        let failed = json!({"state": "failed", "problem": "too late"});
        let view = view(json!([step(1, "a", answered), step(2, "b", failed)]));
        for (instance, wanted) in [(1, "This was refused by ann: no."), (2, "too late"), (9, "the run is running")] {
            let page = page(&view, &standing(&link(instance), &view), &[]);
            assert!(page.contains(wanted) && !page.contains("<form"), "{page}");
        }
    }

    #[test]
    fn a_decision_says_who_decides() {
        let decision =
            |decision: &str, by: &str| Decision { decision: decision.into(), by: by.into(), comment: " ".into() };
        let said = answer(&link(3), &decision("approve", " ann ")).unwrap();
        assert_eq!((&said["approved"], &said["by"], &said["comment"]), (&json!(true), &json!("ann"), &Value::Null));
        let faults = answer(&link(3), &decision("", "")).unwrap_err();
        assert_eq!(faults.iter().map(|fault| fault.field.as_str()).collect::<Vec<_>>(), ["decision", "by"]);
    }

    fn check(data: Value, steps: Value, wanted: Result<&str, &str>) {
        let event = json!({"type": APPROVAL_EVENT, "data": data});
        match (by_key(event, "k1", &view(steps)), wanted) {
            (Ok(event), Ok(by)) => {
                assert_eq!((&event["data"]["by"], &event["data"]["via"]["key"]), (&json!(by), &json!("k1")))
            }
            (Err(why), Err(wanted)) => assert!(why.contains(wanted), "{why}"),
            (found, _) => panic!("{found:?}"),
        }
    }

    #[test]
    fn a_key_answers_only_what_is_asked() {
        let one = || json!([step(3, "may", json!({"asks": "?"}))]);
        let two = || json!([step(3, "may", json!({"asks": "?"})), step(4, "may", json!({"asks": "?"}))]);
        check(json!({"approved": true}), one(), Ok("key k1"));
        check(json!({"approved": true, "by": "ann", "via": {"key": "x"}}), one(), Ok("ann"));
        check(json!({"approved": true, "instance": 4}), two(), Ok("key k1"));
        check(json!({"approved": true}), json!([]), Err("no step of it waits"));
        check(json!({"approved": true}), two(), Err("several steps"));
        check(json!({"approved": true}), two(), Err("`data.step`"));
        check(json!({"approved": true}), two(), Err("`neptune run signal` has `--step`"));
        check(json!({"approved": true, "step": "may"}), two(), Err("several steps"));
        check(json!({"approved": true, "step": "other"}), one(), Err("may (3)"));
        check(json!({"approved": "yes"}), one(), Err("true or false"));
        let other = json!({"type": "ticket.closed", "data": 7});
        assert_eq!(by_key(other.clone(), "k1", &view(json!([]))), Ok(other));
    }
}
