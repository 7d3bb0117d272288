//! Each wire format through the bus and the executor to the simulator, which reads and charges by itself.

use crate::world::{World, planned};
use neptune_contracts::{
    PicoUsd,
    attempt::{Attempt, ErrorClass},
    chat::ChatRequest,
    embedding::{EmbeddingSpec, Encoding},
    finished::{Outcome, TaskFinished},
    names::Zone,
    plan::{PlannedAttempt, Strategy},
};
use neptune_runtime::{Shutdown, config::Secret};
use neptune_simulator::config::{Config, Declared};
use serde_json::{Value, json};
use std::net::SocketAddr;

const PROVIDERS: [&str; 6] = ["openai", "openai_responses", "azure", "anthropic", "gemini", "bedrock"];
const PRICE: &str =
    r#"{inputUsdPerMtok: "2", cachedInputUsdPerMtok: "0.5", cacheWriteUsdPerMtok: "2.5", outputUsdPerMtok: "8"}"#;

struct Simulator {
    url: String,
    http: reqwest::Client,
    shutdown: Shutdown,
}

impl Simulator {
    async fn start() -> Self {
        neptune_runtime::service::install_crypto_provider();
        let declared = |name: &str| {
            format!("  {name}: {{tokens: {{cachedShare: 0.3, cacheWriteShare: 0.2, reasoning: 5}}, price: {PRICE}}}\n")
        };
        let models: String = PROVIDERS.iter().map(|name| declared(name)).collect();
        let config = Config {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            address_file: None,
            declared: Declared::parse(&format!("models:\n{models}")).unwrap(),
            api_key: Some(Secret::new("sk-test")),
            calls_kept: 10,
            outcomes: neptune_simulator::domain::outcomes::Outcomes::default(),
        };
        let bound = neptune_simulator::bind(config).await.unwrap();
        let (url, shutdown) = (format!("http://{}", bound.address()), Shutdown::new());
        tokio::spawn(bound.serve(shutdown.clone()));
        Self { url, http: reqwest::Client::builder().no_proxy().build().unwrap(), shutdown }
    }

    fn endpoint(&self, provider: &str) -> String {
        let below = match provider {
            "openai" | "openai_responses" | "anthropic" => "/v1",
            "gemini" => "/v1beta",
            _ => "",
        };
        format!("{}{below}", self.url)
    }

    async fn behave(&self, model: &str, behaviour: Value) {
        let sent = self.http.put(format!("{}/admin/models/{model}", self.url)).json(&behaviour).send().await.unwrap();
        assert_eq!(sent.status(), 200);
    }

