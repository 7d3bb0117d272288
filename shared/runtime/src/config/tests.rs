use super::*;

const TABLE: &[Variable] = &[
    Variable { name: "NEPTUNE_DEMO_PORT", default: Some("8080"), help: "the port" },
    Variable { name: "NEPTUNE_DEMO_URL", default: None, help: "where it is" },
    Variable { name: "NEPTUNE_DEMO_NOTE", default: Some(""), help: "a note" },
];

fn values(environment: &'static [(&'static str, &'static str)]) -> Values {
    Values::load(&[TABLE], &move |name| {
        environment.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
    })
}

#[test]
fn reads_the_value_or_its_default() {
    let check = |environment, expected: Result<u16, &str>| {
        let got = values(environment).get::<u16>("NEPTUNE_DEMO_PORT").map_err(|error| error.to_string());
        assert_eq!(got, expected.map_err(str::to_owned));
    };
    check(&[], Ok(8080));
    check(&[("NEPTUNE_DEMO_PORT", "")], Ok(8080));
    check(&[("NEPTUNE_DEMO_PORT", " 9 ")], Ok(9));
    check(&[("NEPTUNE_DEMO_PORT", "hunter2")], Err("NEPTUNE_DEMO_PORT cannot be read (the port)"));
    check(&[("NEPTUNE_DEMO_PORT", "70000")], Err("NEPTUNE_DEMO_PORT cannot be read (the port)"));
}

#[test]
fn a_required_variable_must_be_set() {
    let missing = ConfigError::Missing { name: "NEPTUNE_DEMO_URL".into(), help: "where it is".into() };
    assert_eq!(values(&[]).get::<String>("NEPTUNE_DEMO_URL"), Err(missing.clone()));
    assert_eq!(values(&[("NEPTUNE_DEMO_URL", "  ")]).get::<String>("NEPTUNE_DEMO_URL"), Err(missing.clone()));
    assert_eq!(values(&[]).secret("NEPTUNE_DEMO_URL").err(), Some(missing));
    assert_eq!(values(&[("NEPTUNE_DEMO_URL", "x")]).get::<String>("NEPTUNE_DEMO_URL"), Ok("x".to_owned()));
}

#[test]
fn an_optional_variable_may_be_absent() {
    assert_eq!(values(&[]).optional::<u8>("NEPTUNE_DEMO_NOTE"), Ok(None));
    assert_eq!(values(&[]).optional::<String>("NEPTUNE_DEMO_URL"), Ok(None));
    assert_eq!(values(&[]).get::<String>("NEPTUNE_DEMO_NOTE"), Ok(String::new()));
    assert_eq!(values(&[("NEPTUNE_DEMO_NOTE", "7")]).optional::<u8>("NEPTUNE_DEMO_NOTE"), Ok(Some(7)));
    assert!(values(&[("NEPTUNE_DEMO_NOTE", "x")]).optional::<u8>("NEPTUNE_DEMO_NOTE").is_err());
    assert!(values(&[]).optional_secret("NEPTUNE_DEMO_NOTE").unwrap().is_none());
    let secret = values(&[("NEPTUNE_DEMO_NOTE", "s3cret\n")]).secret("NEPTUNE_DEMO_NOTE").unwrap();
    assert_eq!(secret.expose(), "s3cret");
}

#[test]
fn an_undeclared_variable_is_a_defect() {
    let undeclared = ConfigError::Undeclared { name: "NEPTUNE_DEMO_OTHER".into() };
    assert_eq!(values(&[]).get::<String>("NEPTUNE_DEMO_OTHER"), Err(undeclared));
}

#[test]
fn unknown_variables_of_the_own_service_are_refused() {
    let check = |names: &[&str], expected: Option<&str>| {
        let names = names.iter().map(|name| (*name).to_owned());
        let unknown = expected.map(|name| ConfigError::Unknown { name: name.to_owned() });
        assert_eq!(refuse_unknown("demo", &[TABLE], names).err(), unknown);
    };
    check(&[], None);
    check(&["NEPTUNE_DEMO_PORT", "NEPTUNE_LOG", "HOME", "NEPTUNE_OTHER_PORT"], None);
    check(&["NEPTUNE_DEMO_PORT", "NEPTUNE_DEMO_PROT"], Some("NEPTUNE_DEMO_PROT"));
    let others = ["NEPTUNE_SIMULATOR_URL".to_owned()];
    assert_eq!(refuse_unknown("simulator", &[], others), Ok(()));
}

#[test]
fn an_unusable_value_is_reported_in_one_line() {
    let error = ConfigError::unusable("NEPTUNE_DEMO_URL", "line 3:\n  unknown field");
    assert_eq!(error.to_string(), "NEPTUNE_DEMO_URL cannot be used: line 3: unknown field");
}
