//! Tasks.

use super::{Compiler, entries, text_of, values::whole};
use crate::{
    definition::{Action, Case, Retry, Step, Then},
    fault::{Fault, nearest},
    grammar::below,
    source::{Content, Node},
};

/// What a caught error is called when its `catch` does not say.
const ERROR: &str = "error";
/// Tasks without inner tasks of the same list.
const LEAVES: [&str; 7] = ["call", "set", "emit", "raise", "run", "listen", "wait"];

/// Names of a list of tasks, with the indices of their steps.
type Names<'a> = &'a [(&'a str, usize)];

impl Compiler<'_> {
    /// A list of tasks.
    pub(super) fn list(&mut self, list: &Node, pointer: &str, level: usize) {
        let Content::List(items) = &list.content else { return };
        let tasks: Vec<_> = items.iter().flat_map(entries).collect();
        // Where each task will stand: inner tasks follow theirs.
        let mut next = self.steps.len();
        let mut names: Vec<(&str, usize)> = Vec::new();
        for (key, task) in &tasks {
            if names.iter().any(|(name, _)| *name == key.name) {
                let message = format!("`{}` is the name of two tasks of this list", key.name);
                self.faults.push(Fault::new(key.place, pointer, message));
            }
            names.push((&key.name, next));
            next += size(task);
        }
        for (index, (key, task)) in tasks.iter().enumerate() {
            self.task((&key.name, task), &below(&format!("{pointer}/{index}"), &key.name), &names, level);
        }
    }

    /// One task, with the names of its list.
    pub(super) fn task(&mut self, (name, task): (&str, &Node), pointer: &str, names: Names<'_>, level: usize) {
        let guard = self.expression_field(task, "if", pointer);
        for (field, inner) in [("input", "from"), ("output", "as"), ("export", "as")] {
            self.shaping(task, field, inner, pointer);
        }
        let limit = self.limit(task, pointer);
        let then = self.then(task, pointer, names);
        let at = self.steps.len();
        let (name, pointer_text, place) = (name.to_owned(), pointer.to_owned(), task.place);
        self.steps.push(Step {
            name,
            pointer: pointer_text,
            place,
            level,
            end: at + 1,
            guard,
            limit,
            action: Action::Do,
            then,
        });
        let action = self.action(task, pointer, names, level);
        self.complete(at, action);
    }

    /// Closes a step after its inner tasks.
    fn complete(&mut self, at: usize, action: Action) {
        let end = self.steps.len();
        if let Some(step) = self.steps.get_mut(at) {
            step.action = action;
            step.end = end;
        }
    }

    fn then(&mut self, node: &Node, pointer: &str, names: Names<'_>) -> Then {
        let (Some(target), Some(place)) = (text_of(node, "then"), node.field("then")) else { return Then::Continue };
        match (target, names.iter().find(|(name, _)| *name == target)) {
            ("continue", _) => Then::Continue,
            ("exit", _) => Then::Exit,
            ("end", _) => Then::End,
            (_, Some((_, index))) => Then::Step(*index),
            (_, None) => {
                let known = names.iter().map(|(name, _)| *name).chain(["continue", "exit", "end"]);
                let hint = nearest(target, known).map(|one| format!("did you mean `{one}`?"));
                let message = format!("there is no task `{target}` in this list, and it is not continue, exit or end");
                self.fault(place, &below(pointer, "then"), message, hint);
                Then::Continue
            }
        }
    }

    fn action(&mut self, task: &Node, pointer: &str, names: Names<'_>, level: usize) -> Action {
        let inner = level + 1;
        if let Some(kind) = LEAVES.into_iter().find(|kind| task.field(kind).is_some()) {
            return self.leaf(kind, task, pointer, level);
        }
        if let Some(loop_) = task.field("for") {
            return self.for_each(task, loop_, pointer, inner);
        }
        if let Some(fork) = task.field("fork") {
            if let Some(branches) = fork.field("branches") {
                self.list(branches, &format!("{pointer}/fork/branches"), inner);
            }
            let compete = fork.field("compete").is_some_and(|compete| matches!(compete.content, Content::Flag(true)));
            return Action::Fork { compete };
        }
        if let Some(switch) = task.field("switch") {
            return self.switch(switch, &below(pointer, "switch"), names);
        }
        if let (Some(tried), Some(catch)) = (task.field("try"), task.field("catch")) {
            self.list(tried, &below(pointer, "try"), inner);
            return Action::Try(self.catch(catch, &below(pointer, "catch"), names, inner));
        }
        if let Some(tasks) = task.field("do") {
            self.list(tasks, &below(pointer, "do"), inner);
        }
        Action::Do
    }

    fn leaf(&mut self, kind: &str, task: &Node, pointer: &str, level: usize) -> Action {
        let Some(node) = task.field(kind) else { return Action::Do };
        let place = below(pointer, kind);
        match kind {
            "call" => {
                if self.callable(task, pointer)
                    && let Some(arguments) = task.field("with")
                {
                    self.template(arguments, &below(pointer, "with"));
                    self.authentications(arguments, &below(pointer, "with"));
                }
                Action::Call(text_of(task, "call").unwrap_or_default().to_owned())
            }
            "set" => {
                self.template(node, &place);
                Action::Set
            }
            "emit" => {
                let event = node.field("event").and_then(|event| event.field("with"));
                event.into_iter().for_each(|event| self.template(event, &format!("{place}/event/with")));
                Action::Emit(event.and_then(|event| text_of(event, "type")).unwrap_or_default().to_owned())
            }
            "raise" => self.raise(node, &place),
            "run" => self.run(node, &place),
            "wait" => self.duration(node, &place).map_or(Action::Do, Action::Wait),
            _ => self.listen(task, node, pointer, level),
        }
    }

    fn raise(&mut self, raise: &Node, pointer: &str) -> Action {
        let Some(error) = raise.field("error") else { return Action::Do };
        let pointer = below(pointer, "error");
        if let Content::Text(name) = &error.content {
            self.must_exist("errors", name, error, &pointer);
            return Action::Raise(name.clone());
        }
        self.template(error, &pointer);
        Action::Raise(text_of(error, "type").unwrap_or_default().to_owned())
    }

    fn run(&mut self, run: &Node, pointer: &str) -> Action {
        for kind in ["container", "script", "shell"] {
            if let Some(node) = run.field(kind) {
                let hint = Some("put it behind an HTTP endpoint and use `call: http`".to_owned());
                self.fault(node, &below(pointer, kind), format!("a {kind} is not run by Neptune"), hint);
            }
        }
        let Some(workflow) = run.field("workflow") else { return Action::Do };
        if let Some(input) = workflow.field("input") {
            self.template(input, &format!("{pointer}/workflow/input"));
        }
        let part = |name: &str| text_of(workflow, name).unwrap_or_default();
        Action::Run(format!("{}/{} {}", part("namespace"), part("name"), part("version")))
    }

    fn listen(&mut self, task: &Node, listen: &Node, pointer: &str, level: usize) -> Action {
        let to = listen.field("to").map(|to| self.consumption(to, &format!("{pointer}/listen/to"))).unwrap_or_default();
        let Some(foreach) = task.field("foreach") else { return Action::Listen(to) };
        let place = below(pointer, "foreach");
        let scope = self.variables.len();
        self.bind(text_of(foreach, "item").unwrap_or("item"));
        self.bind(text_of(foreach, "at").unwrap_or("index"));
        if let Some(tasks) = foreach.field("do") {
            self.list(tasks, &below(&place, "do"), level + 1);
        }
        for field in ["output", "export"] {
            self.shaping(foreach, field, "as", &place);
        }
        self.variables.truncate(scope);
        Action::Listen(to)
    }

    /// Makes a variable known until the scope is left.
    fn bind(&mut self, name: &str) {
        self.variables.push(format!("${name}"));
    }

    fn for_each(&mut self, task: &Node, loop_: &Node, pointer: &str, level: usize) -> Action {
        let over = loop_.field("in").and_then(|over| {
            if matches!(over.content, Content::List(_)) {
                self.template(over, &format!("{pointer}/for/in"));
                return None;
            }
            self.expression(over, &format!("{pointer}/for/in"))
        });
        let each = text_of(loop_, "each").unwrap_or("item");
        let scope = self.variables.len();
        self.bind(each);
        self.bind(text_of(loop_, "at").unwrap_or("index"));
        let while_ = self.expression_field(task, "while", pointer);
        if let Some(tasks) = task.field("do") {
            self.list(tasks, &below(pointer, "do"), level);
        }
        self.variables.truncate(scope);
        Action::For { each: each.to_owned(), over, while_ }
    }

    fn switch(&mut self, switch: &Node, pointer: &str, names: Names<'_>) -> Action {
        let Content::List(items) = &switch.content else { return Action::Do };
        let mut cases: Vec<Case> = Vec::new();
        let mut has_default = false;
        for (index, (key, case)) in items.iter().flat_map(entries).enumerate() {
            let place = below(&format!("{pointer}/{index}"), &key.name);
            if has_default {
                let hint = Some("put the case without `when` last".to_owned());
                self.fault(case, &place, "the case is never reached: one before it always holds", hint);
            }
            has_default |= case.field("when").is_none();
            let when = self.expression_field(case, "when", &place);
            cases.push(Case { name: key.name.clone(), when, then: self.then(case, &place, names) });
        }
        Action::Switch(cases)
    }

    fn catch(&mut self, catch: &Node, pointer: &str, names: Names<'_>, level: usize) -> Option<Retry> {
        let scope = self.variables.len();
        self.bind(text_of(catch, "as").unwrap_or(ERROR));
        if let Some(filter) = catch.field("errors").and_then(|errors| errors.field("with")) {
            self.template(filter, &format!("{pointer}/errors/with"));
        }
        let guard = self.expression_field(catch, "when", pointer);
        self.expression_field(catch, "exceptWhen", pointer);
        let retry = catch.field("retry").and_then(|retry| self.retry(retry, &below(pointer, "retry")));
        let then = self.then(catch, pointer, names);
        let at = self.steps.len();
        let (name, place, action) = ("catch".to_owned(), catch.place, Action::Catch);
        let pointer_text = pointer.to_owned();
        self.steps.push(Step {
            name,
            pointer: pointer_text,
            place,
            level,
            end: at + 1,
            guard,
            limit: None,
            action,
            then,
        });
        if let Some(tasks) = catch.field("do") {
            self.list(tasks, &below(pointer, "do"), level + 1);
        }
        self.complete(at, Action::Catch);
        self.variables.truncate(scope);
        retry
    }

    fn retry(&mut self, retry: &Node, pointer: &str) -> Option<Retry> {
        let (policy, pointer) = match &retry.content {
            Content::Text(name) => {
                self.must_exist("retries", name, retry, pointer);
                (self.references.find("retries", name)?, below("/use/retries", name))
            }
            _ => (retry, pointer.to_owned()),
        };
        let attempts = policy.field("limit").and_then(|limit| limit.field("attempt"));
        if let Some(jitter) = policy.field("jitter") {
            self.duration_field(jitter, "from", &below(&pointer, "jitter"));
            self.duration_field(jitter, "to", &below(&pointer, "jitter"));
        }
        Some(Retry {
            attempts: attempts.and_then(|attempt| attempt.field("count")).and_then(whole),
            delay: self.duration_field(policy, "delay", &pointer),
            backoff: policy.field("backoff").and_then(|one| entries(one).next()).map(|(key, _)| key.name.clone()),
            when: self.expression_field(policy, "when", &pointer),
            except_when: self.expression_field(policy, "exceptWhen", &pointer),
        })
    }
}

/// How many steps a task becomes: itself, its `catch` and its inner tasks.
fn size(task: &Node) -> usize {
    let list = |node: Option<&Node>| match node.map(|node| &node.content) {
        Some(Content::List(items)) => items.iter().flat_map(entries).map(|(_, task)| size(task)).sum(),
        _ => 0,
    };
    let catch = task.field("catch");
    1 + list(task.field("do"))
        + list(task.field("try"))
        + list(task.field("fork").and_then(|fork| fork.field("branches")))
        + list(task.field("foreach").and_then(|foreach| foreach.field("do")))
        + usize::from(catch.is_some())
        + list(catch.and_then(|catch| catch.field("do")))
}
