//! Whether the input of a run is what its workflow says it must be, before anything is stored.

use neptune_contracts::problem::Problem;
use neptune_workflow::definition::Schema;
use serde_json::Value;

/// What is wrong with an input by the schema of the workflow `name`.
pub(super) fn problems(name: &str, schema: &Schema, input: &Value) -> Vec<Problem> {
    let remedy = format!("send what `input.schema` of {name} asks for");
    let problem = |(pointer, message): (String, String)| Problem::new(field(&pointer), message, remedy.clone());
    schema.faults(input).into_iter().map(problem).collect()
}

/// `input` and the place in it, such as `input.customer.name`.
fn field(pointer: &str) -> String {
    format!("input{}", pointer.replace('/', ".").replace("~1", "/").replace("~0", "~"))
}
