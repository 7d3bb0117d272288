//! Which models are out of the question, each with its reason.

use super::{
    circuit::{Circuit, State, TRIAL_EVERY_MS},
    credential::{Refusal, Refused},
    estimate::{Estimate, Work, estimate},
    headroom::Headroom,
    outlook::Outlook,
    prior::prior,
    quality::{Beliefs, Cells, Context, LEVELS, Labelled, Posterior, View},
    residual::Features,
    route::{Policy, is_bare_name},
    shadow::nursery,
    statistics::Statistics,
};
use neptune_contracts::{
    PicoUsd, Timestamp,
    admission::{Admission, Task},
    attempt::ErrorClass,
    names::TaskType,
    plan::Removed,
    resource::{ModelSpec, Resources},
};
use std::collections::{HashMap, HashSet};

/// What is known when a task is routed.
#[derive(Clone, Copy, Debug)]
pub struct Snapshot<'a> {
    /// The resources in force.
    pub resources: &'a Resources,
    /// What was measured.
    pub statistics: &'a Statistics,
    /// Circuits as this replica saw them itself.
    pub circuits: &'a HashMap<String, Circuit>,
    /// What this replica heard itself about rate limits.
    pub headroom: &'a HashMap<String, Headroom>,
    /// Feedback about answers.
    pub cells: &'a Cells,
    /// Some of the team's exploration is left.
    pub may_explore: bool,
    /// What else is known.
    pub outlook: Outlook<'a>,
    /// Few enough calls were hedged lately.
    pub may_hedge: bool,
    /// The time.
    pub now: Timestamp,
}

/// A task and its bounds.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// The task.
    pub task: &'a Task,
    /// Its bounds.
    pub admission: &'a Admission,
    /// What it asks of a model.
    pub work: Work,
    /// Where it stands, for feedback.
    pub context: Context,
    /// What its words are looked up as, where words count.
    pub features: Option<Features>,
    /// The second likeliest kind and its weight, 0 to 1, when the recognition is unsure.
    pub second: Option<(TaskType, f64)>,
}

/// A model that could do the task.
#[derive(Clone, Copy, Debug)]
pub struct Eligible<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its resource.
    pub model: &'a ModelSpec,
    /// What a call is expected to be like.
    pub estimate: Estimate,
    /// What is believed about its quality; its mean is the estimate's.
    pub quality: Posterior,
    /// How much feedback about it there is at each level of the context, coarse first.
    pub observations: [f64; LEVELS.len()],
    /// By how much the words of the task moved its expected quality.
    pub words: f64,
    /// The route names it only to fall back on.
    pub fallback_only: bool,
}

/// Models that could do the task, and those that are out of the question.
#[derive(Debug, Default)]
pub struct Sorted<'a> {
    /// Those that could.
    pub eligible: Vec<Eligible<'a>>,
    /// Those out of the question.
    pub removed: Vec<Removed>,
    /// Those of them that recover from failures: for when the others fail.
    pub reserve: Vec<Eligible<'a>>,
    /// What the task itself asks for that ruled a model out, with the model.
    pub limits: Vec<(&'a str, Limit)>,
    /// The soonest that a model comes back which only its circuit or rate limit took out, in milliseconds.
    pub back_in_ms: Option<u64>,
}

/// What a task asks for that rules a model out, in the order in which it is checked: the later, the
/// closer the model was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Limit {
    /// The route does not name it.
    Route,
    /// `constraints.models` does not name it.
    Models,
    /// It gives embeddings, and answers nothing.
    OnlyEmbeddings,
    /// It cannot give embeddings.
    Embeddings,
    /// It cannot call tools.
    Tools,
    /// It cannot follow a JSON Schema.
    JsonSchema,
    /// It cannot see images.
    Vision,
    /// It says its answer in one piece.
    Streaming,
    /// It gives less output than the caller allows.
    Output {
        /// The most it gives, in tokens.
        most: u64,
    },
    /// Input and output do not fit.
    Context {
        /// What fits, in tokens.
        most: u64,
        /// What is needed, in tokens.
        needed: u64,
    },
    /// It costs more than the cap.
    Cost {
        /// What it is expected to cost.
        expected: PicoUsd,
    },
}

/// Why a model is out of the question.
struct Reason {
    by: &'static str,
    text: String,
    limit: Option<Limit>,
}

impl Reason {
    fn new(by: &'static str, text: String) -> Self {
        Self { by, text, limit: None }
    }

    fn limit(by: &'static str, limit: Limit, text: String) -> Self {
        Self { by, text, limit: Some(limit) }
    }
}

