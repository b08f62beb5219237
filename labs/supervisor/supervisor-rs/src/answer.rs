//! What the control socket's commands mean.

use serde_json::{Value, json};

use crate::control::{Request, refusal};
use crate::manifest::Kind;
use crate::problems::no_service;
use crate::service::{Phase, Svc};
use crate::supervisor::{Ending, Supervisor};

/// A client that gets its answer when something is done.
#[derive(Debug)]
pub struct Waiting {
    client: u32,
    goals: Vec<(usize, Goal)>,
    names: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Goal {
    Up,
    Down,
    /// Ready, with a process started after that many others.
    StartedAfter(u32),
}

impl Supervisor {
    pub(crate) fn on_client(&mut self, client: u32) {
        match self.control.read(client) {
            Ok(Some(request)) => self.command(client, request),
            Ok(None) => {
                // Nothing to read: then there is room to write.
                let watch = if self.waiting.iter().any(|waiting| waiting.client == client) {
                    crate::control::Watch::Read
                } else {
                    self.control.write_if_any(client)
                };
                self.watch_client(client, watch);
            }
            Err(what) if what == "closed" => {
                self.waiting.retain(|waiting| waiting.client != client);
                self.control.drop_client(client);
            }
            Err(what) => self.reply(client, &refusal(&what)),
        }
    }

    fn reply(&mut self, client: u32, answer: &Value) {
        let watch = self.control.reply(client, answer);
        self.watch_client(client, watch);
    }

    fn command(&mut self, client: u32, request: Request) {
        if request.command == "drill" {
            self.drill(client, &request.names);
            return;
        }
        let mut slots = Vec::new();
        for name in &request.names {
            match self.core.find(name) {
                Some(members) => slots.extend(members),
                None => {
                    let known: Vec<&str> =
                        self.core.names().iter().map(|(spec, _)| spec.name.as_str()).collect();
                    let answer = refusal(&no_service(name, &known));
                    self.reply(client, &answer);
                    return;
                }
            }
        }
        let now = self.now();
        let goals: Vec<(usize, Goal)> = match request.command.as_str() {
            "start" | "stop" | "restart" if slots.is_empty() => {
                self.reply(client, &refusal("name a service"));
                return;
            }
            "start" | "restart" if self.ending.is_some() => {
                self.reply(client, &refusal("everything is being stopped"));
                return;
            }
            "start" => {
                self.core.want(&slots, true, now);
                slots.iter().map(|&slot| (slot, Goal::Up)).collect()
            }
            "stop" => {
                self.core.want(&slots, false, now);
                slots.iter().map(|&slot| (slot, Goal::Down)).collect()
            }
            "restart" => {
                let starts = |slot: usize| self.core.get(slot).map_or(0, |svc| svc.starts);
                let goals = slots.iter().map(|&slot| (slot, Goal::StartedAfter(starts(slot)))).collect();
                self.core.restart(&slots, now);
                self.core.rethink(now);
                goals
            }
            "status" => {
                let answer = self.report(&request.names);
                self.reply(client, &answer);
                return;
            }
            "logs" => {
                let path = request.names.first().map(|name| self.logs.path(name));
                self.reply(client, &json!({"ok": path.is_some(), "path": path}));
                return;
            }
            "reload" => {
                let answer = match self.reload() {
                    Ok(changes) => json!({"ok": true, "changes": changes}),
                    Err(error) => refusal(&error),
                };
                self.reply(client, &answer);
                return;
            }
            "shutdown" | "reboot" => {
                let ending = match (self.options.machine, request.command.as_str()) {
                    (false, _) => Ending::Exit,
                    (true, "reboot") => Ending::Reboot,
                    (true, _) => Ending::PowerOff,
                };
                self.reply(client, &json!({"ok": true}));
                self.end(ending);
                return;
            }
            other => {
                self.reply(client, &refusal(&format!("no command \"{other}\"")));
                return;
            }
        };
        if request.wait {
            self.waiting.push(Waiting { client, goals, names: request.names });
        } else {
            let answer = self.report(&request.names);
            self.reply(client, &answer);
        }
    }

    /// Crash, so that somebody sees what that does.
    fn drill(&mut self, client: u32, kind: &[String]) {
        let kind = kind.first().map_or("", String::as_str);
        if !["panic", "fault"].contains(&kind) {
            self.reply(client, &refusal("a drill is a panic or a fault"));
            return;
        }
        self.reply(client, &json!({"ok": true}));
        assert_ne!(kind, "panic", "a drill, asked for through the control socket");
        crate::sys::again::fault();
    }

