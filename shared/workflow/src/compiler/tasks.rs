//! Tasks.

use super::{Compiler, entries, text_of};
use crate::{
    definition::{Action, Builtin, Case, DataFlow, Function, Reference, Schema, Step, StepSettings, Template, Then},
    fault::{Fault, nearest},
    grammar::below,
    source::{Content, Node},
};
use serde_json::Value;

/// Tasks without inner tasks of the same list.
const LEAVES: [&str; 7] = ["call", "set", "emit", "raise", "run", "listen", "wait"];

/// Names of a list of tasks, with the indices of their steps.
pub(super) type Names<'a> = &'a [(&'a str, usize)];

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
        let at = self.open(name, task, pointer, level);
        let guard = self.expression_field(task, "if", pointer);
        let data = self.data(task, pointer);
        let limit = self.limit(task, pointer);
        let settings = self.step_settings(task, pointer);
        let then = self.then(task, pointer, names);
        if let Some(step) = self.steps.get_mut(at) {
            (step.guard, step.data, step.limit, step.settings, step.then) = (guard, data, limit, settings, then);
        }
        let action = self.action(task, pointer, names, level);
        self.complete(at, action);
        self.sensible_settings(at, task, pointer);
    }

    /// Begins a step that its inner tasks will follow.
    pub(super) fn open(&mut self, name: &str, task: &Node, pointer: &str, level: usize) -> usize {
        let at = self.steps.len();
        self.steps.push(Step {
            name: name.to_owned(),
            pointer: pointer.to_owned(),
            place: task.place,
            level,
            end: at + 1,
            guard: None,
            data: DataFlow::default(),
            limit: None,
            action: Action::Do,
            settings: StepSettings::default(),
            then: Then::Continue,
        });
        at
    }

    /// Settings that say nothing about this kind of task.
    fn sensible_settings(&mut self, at: usize, task: &Node, pointer: &str) {
        let Some(step) = self.steps.get(at) else { return };
        let is_loop = matches!(step.action, Action::For { .. });
        let collects = step.settings.on_error != crate::definition::OnError::Fail;
        let pointer = format!("{pointer}/metadata/neptune");
        if step.settings.parallel.is_some() && !is_loop {
            let hint = Some("tasks that run at once are branches of a `fork`".to_owned());
            self.fault(task, &below(&pointer, "parallel"), "only a task with `for` is parallel", hint);
        } else if collects && step.settings.parallel.is_none() {
            let message = "errors are collected only by a parallel `for`";
            self.fault(task, &below(&pointer, "onError"), message, Some("add `parallel: 10`".to_owned()));
        }
    }

    /// Closes a step after its inner tasks.
    pub(super) fn complete(&mut self, at: usize, action: Action) {
        let end = self.steps.len();
        if let Some(step) = self.steps.get_mut(at) {
            step.action = action;
            step.end = end;
        }
    }

    pub(super) fn then(&mut self, node: &Node, pointer: &str, names: Names<'_>) -> Then {
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
            let at = self.steps.len();
            if let Some(branches) = fork.field("branches") {
                self.list(branches, &format!("{pointer}/fork/branches"), inner);
                self.branches_do_not_jump(at, inner);
            }
            let compete = fork.field("compete").is_some_and(|compete| matches!(compete.content, Content::Flag(true)));
            return Action::Fork { compete };
        }
        if let Some(switch) = task.field("switch") {
            return self.switch(switch, &below(pointer, "switch"), names);
        }
        if let Some(tried) = task.field("try") {
            self.list(tried, &below(pointer, "try"), inner);
            let at = self.steps.len();
            // Without it the form is faulty.
            let Some(catch) = task.field("catch") else { return Action::Do };
            self.catch(catch, &below(pointer, "catch"), names, inner);
            return Action::Try { catch: at };
        }
        if let Some(tasks) = task.field("do") {
            self.list(tasks, &below(pointer, "do"), inner);
        }
        Action::Do
    }

    /// Branches run at once: none can be jumped to.
    fn branches_do_not_jump(&mut self, from: usize, level: usize) {
        let is_jump = |step: &&Step| {
            let case_jumps = |case: &Case| matches!(case.then, Then::Step(_));
            let switches = matches!(&step.action, Action::Switch(cases) if cases.iter().any(case_jumps));
            step.level == level && (matches!(step.then, Then::Step(_)) || switches)
        };
        let jumps = self.steps.get(from..).unwrap_or_default().iter().filter(is_jump);
        let faults = jumps.map(|step| {
            let hint = Some("put the tasks of a branch into a `do` of its own".to_owned());
            Fault::new(step.place, step.pointer.clone(), "a branch cannot jump to another").with_hint(hint)
        });
        self.faults.extend(faults.collect::<Vec<_>>());
    }

    fn leaf(&mut self, kind: &str, task: &Node, pointer: &str, level: usize) -> Action {
        let Some(node) = task.field(kind) else { return Action::Do };
        let place = below(pointer, kind);
        match kind {
            "call" => self.call(task, pointer),
            "set" => Action::Set(self.template(node, &place)),
            "emit" => {
                let event = node.field("event").and_then(|event| event.field("with"));
                let title = event.and_then(|event| text_of(event, "type")).unwrap_or_default().to_owned();
                let event = event.map(|event| self.template(event, &format!("{place}/event/with")));
                Action::Emit { title, event: event.unwrap_or_else(|| Template::Object(Vec::new())) }
            }
            "raise" => self.raise(node, &place),
            "run" => self.run(node, &place),
            "wait" => self.duration(node, &place).map_or(Action::Do, Action::Wait),
            _ => Action::Listen(Box::new(self.listen(task, node, pointer, level))),
        }
    }

    fn call(&mut self, task: &Node, pointer: &str) -> Action {
        let title = text_of(task, "call").unwrap_or_default().to_owned();
        let Some(function) = self.function(task, pointer) else { return Action::Do };
        let place = below(pointer, "with");
        let with = task.field("with").map(|arguments| {
            self.authentications(arguments, &place);
            let arguments = self.references.resolved(arguments);
            self.template(&arguments, &place)
        });
        if let (Function::Builtin(Builtin::Model), Some(with), true) = (&function, &with, self.is_new) {
            self.response_schema(task, with, &place);
        }
        if let (Some(arguments), true) = (task.field("with"), self.is_new) {
            self.arguments(&function, arguments, &place);
        }
        Action::Call { function, title, with }
    }

    /// A fault where the schema of an answer stands there and is none.
    fn response_schema(&mut self, task: &Node, with: &Template, pointer: &str) {
        const NAME: &str = "responseSchema";
        let schema = match with {
            Template::Fixed(arguments) => arguments.get(NAME),
            Template::Object(fields) => fields.iter().find_map(|(name, field)| match field {
                Template::Fixed(schema) if name == NAME => Some(schema),
                _ => None,
            }),
            _ => None,
        };
        let node = task.field("with").and_then(|with| with.field(NAME));
        let (Some(schema), Some(node)) = (schema.filter(|schema| schema.is_object()), node) else { return };
        if let Err(message) = Schema::compile(schema.clone()) {
            self.fault(node, &below(pointer, NAME), message, None);
        }
    }

    fn raise(&mut self, raise: &Node, pointer: &str) -> Action {
        let Some(error) = raise.field("error") else { return Action::Do };
        let pointer = below(pointer, "error");
        if let Content::Text(name) = &error.content {
            self.must_exist("errors", name, error, &pointer);
            let named = self.references.find("errors", name);
            let error = named.map(|error| self.template(error, &below("/use/errors", name)));
            return Action::Raise { title: name.clone(), error: error.unwrap_or(Template::Fixed(Value::Null)) };
        }
        let title = text_of(error, "type").unwrap_or_default().to_owned();
        Action::Raise { title, error: self.template(error, &pointer) }
    }

    fn run(&mut self, run: &Node, pointer: &str) -> Action {
        for kind in ["container", "script", "shell"] {
            if let Some(node) = run.field(kind) {
                let hint = Some("put it behind an HTTP endpoint and use `call: http`".to_owned());
                self.fault(node, &below(pointer, kind), format!("a {kind} is not run by Neptune"), hint);
            }
        }
        let Some(workflow) = run.field("workflow") else { return Action::Do };
        let input = workflow.field("input").map(|input| self.template(input, &format!("{pointer}/workflow/input")));
        let part = |name: &str| text_of(workflow, name).unwrap_or_default().to_owned();
        let workflow = Reference { namespace: part("namespace"), name: part("name"), version: part("version") };
        let is_awaited = !run.field("await").is_some_and(|wait| matches!(wait.content, Content::Flag(false)));
        Action::Run { workflow, input, is_awaited }
    }

    /// Makes a variable known until the scope is left.
    pub(super) fn bind(&mut self, name: &str) {
        self.variables.push(format!("${name}"));
    }

    fn for_each(&mut self, task: &Node, loop_: &Node, pointer: &str, level: usize) -> Action {
        let place = format!("{pointer}/for/in");
        let over = loop_.field("in").and_then(|over| match over.content {
            Content::List(_) => Some(self.template(over, &place)),
            _ => self.expression(over, &place).map(Template::Expression),
        });
        let (each, at) = (text_of(loop_, "each").unwrap_or("item"), text_of(loop_, "at").unwrap_or("index"));
        let scope = self.variables.len();
        self.bind(each);
        self.bind(at);
        let while_ = self.expression_field(task, "while", pointer);
        if let Some(tasks) = task.field("do") {
            self.list(tasks, &below(pointer, "do"), level);
        }
        self.variables.truncate(scope);
        let over = over.unwrap_or(Template::Fixed(Value::Null));
        Action::For { each: each.to_owned(), at: at.to_owned(), over, while_ }
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
