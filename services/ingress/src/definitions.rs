//! Definitions of workflows, and schemas of their inputs, that were compiled lately: a submit is held against the same
//! ones again and again, and compiling takes far longer than that.

use neptune_workflow::{
    compiler,
    definition::{Definition, Schema},
};
use serde_json::Value;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

/// So many are kept of each; all are dropped when there are more.
const KEPT: usize = 128;

/// What was compiled lately, by the names of workflows with their versions. A version that was taken away may have come
/// back as another, so what is kept is used only for the document that it was compiled of.
#[derive(Debug, Default)]
pub struct Definitions {
    schemas: Kept<Schema>,
    definitions: Kept<Definition>,
}

impl Definitions {
    /// What the workflow `name` says that its input must be; nothing when it says nothing, or what is no schema.
    #[must_use]
    pub fn schema_of_input(&self, name: &str, document: &Value) -> Option<Arc<Schema>> {
        // A schema that is none was refused when the workflow was applied.
        self.schemas.of(name, |kept| kept.is_of_input(document), || Schema::of_input(document)?.ok())
    }

    /// The definition of the workflow `name`; nothing when it cannot be read: the end of its runs says why.
    #[must_use]
    pub fn of(&self, name: &str, document: &Value) -> Option<Arc<Definition>> {
        let read = || compiler::accepted(&document.to_string()).ok();
        self.definitions.of(name, |kept| kept.document == *document, read)
    }
}

#[derive(Debug)]
struct Kept<T>(Mutex<HashMap<String, Arc<T>>>);

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T> Kept<T> {
    fn of(&self, name: &str, is_same: impl Fn(&T) -> bool, compile: impl FnOnce() -> Option<T>) -> Option<Arc<T>> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned();
        if let Some(known) = known.filter(|known| is_same(known)) {
            return Some(known);
        }
        // Nobody waits meanwhile; of two who compile the same the later one is kept.
        let compiled = Arc::new(compile()?);
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= KEPT && !kept.contains_key(name) {
            kept.clear();
        }
        kept.insert(name.to_owned(), Arc::clone(&compiled));
        Some(compiled)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    fn document(required: &str) -> Value {
        let head = json!({"dsl": "1.0.3", "namespace": "a", "name": "b", "version": "1.0.0"});
        let schema = json!({"type": "object", "required": [required]});
        json!({"document": head, "input": {"schema": {"document": schema}}, "do": [{"one": {"set": {"x": 1}}}]})
    }

    #[test]
    fn each_is_compiled_once_for_its_document() {
        let definitions = Definitions::default();
        let (first, other) = (document("x"), document("y"));
        let schema = definitions.schema_of_input("a/b:1.0.0", &first).unwrap();
        assert!(Arc::ptr_eq(&schema, &definitions.schema_of_input("a/b:1.0.0", &document("x")).unwrap()));
        let definition = definitions.of("a/b:1.0.0", &first).unwrap();
        assert!(Arc::ptr_eq(&definition, &definitions.of("a/b:1.0.0", &document("x")).unwrap()));
        // The name was given to another document meanwhile.
        let changed = definitions.schema_of_input("a/b:1.0.0", &other).unwrap();
        assert!(schema.fault(&json!({"x": 1})).is_none() && changed.fault(&json!({"x": 1})).is_some());
        assert_eq!(definitions.of("a/b:1.0.0", &other).unwrap().document, other);
    }

    #[test]
    fn no_more_are_kept_than_the_limit_and_what_is_none_is_not() {
        let definitions = Definitions::default();
        for number in 0..=KEPT {
            assert!(definitions.schema_of_input(&format!("a/b{number}:1.0.0"), &document("x")).is_some());
            assert!(definitions.schemas.0.lock().unwrap().len() <= KEPT);
        }
        for document in [json!({}), json!({"input": {"schema": {"document": {"type": 7}}}})] {
            assert!(definitions.schema_of_input("a/none:1.0.0", &document).is_none());
            assert!(definitions.of("a/none:1.0.0", &document).is_none());
        }
        assert!(!definitions.schemas.0.lock().unwrap().contains_key("a/none:1.0.0"));
    }
}
