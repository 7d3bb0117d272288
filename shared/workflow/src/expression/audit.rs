//! What an expression may look like, so that neither parsing nor evaluating it can exhaust the stack:
//! jaq follows nested terms and calls by recursion, and an overflow of the stack cannot be caught.
//! Short expressions fit on any stack; longer ones get a stack of their own, large enough for the longest.

use super::meter;
use jaq_core::load::{
    lex::StrPart,
    parse::{BinaryOp, Def, Pattern, Term},
};
use jaq_core::path::Part;

/// The longest expression, in bytes.
pub const TEXT_BYTES: usize = 8 << 10;
/// How deep brackets may be nested.
pub const BRACKETS: usize = 40;
/// Operators, keywords and calls of one expression.
pub const TERMS: usize = 1_000;
/// The same with each call replaced by what it calls.
pub const EXPANDED_TERMS: u64 = 4_000;

/// What is wrong with the form of an expression.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Form {
    /// It is too long.
    #[error("the expression has {0} bytes, the limit is {TEXT_BYTES}; move parts of it into steps of their own")]
    Long(usize),
    /// It is nested too deep.
    #[error("the expression nests brackets more than {BRACKETS} levels deep; move parts of it into steps of their own")]
    Deep,
    /// It has too many terms.
    #[error("the expression has more than {TERMS} terms; move parts of it into steps of their own")]
    Many,
    /// Its definitions multiply.
    #[error("the definitions of the expression multiply to more than {EXPANDED_TERMS} terms; call each less often")]
    Expanded,
    /// A definition calls itself.
    #[error("`{0}` calls itself; use reduce, foreach, recurse, until or walk")]
    Recursive(String),
}

/// What a caller's stack is trusted with, in terms; measured: a term takes up to 10 KiB of an unoptimised build.
const SHORT_TERMS: u64 = 60;
/// The stack for longer expressions, in bytes. Only what is used of it is ever backed by memory.
const STACK_BYTES: usize = 128 << 20;

/// Does `work` about an expression of so many terms, on a stack that is large enough for it.
///
/// # Errors
/// The machine gives no stack.
pub(super) fn on_stack<T: Send>(terms: u64, work: impl FnOnce() -> T + Send) -> Result<T, std::io::Error> {
    if terms <= SHORT_TERMS {
        return Ok(work());
    }
    // An allowance does not go along.
    meter::spend(u64::MAX);
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, work)?;
        thread.join().map_err(|_| std::io::Error::other("the interpreter failed"))
    })
}

/// Checks an expression before it is parsed, and returns how many terms it has at most.
pub(super) fn text(text: &str) -> Result<u64, Form> {
    if text.len() > TEXT_BYTES {
        return Err(Form::Long(text.len()));
    }
    let (mut depth, mut words, mut in_word) = (0_usize, 0, false);
    // Brackets inside strings count too: interpolations nest there.
    for character in text.chars() {
        match character {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > BRACKETS {
            return Err(Form::Deep);
        }
        let is_word = character.is_alphanumeric() || character == '_';
        words += usize::from((is_word && !in_word) || "|-+,*/.".contains(character));
        in_word = is_word;
    }
    if words > 2 * TERMS { Err(Form::Many) } else { Ok(words as u64) }
}

/// A name that may be called, and the terms of what it calls; none while it is being defined.
type Callable<'a> = (&'a str, usize, Option<u64>);

/// Checks a parsed expression, and returns how many terms it has with each call replaced by what it calls, and the
/// secrets that it names.
pub(super) fn term(term: &Term<&str>) -> Result<(u64, Vec<String>), Form> {
    let mut audit = Audit::default();
    let expanded = audit.term(term)?;
    let secrets = audit.secrets.into_iter().map(str::to_owned).collect();
    if expanded > EXPANDED_TERMS { Err(Form::Expanded) } else { Ok((expanded, secrets)) }
}

#[derive(Default)]
struct Audit<'a> {
    scope: Vec<Callable<'a>>,
    /// Names after `$secrets`, each once.
    secrets: Vec<&'a str>,
}

