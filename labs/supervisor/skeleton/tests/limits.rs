//! Place 4, `src/limits.rs`. Run these alone: `cargo test --test limits`.

mod world;

use serde_json::json;
use world::World;

#[test]
fn a_service_has_its_limits_and_cannot_raise_them() {
    let say = "{ ulimit -Hn; ulimit -Sn; ulimit -Hv; } >/mnt/new && mv /mnt/new /mnt/limits; exec sleep 600";
    let world = World::boot(json!([
        {"name": "small", "command": ["/bin/sh", "-c", say],
         "limits": {"open_files": 77, "memory": 268_435_456}}
    ]));
    let said = world.file("limits", |text| text.lines().count() == 3);
    assert_eq!(said, "77\n77\n262144\n", "hard and soft limit; KiB");
}

#[test]
fn nobody_else_has_them() {
    let say = "ulimit -Hn >/mnt/new && mv /mnt/new /mnt/other; exec sleep 600";
    let world = World::boot(json!([
        {"name": "small", "command": ["/bin/sleep", "600"], "limits": {"open_files": 77}},
        {"name": "other", "command": ["/bin/sh", "-c", say]}
    ]));
    world.event("start", "small");
    assert_ne!(world.file("other", |text| text.ends_with('\n')), "77\n");
}