/// Sorts the models by everything that is never given up: governance, route, constraints,
/// capability, the cost cap, open circuits and spent rate limits.
#[must_use]
pub fn sort<'a>(request: &Request<'a>, policy: &Policy<'a>, snapshot: &Snapshot<'a>) -> Sorted<'a> {
    let allowed: HashSet<&str> = request.admission.allowed_models.iter().map(String::as_str).collect();
    let labelled = Labelled::new();
    let beliefs = Beliefs { cells: snapshot.cells, labelled: &labelled, now_ms: snapshot.now.unix_micros() / 1_000 };
    let resources = snapshot.resources;
    let of_second = |(task_type, weight)| {
        (
            weight,
            Judge {
                view: beliefs.view(&Context::of(request.task, task_type, request.work.input_tokens)),
                task_type,
                resources,
            },
        )
    };
    let second = request.second.map(of_second);
    let judge = Judge { view: beliefs.view(&request.context), task_type: request.work.task_type, resources };
    let said = snapshot.outlook.words.zip(request.features.as_ref());
    let mut sorted = Sorted::default();
    let (mut recovering, mut learning) = (Vec::new(), Vec::new());
    let refused = Refused::of(snapshot);
    for (name, model) in &snapshot.resources.models {
        if !policy.pinned.is_empty() && !policy.pinned.contains(&name.as_str()) {
            continue;
        }
        let checked = check_rights(request, &allowed, name, model)
            .and_then(|()| check_wish(request, policy, name))
            .and_then(|fallback_only| Ok((fallback_only, check_ability(request, name, model, snapshot)?)));
        let (fallback_only, estimate) = match checked {
            Ok(checked) => checked,
            Err(reason) => {
                sorted.remove(name, reason);
                continue;
            }
        };
        let mut eligible = judged(Candidate { name, model, estimate, fallback_only }, &judge, second.as_ref());
        if let Some((words, features)) = said {
            eligible.hear(words.shift(name, features));
        }
        if !sorted.has_room(&mut eligible, request, snapshot) {
            continue;
        }
        if let Some(refusal) = refused.get(model).filter(|refusal| refusal.model != name) {
            sorted.refuse(name, &refusal);
            continue;
        }
        if let Some(text) = nursery(policy.shadow, name, snapshot.statistics) {
            learning.push((eligible, text));
            continue;
        }
        match state(name, snapshot) {
            State::Open { for_ms } => sorted.cut_off(name, for_ms, snapshot),
            State::Recovering => match tried_ago_ms(name, snapshot) {
                Some(ago_ms) => recovering.push((eligible, ago_ms)),
                None => sorted.eligible.push(tried_again(eligible, snapshot)),
            },
            State::Closed => sorted.eligible.push(eligible),
        }
    }
    sorted.settle_recovering(recovering);
    sorted.settle_nursery(learning);
    sorted
}

impl Eligible<'_> {
    /// Takes in by how many logits the words of the task move the expected quality.
    fn hear(&mut self, shift: f64) {
        let moved = self.quality.shifted(shift);
        self.words = moved.mean - self.quality.mean;
        (self.quality, self.estimate.quality) = (moved, moved.mean);
    }
}

/// A model that passed every check.
struct Candidate<'a> {
    name: &'a str,
    model: &'a ModelSpec,
    estimate: Estimate,
    fallback_only: bool,
}

/// Judges models for one kind of work.
struct Judge<'a> {
    view: View<'a>,
    task_type: TaskType,
    resources: &'a Resources,
}

impl Judge<'_> {
    fn known(&self, name: &str, model: &ModelSpec) -> (Posterior, [f64; LEVELS.len()]) {
        self.view.known(name, prior(model, self.task_type, self.resources))
    }
}

/// The model with what feedback says about it; of an unsure kind, by both that it may be.
fn judged<'a>(candidate: Candidate<'a>, judge: &Judge<'_>, second: Option<&(f64, Judge<'_>)>) -> Eligible<'a> {
    let Candidate { name, model, mut estimate, fallback_only } = candidate;
    let (mut quality, observations) = judge.known(name, model);
    if let Some((weight, other)) = second {
        quality = quality.mixed(other.known(name, model).0, *weight);
    }
    estimate.quality = quality.mean;
    Eligible { name, model, estimate, quality, observations, words: 0.0, fallback_only }
}

impl<'a> Sorted<'a> {
    fn remove(&mut self, name: &'a str, reason: Reason) {
        self.limits.extend(reason.limit.map(|limit| (name, limit)));
        self.removed.push(Removed { model: name.to_owned(), by: reason.by.to_owned(), reason: reason.text });
    }

