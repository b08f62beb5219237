//! Place 2, `src/signals.rs`. Run these alone: `cargo test --test signals`.

mod world;

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::json;
use skeleton::signals::{Wish, wish};
use world::{SOON, World};

#[test]
fn term_and_int_ask_to_stop_and_a_second_one_at_once() {
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        assert_eq!(wish(signal, false), Wish::Stop, "{signal}");
        assert_eq!(wish(signal, true), Wish::StopAtOnce, "a second {signal}");
    }
}

#[test]
fn hup_reads_the_manifest_and_others_change_nothing() {
    assert_eq!(wish(Signal::SIGHUP, false), Wish::Reload);
    for signal in [Signal::SIGUSR1, Signal::SIGCHLD, Signal::SIGPIPE, Signal::SIGWINCH] {
        assert_eq!(wish(signal, false), Wish::Nothing, "{signal}");
    }
}

#[test]
fn sigterm_stops_a_service_by_its_own_signal_and_ends() {
    let hears = r#"trap 'echo asked >/mnt/said; exit 0' INT; echo up >/mnt/up; while :; do sleep 0.1; done"#;
    let mut world = World::boot(json!([
        {"name": "hears", "command": ["/bin/sh", "-c", hears], "stop_signal": "INT", "stop_grace": 60}
    ]));
    world.file("up", |text| text == "up\n");
    world.signal(Signal::SIGTERM);
    let status = world.ended(SOON).expect("it runs on after SIGTERM");
    assert_eq!(status.code(), Some(0));
    world.file("said", |text| text == "asked\n");
}

#[test]
fn who_is_deaf_is_killed_after_its_grace() {
    let deaf = "trap '' TERM; echo up >/mnt/up; while :; do sleep 0.1; done";
    let mut world = World::boot(json!([
        {"name": "deaf", "command": ["/bin/sh", "-c", deaf], "stop_grace": 0.5}
    ]));
    world.file("up", |text| text == "up\n");
    let told = Instant::now();
    world.signal(Signal::SIGTERM);
    assert!(world.ended(SOON).is_some(), "it waits for ever");
    assert!(told.elapsed() >= Duration::from_millis(500), "killed before its grace was over");
}