    /// Answer those whose goal is reached, or will not be.
    pub(crate) fn answer_waiting(&mut self) {
        if self.waiting.is_empty() {
            return;
        }
        for waiting in std::mem::take(&mut self.waiting) {
            let states: Vec<Result<bool, String>> =
                waiting.goals.iter().map(|&(slot, goal)| self.reached(slot, goal)).collect();
            if let Some(error) = states.iter().find_map(|state| state.as_ref().err()) {
                let mut answer = self.report(&waiting.names);
                answer["ok"] = false.into();
                answer["error"] = error.clone().into();
                self.reply(waiting.client, &answer);
            } else if states.iter().all(|state| *state == Ok(true)) {
                let answer = self.report(&waiting.names);
                self.reply(waiting.client, &answer);
            } else {
                self.waiting.push(waiting);
            }
        }
    }

    /// Whether a goal is reached; an error says why it will not be, or not soon.
    fn reached(&self, slot: usize, goal: Goal) -> Result<bool, String> {
        let Some(svc) = self.core.get(slot) else { return Err("it is no longer in the manifest".to_owned()) };
        if goal == Goal::Down {
            return Ok(!svc.active() && matches!(svc.phase, Phase::Down | Phase::Waiting));
        }
        if let Goal::StartedAfter(before) = goal {
            if svc.again || svc.starts <= before && svc.active() {
                return Ok(false);
            }
        }
        let failed = |svc: &Svc, what: &str| Err(format!("{}: {what}: {}", svc.spec.name, svc.why));
        match svc.phase {
            Phase::Up => Ok(true),
            _ if !svc.wanted => Err(format!("{}: somebody wants it down", svc.spec.name)),
            Phase::Failed | Phase::Backoff => failed(svc, "failed"),
            Phase::Ended => failed(svc, "ended"),
            Phase::Starting if svc.degraded => failed(svc, "runs"),
            Phase::Waiting => {
                let stuck = svc.deps.iter().filter_map(|&need| self.core.get(need));
                for need in stuck {
                    if need.degraded || matches!(need.phase, Phase::Failed | Phase::Ended) {
                        return Err(format!("{} waits for {}: {}", svc.spec.name, need.spec.name, need.why));
                    }
                }
                Ok(false)
            }
            _ => Ok(false),
        }
    }

    /// The status of these names, or of all.
    fn report(&self, names: &[String]) -> Value {
        let each = self.core.names().iter();
        let asked = each.filter(|(spec, _)| names.is_empty() || names.contains(&spec.name));
        let services: Vec<Value> = asked
            .map(|(spec, members)| match (spec.kind, members.first().and_then(|&slot| self.core.get(slot))) {
                (Kind::Bundle, _) => self.bundle(&spec.name, members),
                (_, Some(svc)) => self.status(svc),
                (_, None) => json!({"name": spec.name, "state": "down"}),
            })
            .collect();
        json!({"ok": true, "name": self.manifest.name, "services": services})
    }

    fn status(&self, svc: &Svc) -> Value {
        let now = self.now();
        let seconds = |time: std::time::Duration| (time.as_secs_f64() * 1000.0).round() / 1000.0;
        let missing: Vec<&str> = match svc.phase {
            Phase::Waiting => {
                let needs = svc.deps.iter().filter_map(|&need| self.core.get(need));
                needs.filter(|need| !need.ready()).map(|need| need.spec.name.as_str()).collect()
            }
            _ => Vec::new(),
        };
        let why = if svc.phase == Phase::Waiting && svc.why.is_empty() && !missing.is_empty() {
            format!("waits for {}", missing.join(", "))
        } else {
            svc.why.clone()
        };
        json!({
            "name": svc.spec.name,
            "kind": svc.spec.kind.word(),
            "state": svc.state(),
            "phase": svc.phase.word(),
            "pid": svc.pid,
            "ready": svc.ready(),
            "uptime": seconds(now.saturating_sub(svc.since)),
            "wanted": svc.wanted,
            "starts": svc.starts,
            "exit": svc.last_exit.map(crate::service::Exit::status),
            "restart_in": svc.deadline.filter(|_| svc.phase == Phase::Backoff).map(|at| seconds(at.saturating_sub(now))),
            "degraded": svc.degraded,
            "waits_for": missing,
            "why": why,
            "log": self.logs.path(&svc.spec.name),
            "log_bytes_lost": self.logs.lost(&svc.spec.name),
        })
    }

    fn bundle(&self, name: &str, members: &[usize]) -> Value {
        let all: Vec<&Svc> = members.iter().filter_map(|&slot| self.core.get(slot)).collect();
        let any = |state: &str| all.iter().any(|svc| svc.state() == state);
        let state =
            ["failed", "stopping", "starting", "down"].into_iter().find(|state| any(state)).unwrap_or("up");
        let since = all.iter().map(|svc| svc.since).max().unwrap_or_default();
        let members: Vec<&str> = all.iter().map(|svc| svc.spec.name.as_str()).collect();
        json!({
            "name": name,
            "kind": "bundle",
            "state": state,
            "phase": state,
            "pid": null,
            "ready": state == "up",
            "uptime": self.now().saturating_sub(since).as_secs_f64(),
            "members": members,
        })
    }
}