impl<'a> Audit<'a> {
    fn all(&mut self, terms: impl IntoIterator<Item = &'a Term<&'a str>>) -> Result<u64, Form> {
        terms.into_iter().try_fold(0_u64, |sum, term| Ok(sum.saturating_add(self.term(term)?)))
    }

    fn term(&mut self, term: &'a Term<&'a str>) -> Result<u64, Form> {
        let inner = match term {
            Term::Id | Term::Recurse | Term::Num(_) | Term::Var(_) | Term::Break(_) | Term::Arr(None) => 0,
            Term::Str(_, parts) => self.all(parts.iter().filter_map(|part| match part {
                StrPart::Term(term) => Some(term),
                StrPart::Str(_) | StrPart::Char(_) => None,
            }))?,
            Term::Arr(Some(term)) | Term::Neg(term) | Term::Label(_, term) => self.term(term)?,
            Term::Obj(fields) => self.all(fields.iter().flat_map(|(key, value)| std::iter::once(key).chain(value)))?,
            Term::BinOp(left, operator, right) => {
                let pattern = match operator {
                    BinaryOp::Pipe(Some(pattern)) => self.pattern(pattern)?,
                    _ => 0,
                };
                pattern.saturating_add(self.all([left.as_ref(), right.as_ref()])?)
            }
            Term::Fold(_, over, pattern, terms) => {
                self.pattern(pattern)?.saturating_add(self.all(std::iter::once(over.as_ref()).chain(terms))?)
            }
            Term::TryCatch(tried, caught) => self.all(std::iter::once(tried.as_ref()).chain(caught.as_deref()))?,
            Term::IfThenElse(cases, otherwise) => {
                let cases = cases.iter().flat_map(|(when, then)| [when, then]);
                self.all(cases.chain(otherwise.as_deref()))?
            }
            Term::Def(definitions, body) => {
                let before = self.scope.len();
                definitions.iter().try_for_each(|definition| self.define(definition))?;
                let body = self.term(body)?;
                self.scope.truncate(before);
                body
            }
            Term::Call(name, arguments) => self.call(name, arguments)?,
            Term::Path(term, path) => {
                if let (Term::Var("$secrets"), Some((Part::Index(Term::Str(None, name)), _))) =
                    (term.as_ref(), path.0.first())
                    && let [StrPart::Str(name)] = name.as_slice()
                    && !self.secrets.contains(name)
                {
                    self.secrets.push(name);
                }
                let parts = path.0.iter().flat_map(|(part, _)| match part {
                    Part::Index(index) => [Some(index), None],
                    Part::Range(start, end) => [start.as_ref(), end.as_ref()],
                });
                self.all(std::iter::once(term.as_ref()).chain(parts.flatten()))?
            }
        };
        Ok(inner.saturating_add(1))
    }

    fn pattern(&mut self, pattern: &'a Pattern<&'a str>) -> Result<u64, Form> {
        match pattern {
            Pattern::Var(_) => Ok(1),
            Pattern::Arr(parts) => {
                parts.iter().try_fold(1_u64, |sum, part| Ok(sum.saturating_add(self.pattern(part)?)))
            }
            Pattern::Obj(parts) => parts.iter().try_fold(1_u64, |sum, (key, part)| {
                Ok(sum.saturating_add(self.term(key)?).saturating_add(self.pattern(part)?))
            }),
        }
    }

    fn define(&mut self, definition: &'a Def<&'a str>) -> Result<(), Form> {
        let place = self.scope.len();
        self.scope.push((definition.name, definition.args.len(), None));
        self.scope.extend(definition.args.iter().map(|argument| (*argument, 0, Some(1))));
        let terms = self.term(&definition.body)?;
        self.scope.truncate(place);
        self.scope.push((definition.name, definition.args.len(), Some(terms)));
        Ok(())
    }

    fn call(&mut self, name: &'a str, arguments: &'a [Term<&'a str>]) -> Result<u64, Form> {
        let called = self.scope.iter().rev().find(|(known, count, _)| *known == name && *count == arguments.len());
        let called = match called {
            Some((_, _, None)) => return Err(Form::Recursive(name.to_owned())),
            Some((_, _, Some(terms))) => *terms,
            None => 1,
        };
        Ok(called.saturating_mul(self.all(arguments)?.saturating_add(1)))
    }
}
