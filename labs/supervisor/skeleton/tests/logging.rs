//! Place 1, `src/logging.rs`. Run these alone: `cargo test --test logging`.

mod world;

use std::fs;

use serde_json::json;
use world::World;

#[test]
fn both_outputs_of_a_service_are_in_its_log() {
    let world = World::boot(json!([
        {"name": "talks", "command": ["/bin/sh", "-c", "echo out; echo err >&2; exec sleep 600"]}
    ]));
    world.file("log/talks/current", |text| text.contains("out\n") && text.contains("err\n"));
}

#[test]
fn a_log_that_is_full_becomes_previous_1_and_only_so_many_are_kept() {
    let count = "i=100; while [ $i -lt 130 ]; do echo line $i; i=$((i+1)); done; exec sleep 600";
    let world = World::boot(json!([
        {"name": "counts", "command": ["/bin/sh", "-c", count], "log": {"max_bytes": 90, "keep": 2}}
    ]));
    world.file("log/counts/current", |text| text.contains("line 129\n"));
    let read = |name: &str| fs::read_to_string(world.folder.join("log/counts").join(name));
    let parts = ["previous.2", "previous.1", "current"].map(|name| read(name).unwrap());
    assert!(parts.iter().all(|part| part.len() <= 90), "larger than max_bytes: {parts:?}");
    assert!(parts.iter().all(|part| part.ends_with('\n')), "a torn line: {parts:?}");
    let last: Vec<String> = parts.concat().lines().map(str::to_owned).collect();
    let wanted: Vec<String> = (130 - last.len()..130).map(|number| format!("line {number}")).collect();
    assert_eq!(last, wanted, "lines are lost, or in another order");
    assert!(read("previous.3").is_err(), "keep = 2, and there is a previous.3");
}
