//! What a `try` does about errors.

use super::{Compiler, tasks::Names, text_of, values::whole};
use crate::{
    definition::{Action, Backoff, Catch, Duration, Retry},
    grammar::below,
    source::{Content, Node},
};

/// What a caught error is called when its `catch` does not say.
const ERROR: &str = "error";
/// How many times longer each wait is when a policy does not say.
const MULTIPLIER: f64 = 2.0;

impl Compiler<'_> {
    /// What is done about errors; its tasks follow it.
    pub(super) fn catch(&mut self, catch: &Node, pointer: &str, names: Names<'_>, level: usize) {
        let at = self.open("catch", catch, pointer, level);
        let variable = text_of(catch, "as").unwrap_or(ERROR).to_owned();
        let scope = self.variables.len();
        self.bind(&variable);
        let filter = catch.field("errors").and_then(|errors| errors.field("with"));
        let errors = filter.map(|filter| self.template(filter, &format!("{pointer}/errors/with")));
        let when = self.expression_field(catch, "when", pointer);
        let except_when = self.expression_field(catch, "exceptWhen", pointer);
        let retry = catch.field("retry").and_then(|retry| self.retry(retry, &below(pointer, "retry")));
        let then = catch.field("then").map(|_| self.then(catch, pointer, names));
        let tasks = catch.field("do");
        if let Some(tasks) = tasks {
            self.list(tasks, &below(pointer, "do"), level + 1);
        }
        self.variables.truncate(scope);
        let has_tasks = tasks.is_some_and(|tasks| matches!(&tasks.content, Content::List(items) if !items.is_empty()));
        let catch = Catch { errors, variable, when, except_when, retry, has_tasks, then };
        self.complete(at, Action::Catch(Box::new(catch)));
    }

    fn retry(&mut self, retry: &Node, pointer: &str) -> Option<Retry> {
        let (policy, pointer) = match &retry.content {
            Content::Text(name) => {
                self.must_exist("retries", name, retry, pointer);
                (self.references.find("retries", name)?, below("/use/retries", name))
            }
            _ => (retry, pointer.to_owned()),
        };
        let limit = policy.field("limit");
        let attempt = limit.and_then(|limit| limit.field("attempt"));
        let limits = below(&pointer, "limit");
        Some(Retry {
            attempts: attempt.and_then(|attempt| attempt.field("count")).and_then(whole),
            attempt_limit: attempt
                .and_then(|attempt| self.duration_field(attempt, "duration", &below(&limits, "attempt"))),
            limit: limit.and_then(|limit| self.duration_field(limit, "duration", &limits)),
            delay: self.duration_field(policy, "delay", &pointer),
            backoff: self.backoff(policy, &pointer),
            jitter: self.jitter(policy, &pointer),
            when: self.expression_field(policy, "when", &pointer),
            except_when: self.expression_field(policy, "exceptWhen", &pointer),
        })
    }

    fn jitter(&mut self, policy: &Node, pointer: &str) -> Option<(Duration, Duration)> {
        let (jitter, pointer) = (policy.field("jitter")?, below(pointer, "jitter"));
        let (from, to) = (self.duration_field(jitter, "from", &pointer), self.duration_field(jitter, "to", &pointer));
        if let (Some(Duration::FixedMs(from)), Some(Duration::FixedMs(to))) = (&from, &to)
            && from > to
        {
            self.fault(jitter, &pointer, "`from` must not be longer than `to`", Some("swap the two".to_owned()));
        }
        from.zip(to)
    }

    fn backoff(&mut self, policy: &Node, pointer: &str) -> Backoff {
        let Some(backoff) = policy.field("backoff") else { return Backoff::Constant };
        let pointer = below(pointer, "backoff");
        if let Some(exponential) = backoff.field("exponential") {
            let place = below(&pointer, "exponential");
            let most = self.further_duration(exponential, "maxDelay", &place);
            return Backoff::Exponential { multiplier: self.multiplier(exponential, &place), most };
        }
        if let Some(linear) = backoff.field("linear") {
            let place = below(&pointer, "linear");
            let increment = self.further_duration(linear, "increment", &place);
            return Backoff::Linear { increment, most: self.further_duration(linear, "maxDelay", &place) };
        }
        Backoff::Constant
    }

    fn multiplier(&mut self, exponential: &Node, pointer: &str) -> f64 {
        let Some(node) = exponential.field("multiplier") else { return MULTIPLIER };
        let number = match &node.content {
            Content::Number(number) => number.as_f64().filter(|number| (1.0..=100.0).contains(number)),
            _ => None,
        };
        if number.is_none() {
            self.fault(node, &below(pointer, "multiplier"), "must be a number from 1 to 100", None);
        }
        number.unwrap_or(MULTIPLIER)
    }
}