    fn cut_off(&mut self, name: &'a str, for_ms: u64, snapshot: &Snapshot<'_>) {
        self.comes_back(for_ms);
        let circuit = circuit(name, snapshot);
        let text = match circuit.cause {
            Some(ErrorClass::RateLimit) => {
                format!("it is at a rate limit, its provider's or its own spec.limits, for {for_ms} ms more")
            }
            Some(class) => {
                let count = circuit.consecutive;
                let failures = if count == 1 { "failure" } else { "failures" };
                format!("its circuit is open for {for_ms} ms more after {count} {failures}, the last one {class}")
            }
            None => format!("its circuit is open for {for_ms} ms more"),
        };
        self.remove(name, Reason::new("circuit", text));
    }

    /// The model is called with a credential that was refused for another one.
    fn refuse(&mut self, name: &'a str, refusal: &Refusal<'_>) {
        let Refusal { model, cause, for_ms } = refusal;
        self.comes_back(*for_ms);
        let text = format!("its credential failed for {model} ({cause}) and is left alone for {for_ms} ms more");
        self.remove(name, Reason::new("circuit", text));
    }

    /// Takes in how near the model is to its rate limits; false when it has no room for the task. Of
    /// a model whose circuit is open too, the circuit is told.
    fn has_room(&mut self, eligible: &mut Eligible<'a>, request: &Request<'_>, snapshot: &Snapshot<'_>) -> bool {
        let Some(headroom) = headroom(eligible.name, snapshot) else { return true };
        match headroom.load(&request.work, &eligible.estimate, snapshot.now) {
            Ok(load) => eligible.estimate.load = load,
            Err(_) if matches!(state(eligible.name, snapshot), State::Open { .. }) => {}
            Err(shortage) => {
                self.comes_back(shortage.for_ms);
                self.remove(eligible.name, Reason::new("rate", shortage.reason));
                return false;
            }
        }
        true
    }

    fn comes_back(&mut self, in_ms: u64) {
        self.back_in_ms = Some(self.back_in_ms.map_or(in_ms, |known| known.min(in_ms)));
    }

