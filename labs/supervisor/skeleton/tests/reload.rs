//! Place 6, `src/reload.rs`. Run these alone: `cargo test --test reload`.

use serde_json::json;
use skeleton::manifest::{Manifest, Service};
use skeleton::reload::{Plan, plan};

fn services(text: serde_json::Value) -> Vec<Service> {
    serde_json::from_value::<Manifest>(json!({ "services": text })).unwrap().services
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

#[test]
fn what_is_new_starts_what_is_gone_stops_what_stays_is_left_alone() {
    let old = services(json!([{"name": "a", "command": ["/a"]}, {"name": "b", "command": ["/b"]}]));
    let new = services(json!([{"name": "b", "command": ["/b"]}, {"name": "c", "command": ["/c"]}]));
    let wanted = Plan { stop: names(&["a"]), start: names(&["c"]), restart: names(&[]) };
    assert_eq!(plan(&old, &new), Ok(wanted));
}

#[test]
fn another_process_is_a_restart_and_another_description_is_not() {
    let old = services(json!([{"name": "a", "command": ["/a"]}, {"name": "b", "command": ["/b"]}]));
    let new = services(json!([
        {"name": "a", "command": ["/a"], "env": {"PLOT": "north"}},
        {"name": "b", "command": ["/b"], "description": "the other one", "stop_grace": 9}
    ]));
    let wanted = Plan { restart: names(&["a"]), ..Plan::default() };
    assert_eq!(plan(&old, &new), Ok(wanted));
}

#[test]
fn a_manifest_that_cannot_be_is_refused_with_the_names() {
    let old = services(json!([{"name": "a", "command": ["/a"]}]));
    let cycle = services(json!([
        {"name": "egg", "command": ["/e"], "depends_on": ["hen"]},
        {"name": "hen", "command": ["/h"], "depends_on": ["egg"]}
    ]));
    let why = plan(&old, &cycle).expect_err("a cycle");
    assert!(why.contains("egg") && why.contains("hen"), "{why}");
    let dangling = services(json!([{"name": "a", "command": ["/a"], "depends_on": ["nowhere"]}]));
    let why = plan(&old, &dangling).expect_err("a dependency on nobody");
    assert!(why.contains("nowhere"), "{why}");
    let twice = services(json!([{"name": "two", "command": ["/a"]}, {"name": "two", "command": ["/b"]}]));
    let why = plan(&old, &twice).expect_err("two of one name");
    assert!(why.contains("two"), "{why}");
}
