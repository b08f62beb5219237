//! Hot reload: from the services that run to those of another manifest, touching only what differs.
//!
//! What a process was started with (its command, environment, user, limits…) can only change by starting it again, and
//! what depends on it is restarted too. The rest (dependencies, restart policy, log, stop signal, description, ports) is
//! the supervisor's own knowledge, and changes in place.

use std::rc::Rc;

use serde_json::{Value, json};
use tracing::info;

use crate::backoff::Time;
use crate::core::Core;
use crate::manifest::{Kind, Manifest, Service};
use crate::service::Svc;
use crate::supervisor::Supervisor;

/// By name, each in its manifest's order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    pub added: Vec<String>,
    pub removed: Vec<String>,
    /// Has to be started anew.
    pub changed: Vec<String>,
    /// Goes on with the same process.
    pub in_place: Vec<String>,
}

pub fn changes(old: &Manifest, new: &Manifest) -> Changes {
    let mut found = Changes::default();
    let before: std::collections::HashMap<&str, &Service> =
        old.services.iter().map(|service| (service.name.as_str(), service)).collect();
    for service in &new.services {
        let name = service.name.clone();
        match before.get(service.name.as_str()) {
            None => found.added.push(name),
            Some(same) if *same == service => {}
            // What was a bundle and is a process now is another thing by the same name.
            Some(old) if (old.kind == Kind::Bundle) != (service.kind == Kind::Bundle) => {
                found.removed.push(name.clone());
                found.added.push(name);
            }
            Some(old) if same_process(old, service) => found.in_place.push(name),
            Some(_) => found.changed.push(name),
        }
    }
    let kept: std::collections::HashSet<&str> =
        new.services.iter().map(|service| service.name.as_str()).collect();
    found
        .removed
        .extend(old.services.iter().filter(|s| !kept.contains(s.name.as_str())).map(|s| s.name.clone()));
    found
}

/// Whether a process started by one definition is as good as one started by the other.
fn same_process(old: &Service, new: &Service) -> bool {
    let mut old = old.clone();
    old.description.clone_from(&new.description);
    old.depends_on.clone_from(&new.depends_on);
    old.down.clone_from(&new.down);
    old.restart.clone_from(&new.restart);
    old.log.clone_from(&new.log);
    old.stop_signal.clone_from(&new.stop_signal);
    old.stop_grace = new.stop_grace;
    old.ports.clone_from(&new.ports);
    old.own.jitter = new.own.jitter;
    old.own.stable = new.own.stable;
    old.own.start_limit = new.own.start_limit;
    old == *new
}

impl Core {
    /// Go from the old manifest to the new one.
    pub fn reload(&mut self, new: &Manifest, changes: &Changes, now: Time) {
        let place = |core: &Core, name: &str| {
            core.live().find(|(_, svc)| svc.spec.name == name && !svc.removed).map(|(i, _)| i)
        };
        for name in &changes.removed {
            if let Some(i) = place(self, name) {
                if let Some(svc) = &mut self.svcs[i] {
                    svc.removed = true;
                    svc.wanted = false;
                }
            }
        }
        let mut again = Vec::new();
        for service in new.services.iter().filter(|service| service.kind != Kind::Bundle) {
            let spec = Rc::new(service.clone());
            let Some(i) = place(self, &service.name) else {
                let mut svc = Svc::new(spec);
                svc.wanted = true;
                match self.svcs.iter().position(Option::is_none) {
                    Some(free) => self.svcs[free] = Some(svc),
                    None => self.svcs.push(Some(svc)),
                }
                continue;
            };
            let Some(svc) = &mut self.svcs[i] else { continue };
            if !changes.changed.contains(&service.name) {
                svc.spec = spec;
            } else if svc.active() {
                svc.next_spec = Some(spec);
                again.push(i);
            } else {
                svc.spec = spec;
                svc.backoff.forget();
                // What had failed gets its chance with the new definition.
                if svc.wanted {
                    again.push(i);
                }
            }
        }
        self.connect(new);
        // Who depends on one that is started anew is started anew as well.
        let mut border = again.clone();
        while let Some(i) = border.pop() {
            let needed_by = self.get(i).map(|svc| svc.needed_by.clone()).unwrap_or_default();
            for other in needed_by {
                if self.get(other).is_some_and(|svc| svc.active()) && !again.contains(&other) {
                    again.push(other);
                    border.push(other);
                }
            }
        }
        for i in again {
            if let Some(svc) = &mut self.svcs[i] {
                svc.again = true;
            }
        }
        self.rethink(now);
    }
}

impl Supervisor {
    /// Read the manifest again. A bad one changes nothing; the error says what is wrong with it.
    pub(crate) fn reload(&mut self) -> Result<Value, String> {
        if self.ending.is_some() {
            return Err("everything is being stopped".to_owned());
        }
        let new = Manifest::load(&self.options.manifest).map_err(|refused| refused.to_string())?;
        let changes = changes(&self.manifest, &new);
        info!(
            added = changes.added.len(),
            removed = changes.removed.len(),
            changed = changes.changed.len(),
            in_place = changes.in_place.len(),
            "reloaded {}",
            self.options.manifest.display()
        );
        if matches!(&self.cgroups, crate::cgroup::Cgroups::None(_))
            && new.services.iter().any(crate::cgroup::wants)
        {
            self.cgroups = crate::cgroup::Cgroups::detect("supervisor-rs");
        }
        for service in &new.services {
            if changes.in_place.contains(&service.name) || changes.changed.contains(&service.name) {
                self.logs.configure(&service.name, &service.log);
            }
        }
        self.core.reload(&new, &changes, self.now());
        self.manifest = new;
        Ok(json!({
            "added": changes.added, "removed": changes.removed, "changed": changes.changed,
            "in_place": changes.in_place,
        }))
    }
}
