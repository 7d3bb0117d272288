use proptest::prelude::{Just, Strategy, any, prop_assert, prop_oneof, proptest};
use serde_json::json;

use super::*;

fn check(schema: &Value, text: &str) -> Value {
    let made = instance(schema, text, 42);
    let validator = jsonschema::options().should_validate_formats(true).build(schema).unwrap();
    assert!(validator.is_valid(&made), "{made} for {schema}");
    assert_eq!(made, instance(schema, text, 42), "equal arguments, equal instances");
    made
}

#[test]
fn a_ticket_is_filled_from_its_text() {
    let schema = json!({"type": "object", "additionalProperties": false,
        "required": ["category", "priority", "summary", "confidence"],
        "properties": {
            "category": {"type": "string", "enum": ["technical", "billing", "account"]},
            "priority": {"type": "integer", "minimum": 1, "maximum": 3},
            "summary": {"type": "string", "maxLength": 40},
            "confidence": {"type": "number", "minimum": 0, "maximum": 1},
            "tags": {"type": "array", "items": {"type": "string"}, "minItems": 2},
            "escalate": {"type": "boolean"}}});
    let made = check(&schema, "The billing page charged me twice. Please refund.");
    assert_eq!(made["category"], "billing");
    assert_eq!(made["summary"], "The billing page charged me twice. Pleas");
}

#[test]
fn formats_references_and_combinations_are_satisfied() {
    for property in [
        json!({"type": "string", "format": "date"}),
        json!({"type": "string", "format": "date-time"}),
        json!({"type": "string", "format": "email"}),
        json!({"type": "string", "format": "uri"}),
        json!({"type": "string", "format": "uuid"}),
        json!({"const": {"a": 1}}),
        json!({"type": ["null", "integer"], "exclusiveMinimum": 5, "multipleOf": 4}),
        json!({"anyOf": [{"type": "null"}, {"type": "string", "minLength": 500}]}),
        json!({"oneOf": [{"type": "boolean"}, {"type": "object"}]}),
        json!({"allOf": [{"required": ["a"], "properties": {"a": {"type": "integer"}}}, {"required": ["b"], "properties": {"b": {"type": "null"}}}]}),
        json!({"required": ["free"]}),
    ] {
        check(&property, "Some text.");
        check(&json!({"type": "object", "required": ["it"], "properties": {"it": property}}), "");
    }
}

#[test]
fn a_recursive_schema_ends() {
    let schema = json!({"$ref": "#/$defs/node", "$defs": {"node": {"type": "object", "required": ["name"], "properties": {
        "name": {"type": "string"}, "children": {"type": "array", "items": {"$ref": "#/$defs/node"}}}}}});
    check(&schema, "A tree.");
}

fn schemas() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!({"type": "string"})),
        (0_u64..50, 0_u64..50)
            .prop_map(|(a, b)| json!({"type": "string", "minLength": a.min(b), "maxLength": a.max(b)})),
        (-1_000_i64..1_000, 0_i64..1_000)
            .prop_map(|(low, more)| json!({"type": "integer", "minimum": low, "maximum": low + more})),
        (-1_000_i64..1_000, 0_i64..1_000)
            .prop_map(|(low, more)| json!({"type": "number", "minimum": low, "maximum": low + more})),
        Just(json!({"type": "boolean"})),
        Just(json!({"enum": ["a", 1, null]})),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        let properties = proptest::collection::btree_map("[a-z]{1,6}", inner.clone(), 0..4);
        prop_oneof![
            properties.prop_map(|properties| {
                let names: Vec<&String> = properties.keys().collect();
                json!({"type": "object", "required": names, "additionalProperties": false, "properties": properties})
            }),
            (inner, 0_u64..4).prop_map(|(items, least)| json!({"type": "array", "items": items, "minItems": least})),
        ]
    })
}

proptest! {
    #[test]
    fn simple_schemas_are_always_satisfied(schema in schemas(), text in ".{0,60}", seed in any::<u64>()) {
        let made = instance(&schema, &text, seed);
        prop_assert!(jsonschema::is_valid(&schema, &made), "{made} for {schema}");
    }
}
