//! Manifests that nobody wrote: reading them never panics, and what is refused is refused with a place and a reason.

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use supervisor_rs::manifest::Manifest;

/// The words of the schema, and some that are none: random structures are then near to real ones.
const KEYS: [&str; 26] = [
    "name",
    "kind",
    "description",
    "command",
    "down",
    "env",
    "user",
    "cwd",
    "depends_on",
    "readiness",
    "restart",
    "limits",
    "log",
    "stop_signal",
    "stop_grace",
    "ports",
    "supervisor_rs",
    "policy",
    "delay",
    "fd",
    "port",
    "timeout",
    "memory",
    "max_bytes",
    "nonsense",
    "",
];
const WORDS: [&str; 14] = [
    "a",
    "b",
    "c",
    "longrun",
    "oneshot",
    "bundle",
    "always",
    "never",
    "tcp",
    "fd",
    "TERM",
    "64M",
    "../x",
    "ünïcode\u{0}",
];

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-2..70_000_i64).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        prop::sample::select(WORDS.to_vec()).prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 5, |inner| {
        let object = prop::collection::vec((prop::sample::select(KEYS.to_vec()), inner.clone()), 0..5);
        prop_oneof![
            prop::collection::vec(inner, 0..4).prop_map(Value::from),
            object.prop_map(|pairs| {
                Value::from(pairs.into_iter().map(|(k, v)| (k.to_owned(), v)).collect::<Map<_, _>>())
            }),
        ]
    })
}

/// A good service, with some fields made into something else.
fn service() -> impl Strategy<Value = Value> {
    let name = prop::sample::select(vec!["a", "b", "c", "d"]);
    let needs = prop::collection::vec(prop::sample::select(vec!["a", "b", "c", "e"]), 0..3);
    let spoilt = prop::collection::vec((prop::sample::select(KEYS.to_vec()), value()), 0..3);
    (name, needs, spoilt).prop_map(|(name, needs, spoilt)| {
        let mut service = json!({"name": name, "command": ["true"], "depends_on": needs});
        for (key, value) in spoilt {
            service[key] = value;
        }
        service
    })
}

fn read(text: &[u8], json: bool) -> Result<Manifest, TestCaseError> {
    match Manifest::parse(text, json, "it") {
        Ok(manifest) => Ok(manifest),
        Err(refused) => {
            prop_assert!(!refused.problems.is_empty(), "refused without a reason");
            for problem in &refused.problems {
                prop_assert!(!problem.text.trim().is_empty());
            }
            prop_assert!(refused.to_string().starts_with("it"));
            Err(TestCaseError::reject("refused, as it should be"))
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, max_global_rejects: 100_000, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_read_or_refused(text in prop::collection::vec(any::<u8>(), 0..200), json: bool) {
        let _ = Manifest::parse(&text, json, "it");
    }

    #[test]
    fn any_text_with_brackets_is_read_or_refused(
        text in "[\\[\\]{}=\",.:a-c0-9 \n#]{0,120}", json: bool,
    ) {
        let _ = Manifest::parse(text.as_bytes(), json, "it");
    }

    #[test]
    fn any_structure_is_read_or_refused(services in prop::collection::vec(value(), 0..4), other in value()) {
        for text in [json!({"name": "x", "services": services}), json!({"name": other, "services": other}), other] {
            if let Err(refused) = Manifest::parse(text.to_string().as_bytes(), true, "it") {
                prop_assert!(!refused.problems.is_empty());
                prop_assert!(refused.problems.iter().all(|problem| !problem.text.trim().is_empty()));
            }
        }
    }

    /// What was read and written out is the same when read again.
    #[test]
    fn a_manifest_written_out_is_the_same_manifest(services in prop::collection::vec(service(), 1..4)) {
        let text = json!({"name": "x", "services": services}).to_string();
        let first = read(text.as_bytes(), true)?;
        let again = Manifest::parse(first.to_json().to_string().as_bytes(), true, "again");
        let same = |manifest: &Manifest| manifest.to_json();
        prop_assert_eq!(again.as_ref().map(same), Ok(same(&first)));
    }

    /// TOML says the same as JSON, where it can say it (it has no null).
    #[test]
    fn toml_and_json_are_read_alike(services in prop::collection::vec(service(), 1..3)) {
        let whole = json!({"name": "x", "services": services});
        prop_assume!(!whole.to_string().contains("null"));
        let Ok(text) = toml::to_string(&whole) else { return Err(TestCaseError::reject("TOML cannot say it")) };
        let from_json = Manifest::parse(whole.to_string().as_bytes(), true, "it");
        let from_toml = Manifest::parse(text.as_bytes(), false, "it");
        prop_assert_eq!(from_toml, from_json);
    }
}