    /// Models that are being tried again are better than none.
    fn settle_recovering(&mut self, recovering: Vec<(Eligible<'a>, i64)>) {
        let is_needed = self.eligible.is_empty();
        for (eligible, ago_ms) in recovering {
            if is_needed {
                self.eligible.push(eligible);
            } else {
                let text = format!(
                    "it recovers from failures, and a task that tries it began {ago_ms} ms ago; others may fall back on it"
                );
                self.remove(eligible.name, Reason::new("circuit", text));
                self.reserve.push(eligible);
            }
        }
    }
}

impl<'a> Sorted<'a> {
    /// Models that are only compared yet are better than none.
    fn settle_nursery(&mut self, learning: Vec<(Eligible<'a>, String)>) {
        let is_needed = self.eligible.is_empty();
        for (eligible, text) in learning {
            if is_needed {
                self.eligible.push(eligible);
            } else {
                self.remove(eligible.name, Reason::new("nursery", text));
            }
        }
    }
}

/// How long ago this replica gave the model a task to try it, where that may still be under way.
fn tried_ago_ms(name: &str, snapshot: &Snapshot<'_>) -> Option<i64> {
    let tried_at_ms = snapshot.outlook.trials?.get(name)?;
    let ago_ms = snapshot.now.unix_micros() / 1_000 - tried_at_ms;
    (ago_ms < TRIAL_EVERY_MS).then_some(ago_ms)
}

/// A recovering model is weighed as if its outage were over, or it would not be tried.
fn tried_again<'a>(mut eligible: Eligible<'a>, snapshot: &Snapshot<'_>) -> Eligible<'a> {
    if let Some(measured) = snapshot.statistics.models.get(eligible.name) {
        eligible.estimate.success = measured.success_after_outage(snapshot.now.unix_micros() / 1_000);
    }
    eligible
}

fn check_rights(request: &Request<'_>, allowed: &HashSet<&str>, name: &str, model: &ModelSpec) -> Result<(), Reason> {
    let refused = |text: String| Err(Reason::new("governance", text));
    if !allowed.contains(name) {
        let told = request.admission.excluded_models.iter().find(|excluded| excluded.model == name);
        return refused(told.map_or_else(
            || "governance does not allow it for this task".to_owned(),
            |excluded| excluded.reason.clone(),
        ));
    }
    if !request.admission.allowed_zones.contains(&model.zone) {
        return refused(format!("governance does not allow zone {} for this task", model.zone));
    }
    if model.disabled {
        return refused("it is disabled".to_owned());
    }
    Ok(())
}

/// Whether the route and the caller want the model; true when only to fall back on.
fn check_wish(request: &Request<'_>, policy: &Policy<'_>, name: &str) -> Result<bool, Reason> {
    let is_candidate = policy.candidates.is_empty() || policy.candidates.iter().any(|pattern| names(pattern, name));
    let is_fallback = policy.fallback.iter().any(|fallback| fallback == name);
    if !is_candidate && !is_fallback {
        return Err(Reason::limit("route", Limit::Route, format!("route {} does not name it", policy.name)));
    }
    let wanted = &request.task.constraints.models;
    if !wanted.is_empty() && !wanted.iter().any(|wanted| wanted == name || is_bare_name(wanted, name)) {
        return Err(Reason::limit("constraint", Limit::Models, "constraints.models does not name it".to_owned()));
    }
    Ok(!is_candidate)
}

/// A name, or a prefix that ends in `*`.
fn names(pattern: &str, name: &str) -> bool {
    pattern.strip_suffix('*').map_or(pattern == name, |prefix| name.starts_with(prefix))
}

fn check_ability(
    request: &Request<'_>,
    name: &str,
    model: &ModelSpec,
    snapshot: &Snapshot<'_>,
) -> Result<Estimate, Reason> {
    let (input, can) = (&request.task.input, &model.capabilities);
    let unable = |limit: Limit, text: String| Err(Reason::limit("capability", limit, text));
    match (input.embedding.is_some(), can.embeddings) {
        (true, false) => return unable(Limit::Embeddings, "it cannot give embeddings".to_owned()),
        (false, true) => return unable(Limit::OnlyEmbeddings, "it gives embeddings, and answers nothing".to_owned()),
        _ => {}
    }
    if input.has_tools() && !can.tools {
        return unable(Limit::Tools, "it cannot call tools".to_owned());
    }
    if input.wants_json_schema() && !can.json_schema {
        return unable(Limit::JsonSchema, "it cannot follow a JSON Schema".to_owned());
    }
    if input.has_images() && !can.vision {
        return unable(Limit::Vision, "it cannot see images".to_owned());
    }
    if input.stream == Some(true) && !can.streaming {
        return unable(Limit::Streaming, "it cannot say its answer piece by piece".to_owned());
    }
    let work = &request.work;
    if let Some(limit) = work.output_limit.filter(|limit| *limit > can.max_output_tokens) {
        let most = can.max_output_tokens;
        let text = format!("it gives at most {most} output tokens, the caller allows {limit}");
        return unable(Limit::Output { most }, text);
    }
    let now_ms = snapshot.now.unix_micros() / 1_000;
    let measured = snapshot.statistics.age_ms(now_ms).and_then(|_| snapshot.statistics.models.get(name));
    let estimate = estimate(work, model, measured, now_ms);
    // A provider counts the caller's limit against the window, however short the answer is.
    let output = work.output_limit.unwrap_or(estimate.cautious_output_tokens);
    // Each text becomes a vector by itself.
    let longest = input.embedding.map_or(work.input_tokens, |_| input.longest_message_tokens());
    let needed = longest.saturating_add(output);
    if needed > can.context_tokens {
        let most = can.context_tokens;
        let text = format!("its context has {most} tokens, {needed} are needed ({output} of them output)");
        return unable(Limit::Context { most, needed }, text);
    }
    if let Some(cap) = request.admission.max_cost_usd.filter(|cap| estimate.cost > *cap) {
        let text = format!("it is expected to cost {} US dollars, the cap is {cap}", estimate.cost);
        return Err(Reason::limit("cost", Limit::Cost { expected: estimate.cost }, text));
    }
    Ok(estimate)
}

/// A model's circuit, by all that is known.
pub(super) fn circuit(name: &str, snapshot: &Snapshot<'_>) -> Circuit {
    let shared = snapshot.statistics.models.get(name).map(|measured| measured.circuit).unwrap_or_default();
    snapshot.circuits.get(name).map_or(shared, |own| own.together(shared))
}

fn headroom(name: &str, snapshot: &Snapshot<'_>) -> Option<Headroom> {
    let shared = snapshot.statistics.models.get(name).and_then(|measured| measured.headroom);
    Headroom::newest(snapshot.headroom.get(name).copied(), shared)
}

/// How the circuit of a model stands, by what this replica and all of them saw.
#[must_use]
pub fn state(name: &str, snapshot: &Snapshot<'_>) -> State {
    circuit(name, snapshot).state(snapshot.now.unix_micros() / 1_000)
}
