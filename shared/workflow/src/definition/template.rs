//! Values in which texts may be expressions.

use crate::expression::Expression;
use serde::{Serialize, Serializer, ser::SerializeMap as _};
use serde_json::{Map, Value};

/// A value with expressions inside.
#[derive(Debug)]
pub enum Template {
    /// Nothing in it is evaluated.
    Fixed(Value),
    /// All of it is what an expression says.
    Expression(Expression),
    /// A list.
    List(Vec<Self>),
    /// An object.
    Object(Vec<(String, Self)>),
}

impl Template {
    /// The value, with every expression replaced by what `evaluate` says of it, in the order of the document.
    ///
    /// # Errors
    /// The first error of `evaluate`.
    pub fn fill<E>(&self, evaluate: &mut dyn FnMut(&Expression) -> Result<Value, E>) -> Result<Value, E> {
        match self {
            Self::Fixed(value) => Ok(value.clone()),
            Self::Expression(expression) => evaluate(expression),
            Self::List(items) => {
                items.iter().map(|item| item.fill(evaluate)).collect::<Result<_, _>>().map(Value::Array)
            }
            Self::Object(fields) => {
                let filled = fields.iter().map(|(name, field)| Ok((name.clone(), field.fill(evaluate)?)));
                filled.collect::<Result<Map<_, _>, E>>().map(Value::Object)
            }
        }
    }

    /// Shows every expression in it.
    pub fn expressions(&self, visit: &mut dyn FnMut(&Expression)) {
        match self {
            Self::Fixed(_) => {}
            Self::Expression(expression) => visit(expression),
            Self::List(items) => items.iter().for_each(|item| item.expressions(visit)),
            Self::Object(fields) => fields.iter().for_each(|(_, field)| field.expressions(visit)),
        }
    }

    /// A list, fixed if all of its items are.
    #[must_use]
    pub fn list(items: Vec<Self>) -> Self {
        if items.iter().all(|item| matches!(item, Self::Fixed(_))) {
            let values = items.into_iter().filter_map(|item| match item {
                Self::Fixed(value) => Some(value),
                _ => None,
            });
            return Self::Fixed(values.collect());
        }
        Self::List(items)
    }

    /// An object, fixed if all of its fields are.
    #[must_use]
    pub fn object(fields: Vec<(String, Self)>) -> Self {
        if fields.iter().all(|(_, field)| matches!(field, Self::Fixed(_))) {
            let values = fields.into_iter().filter_map(|(name, field)| match field {
                Self::Fixed(value) => Some((name, value)),
                _ => None,
            });
            return Self::Fixed(Value::Object(values.collect()));
        }
        Self::Object(fields)
    }
}

impl Serialize for Template {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Fixed(value) => value.serialize(serializer),
            Self::Expression(expression) => serializer.serialize_str(&format!("${{ {} }}", expression.text().trim())),
            Self::List(items) => items.serialize(serializer),
            Self::Object(fields) => {
                let mut map = serializer.serialize_map(Some(fields.len()))?;
                for (name, field) in fields {
                    map.serialize_entry(name, field)?;
                }
                map.end()
            }
        }
    }
}
