//! Place 3, `src/user.rs`. Run these alone: `cargo test --test user`.

mod world;

use serde_json::json;
use world::{GARDENER, World, is_privileged};

#[test]
fn an_unknown_user_is_named_and_the_service_is_not_started() {
    let world = World::boot(json!([
        {"name": "lost", "user": "nobody-of-this-name",
         "command": ["/bin/sh", "-c", "echo up >/mnt/up; exec sleep 600"]},
        {"name": "well", "command": ["/bin/sleep", "600"]}
    ]));
    let refused = world.event("refused", "lost");
    assert!(refused["why"].as_str().unwrap().contains("nobody-of-this-name"), "{refused}");
    world.event("start", "well");
    assert!(!world.folder.join("up").exists(), "it was started all the same");
}

#[test]
fn a_service_is_its_user_with_nothing_of_roots() {
    if !is_privileged() {
        eprintln!("not asked: only root can become somebody else. The check asks it in a sandbox.");
        return;
    }
    let who = "{ id -u; id -g; id -G; echo $HOME $USER $LOGNAME; }";
    let say = format!("{who} >/mnt/new && mv /mnt/new /mnt/who; exec sleep 600");
    let world = World::boot(json!([
        {"name": "waters", "command": ["/bin/sh", "-c", say], "user": "gardener"}
    ]));
    let said = world.file("who", |text| text.lines().count() == 4);
    let (uid, gid, beds) = GARDENER;
    let wanted = format!("{uid}\n{gid}\n{gid} {beds}\n/home/gardener gardener gardener\n");
    assert_eq!(said, wanted, "UID; GID; all groups; HOME, USER and LOGNAME");
}