    async fn charged(&self, model: &str) -> PicoUsd {
        let account: Value =
            self.http.get(format!("{}/admin/account", self.url)).send().await.unwrap().json().await.unwrap();
        PicoUsd(account["models"][model]["cost_pico_usd"].as_str().unwrap().parse().unwrap())
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

/// A world in which `acme/a` is asked first and `acme/b` after it.
async fn world(simulator: &Simulator, first: &str, second: &str) -> World {
    let plan: Vec<PlannedAttempt> = ["acme/a", "acme/b"].map(|name| planned(name, Zone::External)).into();
    let world = World::start(plan, |_| {}).await;
    for (name, provider) in [("acme/a", first), ("acme/b", second)] {
        let spec = json!({
            "provider": provider, "endpoint": simulator.endpoint(provider), "upstreamModel": provider, "timeoutMs": 2_000,
            "credentialEnv": if provider == "bedrock" { "TEST_SECRET_ACCESS_KEY" } else { "MODEL_KEY" },
            "headers": {"x-team": "acme"}, "allowPrivate": true,
            "price": {"inputUsdPerMtok": "2", "cachedInputUsdPerMtok": "0.5", "cacheWriteUsdPerMtok": "2.5", "outputUsdPerMtok": "8"}
        });
        world.declare_spec(name, spec).await;
    }
    world.execute(&[Zone::External]);
    world
}

async fn ask(world: &World, fields: Value) -> TaskFinished {
    let mut input = json!({"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "What is a pump, and what does it do?"}]});
    input.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    let task = world.submit(|task| task.input = serde_json::from_value(input).unwrap()).await;
    world.finished(task).await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_format_answers_calls_tools_and_costs_what_the_provider_charges() {
    let simulator = Simulator::start().await;
    let schema = json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]});
    let tools = json!([{"type": "function", "function": {"name": "weather", "parameters": schema}}]);
    for provider in PROVIDERS {
        let world = world(&simulator, provider, provider).await;
        let said = ask(&world, json!({"seed": 3})).await;
        assert_eq!((said.outcome, said.attempts.len()), (Outcome::Completed, 1), "{provider} {said:?}");
        assert!(said.text().is_some_and(|text| text.contains("pump")), "{provider} {said:?}");
        assert_eq!(said.output.as_ref().unwrap()["model"], "acme/a");
        let attempt = &said.attempts[0];
        let counts_no_writes = matches!(provider, "gemini" | "openai_responses");
        assert_eq!((attempt.provider.as_str(), attempt.estimated), (provider, false));
        assert!(attempt.usage.cache_read > 0 && (attempt.usage.cache_write > 0 || counts_no_writes), "{provider}");
        let warned = said.warnings.iter().any(|warning| warning.field == "input.seed");
        assert_eq!(
            warned,
            matches!(provider, "anthropic" | "bedrock" | "openai_responses"),
            "{provider} {:?}",
            said.warnings
        );
        let called = ask(&world, json!({"tools": tools, "tool_choice": "required"})).await;
        let choice = &called.output.as_ref().unwrap()["choices"][0];
        assert_eq!(choice["finish_reason"], "tool_calls", "{provider} {choice}");
        let call = &choice["message"]["tool_calls"][0];
        assert_eq!(call["function"]["name"], "weather", "{provider}");
        let arguments: Value = serde_json::from_str(call["function"]["arguments"].as_str().unwrap()).unwrap();
        assert!(arguments["city"].is_string(), "{provider} {arguments}");
        // The conversation goes on with the call and its result.
        let messages = json!([{"role": "user", "content": "Weather of the pump?"}, choice["message"], {"role": "tool", "tool_call_id": call["id"], "content": "rain"}]);
        let after = ask(&world, json!({"messages": messages, "tools": tools})).await;
        assert_eq!(after.outcome, Outcome::Completed, "{provider} {after:?}");
        let form = json!({"type": "json_schema", "json_schema": {"name": "w", "schema": schema}});
        let formed = ask(&world, json!({"response_format": form})).await;
        let json: Value = serde_json::from_str(formed.text().unwrap()).unwrap();
        assert!(json["city"].is_string(), "{provider} {json}");
        let cut = ask(&world, json!({"max_tokens": 7})).await;
        assert_eq!(cut.output.as_ref().unwrap()["choices"][0]["finish_reason"], "length", "{provider}");
        let paid: PicoUsd = [said, called, after, formed, cut].iter().map(|fact| fact.cost_usd).sum();
        assert_eq!(paid, simulator.charged(provider).await, "{provider}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_format_streams_what_it_answers_as_a_whole_at_the_same_cost() {
    let simulator = Simulator::start().await;
    let tools = json!([{"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}}]);
    for provider in PROVIDERS {
        let world = world(&simulator, provider, provider).await;
        for fields in [json!({}), json!({"tools": tools, "tool_choice": "required"}), json!({"max_tokens": 7})] {
            let whole = ask(&world, fields.clone()).await;
            let mut asked = fields.clone();
            asked["stream"] = true.into();
            let streamed = ask(&world, asked).await;
            // Where Gemini names no call, its id holds that of the answer.
            let choices = |fact: &TaskFinished| {
                let mut choices = fact.output.as_ref().unwrap()["choices"].clone();
                for call in choices.pointer_mut("/0/message/tool_calls/0").into_iter().filter_map(Value::as_object_mut)
                {
                    call.remove("id").unwrap();
                }
                choices
            };
            assert_eq!(choices(&streamed), choices(&whole), "{provider} {fields}");
            let (a, b) = (&whole.attempts[0], &streamed.attempts[0]);
            assert_eq!((a.usage, whole.cost_usd), (b.usage, streamed.cost_usd), "{provider} {fields}");
            assert!(b.chunks > 1 && !b.estimated, "{provider} {fields}: {b:?}");
            assert_eq!(a.chunks, 0);
        }
        // What breaks in the middle is told, and paid as far as it came.
        for (fault, class) in [("cut", ErrorClass::Network), ("malformed", ErrorClass::Malformed)] {
            let faults = json!({"breaksAfter": 6});
            simulator.behave(provider, json!({"failNext": 1, "failWith": fault, "faults": faults})).await;
            let fact = ask(&world, json!({"stream": true})).await;
            assert_eq!((fact.outcome, fact.attempts.len()), (Outcome::Failed, 1), "{provider} {fault}");
            let attempt = &fact.attempts[0];
            assert_eq!(attempt.error.as_ref().unwrap().class, class, "{provider} {fault}");
            assert!(attempt.estimated && attempt.usage.output > 0, "{provider} {fault}: {attempt:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_failure_goes_over_to_another_provider() {
    let simulator = Simulator::start().await;
    for (index, provider) in PROVIDERS.iter().enumerate() {
        let second = PROVIDERS[(index + 1) % PROVIDERS.len()];
        let mut world = self::world(&simulator, provider, second).await;
        for (fault, class) in [
            ("contextLength", ErrorClass::ContextLength),
            ("filter", ErrorClass::Refusal),
            ("unknownModel", ErrorClass::Unsupported),
            ("serverError", ErrorClass::Overload),
            ("slow", ErrorClass::Timeout),
            ("malformed", ErrorClass::Malformed),
            ("cut", ErrorClass::Network),
            ("rateLimit", ErrorClass::RateLimit),
            ("quota", ErrorClass::Quota),
            ("auth", ErrorClass::Auth),
        ] {
            let faults = json!({"slowMs": 60_000, "retryAfterMs": 3_000});
            simulator.behave(provider, json!({"failNext": 1, "failWith": fault, "faults": faults})).await;
            let fact = ask(&world, json!({})).await;
            let error = fact.attempts[0].error.as_ref().unwrap();
            assert_eq!(error.class, class, "{provider} {fault} {error:?}");
            assert_eq!((fact.outcome, fact.attempts.len()), (Outcome::Completed, 2), "{provider} {fault}");
            assert_eq!(fact.attempts[1].provider, second);
            let wait_ms = (fault == "rateLimit").then_some(3_000);
            assert_eq!(error.retry_after_ms, wait_ms, "{provider} {fault}");
            if matches!(class, ErrorClass::RateLimit | ErrorClass::Quota | ErrorClass::Auth) {
                // This executor has seen enough of the model, or its credential, for a while.
                world = self::world(&simulator, provider, second).await;
            }
        }
        simulator.behave(provider, json!({"failNext": 1, "failWith": "invalid"})).await;
        let fact = ask(&world, json!({})).await;
        assert_eq!(fact.attempts[0].error.as_ref().unwrap().class, ErrorClass::BadRequest, "{provider}");
        assert_eq!((fact.outcome, fact.attempts.len()), (Outcome::Failed, 1), "a wrong request is wrong everywhere");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_provider_cannot_do_is_done_by_the_next() {
    let simulator = Simulator::start().await;
    let world = world(&simulator, "bedrock", "openai").await;
    let fact = ask(&world, json!({"logit_bias": {"50256": -100}})).await;
    let first = fact.attempts[0].error.as_ref().unwrap();
    assert_eq!((first.class, first.http_status), (ErrorClass::Unsupported, None));
    assert_eq!((fact.attempts[0].cost_usd, fact.attempts[1].provider.as_str()), (PicoUsd::ZERO, "openai"));
    assert_eq!((fact.outcome, fact.warnings.len()), (Outcome::Completed, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn vectors_are_the_same_from_each_format_and_priced_by_their_input() {
    let simulator = Simulator::start().await;
    let texts = ["the pump leaks", "a valve is loose"];
    let mut seen = Vec::new();
    for provider in ["openai", "openai_responses", "azure", "gemini"] {
        let world = world(&simulator, provider, provider).await;
        let before = simulator.charged(provider).await;
        for (count, encoding_format) in [(1, Encoding::Float), (2, Encoding::Float), (2, Encoding::Base64)] {
            let spec = EmbeddingSpec { dimensions: Some(8), encoding_format };
            let texts = texts.iter().take(count).map(|text| (*text).to_owned()).collect();
            let task = world.submit(|task| task.input = ChatRequest::embedding(None, texts, spec)).await;
            let fact = world.finished(task).await;
            assert_eq!((fact.outcome, fact.attempts.len()), (Outcome::Completed, 1), "{provider} {fact:?}");
            let (output, attempt) = (fact.output.as_ref().unwrap(), &fact.attempts[0]);
            assert!(fact.holds_vectors() && output["model"] == "acme/a", "{provider} {output}");
            assert_eq!(output["data"].as_array().unwrap().len(), count, "{provider}");
            assert_eq!((attempt.usage.output, attempt.estimated), (0, provider == "gemini"), "{provider}");
            assert!(fact.cost_usd > PicoUsd::ZERO, "{provider}");
            if encoding_format == Encoding::Base64 {
                seen.push(output["data"].clone());
            }
        }
        if provider != "gemini" {
            assert!(simulator.charged(provider).await > before, "{provider}");
        }
    }
    assert!(seen.windows(2).all(|pair| pair[0] == pair[1]), "{seen:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_without_embeddings_leaves_them_to_the_next() {
    let simulator = Simulator::start().await;
    let world = world(&simulator, "anthropic", "openai").await;
    let input = ChatRequest::embedding(None, vec!["the pump leaks".into()], EmbeddingSpec::default());
    let task = world.submit(|task| task.input = input).await;
    let fact = world.finished(task).await;
    assert_eq!(fact.attempts[0].error.as_ref().unwrap().class, ErrorClass::Unsupported);
    assert_eq!((fact.outcome, fact.attempts.len()), (Outcome::Completed, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_without_a_successor_is_called_once_more() {
    let simulator = Simulator::start().await;
    let plan = (Strategy::Single, vec![planned("acme/a", Zone::External)], None);
    let world = World::start_with(plan, |_| {}).await;
    let price = json!({"inputUsdPerMtok": "2", "cachedInputUsdPerMtok": "0.5", "cacheWriteUsdPerMtok": "2.5", "outputUsdPerMtok": "8"});
    let spec = json!({"provider": "openai", "endpoint": simulator.endpoint("openai"), "upstreamModel": "openai", "price": price,
        "credentialEnv": "MODEL_KEY", "allowPrivate": true});
    world.declare_spec("acme/a", spec).await;
    world.execute(&[Zone::External]);
    for (fault, class) in [("serverError", ErrorClass::Overload), ("cut", ErrorClass::Network)] {
        simulator.behave("openai", json!({"failNext": 1, "failWith": fault})).await;
        let fact = ask(&world, json!({})).await;
        assert_eq!((fact.outcome, fact.attempts.len()), (Outcome::Completed, 2), "{fault} {fact:?}");
        assert_eq!(fact.attempts[0].error.as_ref().unwrap().class, class);
        assert_eq!((fact.attempts[0].purpose.as_deref(), fact.attempts[1].purpose.as_deref()), (None, Some("retry")));
        assert_ne!(fact.attempts[0].id, fact.attempts[1].id, "an attempt of its own");
        let pause_us = fact.attempts[1].started_at.micros_since(fact.attempts[0].started_at);
        assert!(pause_us >= 100_000, "after a pause: {pause_us}");
    }
    // Before the first piece of a stream too, whose pieces then come from the second call.
    simulator.behave("openai", json!({"failNext": 1, "failWith": "serverError"})).await;
    let fact = ask(&world, json!({"stream": true})).await;
    assert_eq!((fact.outcome, fact.attempts.len(), fact.attempts[0].chunks), (Outcome::Completed, 2, 0), "{fact:?}");
    assert!(fact.attempts[1].chunks > 1, "{fact:?}");
    simulator.behave("openai", json!({"failNext": 20, "failWith": "serverError"})).await;
    let fact = ask(&world, json!({})).await;
    let again = |pair: &[Attempt]| (pair[0].purpose.as_deref(), pair[1].purpose.as_deref()) == (None, Some("retry"));
    assert!(fact.outcome == Outcome::Failed && fact.attempts.chunks(2).all(again), "once more in each plan: {fact:?}");
    assert_eq!((fact.attempts.len(), fact.parked.map(|parked| parked.times)), (6, Some(2)), "and six calls in all");
    simulator.behave("openai", json!({"failNext": 1, "failWith": "invalid"})).await;
    let fact = ask(&world, json!({})).await;
    assert_eq!((fact.outcome, fact.attempts.len()), (Outcome::Failed, 1), "what is wrong stays wrong");
}
