use super::*;

const TICKET: &str =
    "My invoice from March is wrong. I was charged twice, and the billing page shows an error. Please help!";

fn text_of(body: Value) -> String {
    let body = body.to_string();
    let request: Request<'_> = serde_json::from_str(&body).unwrap();
    match answer(&request, request.digest(), None, request.token_limit(), 0).content {
        Content::Text(text) => text,
        Content::Call { .. } => panic!("a call"),
    }
}

fn ask(system: &str, user: &str) -> String {
    let messages = json!([{"role": "system", "content": system}, {"role": "user", "content": user}]);
    text_of(json!({"model": "m", "messages": messages}))
}

#[test]
fn answers_fit_what_is_asked() {
    let check = |system: &str, user: &str, start: &str| {
        let text = ask(system, user);
        assert!(text.starts_with(start) && text.contains("[ref "), "{text}");
    };
    check("Classify the ticket as one of: technical, billing, account.", TICKET, "billing [ref ");
    check("What is the sentiment? Options: good or bad.", "All is bad here", "bad [ref ");
    check("Summarise.", TICKET, "Summary: My invoice from March is wrong. I was charged twice, and the");
    check(
        "Extract the facts",
        "Ask Ada at ada@example.org, order 17.",
        "Addresses: ada@example.org\nNumbers: 17\nNames: Ask, Ada",
    );
    check("Draft a reply", TICKET, "Hello,\n\nthank you for writing to us about ");
    check("", "Why is the sky blue?", "This is about your request. In short: Why is the sky blue?");
}

#[test]
fn one_label_and_nothing_else_is_just_that() {
    let system = "Answer with exactly one of these labels and nothing else: Bug, Billing, Spam";
    assert_eq!(ask(system, TICKET), "Billing");
    // Also where a ticket does not use the word.
    assert_eq!(ask(system, "Our scanners lose the session, and the login fails."), "Bug");
    assert_eq!(ask(system, "Our card was debited twice."), "Billing");
    let system = "Classify the support ticket. Answer with exactly one of: billing, bug, how-to.";
    assert_eq!(ask(system, TICKET), "billing");
}

#[test]
fn a_schema_among_the_instructions_is_followed() {
    let system = "Extract.\n\nAnswer with JSON alone, as this JSON Schema says: {\"type\": \"object\", \"required\": \
                  [\"kind\"], \"properties\": {\"kind\": {\"enum\": [\"invoice\", \"order\"]}}} Be brief.";
    assert_eq!(ask(system, TICKET), r#"{"kind":"invoice"}"#);
    assert!(ask("Say what a JSON Schema is.", TICKET).contains("[ref "));
}

#[test]
fn a_question_may_hold_its_own_instruction() {
    let body =
        json!({"model": "m", "messages": [{"role": "user", "content": format!("Summarise this ticket:\n{TICKET}")}]});
    assert!(text_of(body).starts_with("Summary: My invoice from March is wrong."));
}

#[test]
fn equal_requests_have_equal_answers_and_others_do_not() {
    assert_eq!(ask("Summarise.", TICKET), ask("Summarise.", TICKET));
    assert_ne!(ask("Summarise.", TICKET), ask("Summarise!", TICKET));
}

#[test]
fn a_limit_cuts_the_answer() {
    let body = json!({"model": "m", "max_tokens": 3, "messages": [{"role": "user", "content": TICKET}]}).to_string();
    let request: Request<'_> = serde_json::from_str(&body).unwrap();
    let cut = answer(&request, 1, None, request.token_limit(), 0);
    assert_eq!((cut.content, cut.finish_reason, cut.tokens), (Content::Text("This is abou".into()), "length", 3));
}

#[test]
fn a_fixed_answer_wins() {
    let body = json!({"model": "m", "messages": []}).to_string();
    let request: Request<'_> = serde_json::from_str(&body).unwrap();
    assert_eq!(answer(&request, 1, Some("yes"), None, 0).content, Content::Text("yes".into()));
}

#[test]
fn a_forced_tool_is_called_with_fitting_arguments() {
    let parameters =
        json!({"type": "object", "required": ["city"], "properties": {"city": {"enum": ["Rome", "Bern"]}}});
    let tool = json!({"type": "function", "function": {"name": "weather", "parameters": parameters}});
    let body = json!({"model": "m", "tools": [tool], "tool_choice": "required",
        "messages": [{"role": "user", "content": "Weather in Bern?"}]})
    .to_string();
    let request: Request<'_> = serde_json::from_str(&body).unwrap();
    let called = answer(&request, 1, None, None, 0);
    let expected = Content::Call { name: "weather".into(), arguments: r#"{"city":"Bern"}"#.into() };
    assert_eq!((called.content, called.finish_reason), (expected, "tool_calls"));
}

#[test]
fn json_is_answered_when_json_is_asked_for() {
    let body = json!({"model": "m", "response_format": {"type": "json_object"},
        "messages": [{"role": "user", "content": TICKET}]});
    let answer: Value = serde_json::from_str(&text_of(body)).unwrap();
    assert!(answer["answer"].as_str().unwrap().contains("invoice"));
}
