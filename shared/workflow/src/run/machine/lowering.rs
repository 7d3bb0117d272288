//! What is less sensitive than its run: what came out of a redaction, and what is made of nothing else.
//!
//! A run is as sensitive as the most sensitive thing it has seen, and so is all that its tasks make, but for this. An
//! expression is taken to read all that it mentions, and its input unless it is only a path from a variable; what
//! cannot be followed (variables of loops, events, the run's own input) is as sensitive as the run.

use super::{Doing, Instance, Machine, Output, Step};
use crate::{
    definition::{Action, DataFlow, Template},
    run::state::{Lowered, join},
};

/// How sensitive is what an expression may read besides the run's.
#[derive(Clone, Copy, Default)]
pub(super) struct Own {
    /// Of `.`.
    pub(super) dot: Lowered,
    /// Of `$input`.
    pub(super) input: Lowered,
    /// Of `$output`.
    pub(super) output: Lowered,
}

impl Machine<'_> {
    /// How sensitive is what a template makes; as the run where it reads nothing, or nothing is known of that.
    pub(super) fn lowered(&self, template: &Template, own: Own) -> Lowered {
        let mut sources: Vec<Lowered> = Vec::new();
        template.expressions(&mut |expression| self.sources(expression.text().trim(), own, &mut sources));
        sources.into_iter().reduce(join).flatten()
    }

    fn sources(&self, text: &str, own: Own, sources: &mut Vec<Lowered>) {
        let is_name = |character: char| character.is_ascii_alphanumeric() || character == '_';
        let is_path = text.starts_with('$') && text.chars().all(|one| is_name(one) || one == '.' || one == '$');
        if !is_path {
            sources.push(own.dot);
        }
        for mention in text.split('$').skip(1) {
            let name = mention.split(|one| !is_name(one)).next().unwrap_or_default();
            sources.push(match name {
                "context" => self.run.context_lowered,
                "input" => own.input,
                "output" => own.output,
                "runtime" => {
                    let step = mention.strip_prefix("runtime.metadata.steps.");
                    let step = step.and_then(|rest| rest.split(|one| !is_name(one)).next());
                    step.and_then(|step| self.run.outputs_lowered.get(step).copied())
                }
                _ => None,
            });
        }
    }

    /// How sensitive is what came out of a task before `output.as`.
    pub(super) fn raw_lowered(&self, instance: Instance, output: &Output) -> Lowered {
        let frame = self.run.frames.get(&instance)?;
        match (output, self.step(instance).map(|step| &step.action)) {
            _ if matches!(frame.doing, Doing::After { .. }) => None,
            (Output::Input, _) => frame.lowered,
            (Output::Data, _) => frame.data_lowered,
            (Output::Value(_), Some(Action::Call { .. })) => frame.answer_lowered,
            (Output::Value(_), Some(Action::Set(template))) => {
                self.lowered(template, Own { dot: frame.lowered, input: frame.lowered, output: None })
            }
            (Output::Value(_), Some(Action::Fork { .. } | Action::For { .. })) => frame.inner_lowered,
            (Output::Value(_), _) => None,
        }
    }

    /// How sensitive are the output of a task and the context that it exports.
    pub(super) fn shaped_lowered(
        &self,
        instance: Instance,
        data: Option<&DataFlow>,
        raw: Lowered,
    ) -> (Lowered, Lowered) {
        let input = self.run.frames.get(&instance).and_then(|frame| frame.lowered);
        let of = |template: Option<&Template>, dot, output| {
            template.map(|template| self.lowered(template, Own { dot, input, output }))
        };
        let output = of(data.and_then(|data| data.output.as_ref()), raw, None).unwrap_or(raw);
        let context = of(data.and_then(|data| data.export.as_ref()), output, output).flatten();
        (output, context)
    }

    /// How sensitive is the input that a task makes of what flows to it.
    pub(super) fn input_lowered(&self, step: &Step, flowing: Lowered) -> Lowered {
        let shape = step.data.input.as_ref();
        shape.map_or(flowing, |template| self.lowered(template, Own { dot: flowing, ..Own::default() }))
    }
}
