//! Carrying out what the core says: processes, their signals, their readiness.

use std::os::fd::{AsFd, AsRawFd};
use std::rc::Rc;

use nix::sys::epoll::{EpollEvent, EpollFlags};
use tracing::warn;

use crate::ask::Asking;
use crate::cgroup::{self, Cgroup};
use crate::manifest::{Kind, Readiness, Service};
use crate::ready::{self, Heard, NotifyFd};
use crate::service::{Action, Exit, Svc};
use crate::spawn::{SpawnError, Wiring};
use crate::supervisor::{Supervisor, Token, pack};
use crate::{probe, signals, sys};

/// Whose process a child is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Main(usize),
    Probe(usize),
}

/// What a service has in the world, besides its process.
#[derive(Debug, Default)]
pub struct Runtime {
    pub cgroup: Option<Cgroup>,
    notify: Option<NotifyFd>,
    /// A port of its own that somebody else listened on when it was started.
    taken: Option<u16>,
    pub(crate) asking: Option<Asking>,
}

impl Supervisor {
    /// Do everything the core has asked for; that may make it ask for more.
    pub(crate) fn act(&mut self) {
        while let Some((slot, action)) = self.core.next_action() {
            match action {
                Action::Spawn => self.spawn(slot, false),
                Action::SpawnDown => self.spawn(slot, true),
                Action::Stop => self.stop(slot),
                Action::Kill => self.kill(slot),
                Action::Forget => {
                    self.forget_asking(slot);
                    self.runtime.remove(&slot);
                }
            }
        }
    }

    fn spawn(&mut self, slot: usize, down: bool) {
        let Some(spec) = self.core.get(slot).map(|svc| svc.spec.clone()) else { return };
        let command = if down { &spec.down } else { &spec.command };
        self.forget_asking(slot);
        match self.start(slot, &spec, command, down) {
            Ok(pid) => {
                self.children.insert(pid, Role::Main(slot));
                self.core.spawned(slot, pid, self.now());
                if !down {
                    self.ask_from_now_on(slot, &spec);
                }
            }
            Err(error) => {
                let field = Some(&*error.field).filter(|field| !field.is_empty());
                warn!(service = spec.name, field, error = error.message, "cannot be started");
                self.core.spawn_failed(slot, error.message, error.transient, self.now());
            }
        }
    }

    fn start(
        &mut self,
        slot: usize,
        spec: &Rc<Service>,
        command: &[String],
        down: bool,
    ) -> Result<i32, SpawnError> {
        let failed =
            |field: &str, error: &dyn std::fmt::Display| SpawnError::new(field, &error.to_string(), true);
        let mut wiring = Wiring {
            output: Some(self.logs.pipe(&spec.name, &spec.log).map_err(|error| failed("log", &error))?),
            ..Wiring::default()
        };
        let mut limited = spec.clone();
        let runtime = self.runtime.entry(slot).or_default();
        if cgroup::wants(spec) {
            if runtime.cgroup.is_none() {
                self.left.retain(|(other, _)| *other != slot);
                match self.cgroups.make(spec) {
                    Ok((made, missing)) => {
                        for (field, what) in missing {
                            warn!(service = spec.name, field, "{what}");
                        }
                        runtime.cgroup = Some(made);
                    }
                    Err(error) => {
                        for (field, what) in cgroup::without(spec) {
                            warn!(service = spec.name, field, "{what}: no cgroup: {error}");
                        }
                    }
                }
            }
            match &runtime.cgroup {
                Some(cgroup) => wiring.cgroups = cgroup.procs.iter().map(AsRawFd::as_raw_fd).collect(),
                None => limited = Rc::new(cgroup::each_process(spec)),
            }
        }
        if !down {
            self.look_at_ports(slot, spec);
        }
        let runtime = self.runtime.entry(slot).or_default();
        let mut theirs = None;
        if let (Some(Readiness::Fd { fd, .. }), false) = (&spec.readiness, down) {
            if spec.kind == Kind::Longrun {
                let (ours, write) = NotifyFd::new().map_err(|error| failed("readiness", &error))?;
                let event = EpollEvent::new(EpollFlags::EPOLLIN, pack(Token::NotifyFd(number(slot))));
                self.epoll.add(ours.as_fd(), event).map_err(|error| failed("readiness", &error))?;
                runtime.notify = Some(ours);
                wiring.extra = Some((write.as_raw_fd(), *fd));
                wiring.variables = ready::variables(*fd, self.notify.as_ref());
                theirs = Some(write);
            }
        }
        let started = self.launcher.start(&limited, command, &wiring);
        drop(theirs);
        if started.is_err() {
            // The next try makes it anew: it may have been what was in the way.
            runtime.cgroup.take_if(|cgroup| cgroup.remove());
        }
        started
    }

    /// Whether somebody else listens on a port of a service before it is started. It is started all the same: what
    /// it says of that itself is in its log. After an end by a signal nobody looks: what is left of it is dying still.
    fn look_at_ports(&mut self, slot: usize, spec: &Service) {
        let Some(svc) = self.core.get(slot) else { return };
        if svc.starts > 0 && !matches!(svc.last_exit, Some(Exit::Code(code)) if code != 0) {
            return;
        }
        let found = probe::ports(spec).find(|(_, port)| probe::in_use(*port));
        let runtime = self.runtime.entry(slot).or_default();
        let before = std::mem::replace(&mut runtime.taken, found.map(|(_, port)| port));
        if let Some((field, port)) = found.filter(|_| before != runtime.taken) {
            let mend = format!("see who it is: ss -ltnp 'sport = :{port}'");
            warn!(service = spec.name, field, "port {port} is in use before it is started; {mend}");
        }
    }

    fn stop(&mut self, slot: usize) {
        self.forget_asking(slot);
        let Some(svc) = self.core.get(slot) else { return };
        let Some(pid) = svc.pid else { return };
        if svc.spec.stop_signal == "KILL" {
            self.kill(slot);
            return;
        }
        let _ = sys::kill(pid, signals::number(&svc.spec.stop_signal));
        // One that was stopped (SIGSTOP) cannot act upon a signal.
        let _ = sys::kill(pid, libc::SIGCONT);
    }

    fn kill(&mut self, slot: usize) {
        if let Some(pid) = self.core.get(slot).and_then(|svc| svc.pid) {
            self.kill_rest(slot, pid);
        }
    }

    /// SIGKILL to all that is left of a service, whose first process has this PID and is not reaped.
    fn kill_rest(&self, slot: usize, pid: i32) {
        let _ = sys::kill(-pid, libc::SIGKILL);
        if let Some(cgroup) = self.runtime.get(&slot).and_then(|runtime| runtime.cgroup.as_ref()) {
            cgroup.kill();
        }
    }

    pub(crate) fn kill_all(&mut self) {
        let active: Vec<usize> =
            self.core.live().filter(|(_, svc)| svc.pid.is_some()).map(|(i, _)| i).collect();
        for slot in active {
            self.kill(slot);
        }
    }

    /// Everybody who has ended: services, probes, and orphans that were adopted.
    ///
    /// A child is looked at before it is reaped: until then its PID, which is its process group's number too, cannot
    /// belong to anybody else.
    pub(crate) fn reap(&mut self) {
        while let Ok(Some((pid, exit))) = sys::ended_child() {
            let role = self.children.remove(&pid);
            let mut emptied = None;
            if let Some(Role::Main(slot)) = role {
                if !(exit.success() && self.core.get(slot).is_some_and(Svc::leaves)) {
                    self.kill_rest(slot, pid);
                    emptied = Some(slot);
                }
            }
            if sys::reap(pid).is_err() {
                continue;
            }
            match role {
                Some(Role::Main(slot)) => self.ended(slot, exit),
                Some(Role::Probe(slot)) => self.probe_ended(slot, pid, exit),
                None => {}
            }
            let runtime = emptied.and_then(|slot| Some((slot, self.runtime.get_mut(&slot)?)));
            if let Some((slot, cgroup)) = runtime.and_then(|(slot, it)| Some((slot, it.cgroup.take()?))) {
                self.left.push((slot, cgroup));
            }
            self.act();
        }
        // Those who were killed end after their cgroup's first process; then they are adopted, and reaped here.
        self.left.retain(|(_, cgroup)| !cgroup.remove());
    }

    fn ended(&mut self, slot: usize, exit: Exit) {
        self.forget_asking(slot);
        let mut note = None;
        if let Some(runtime) = self.runtime.get_mut(&slot) {
            runtime.notify = None;
            let failed = matches!(exit, Exit::Code(code) if code != 0);
            let taken = runtime.taken.filter(|_| failed);
            note = runtime
                .cgroup
                .as_mut()
                .and_then(Cgroup::oom_note)
                .or_else(|| taken.map(|port| format!("port {port} was in use when it was started")));
        }
        self.core.exited(slot, exit, &note.unwrap_or_default(), self.now());
    }

    pub(crate) fn on_notify_fd(&mut self, slot: usize) {
        let Some(runtime) = self.runtime.get_mut(&slot) else { return };
        match runtime.notify.as_ref().map(NotifyFd::listen) {
            Some(Heard::Ready) => {
                runtime.notify = None;
                self.became_ready(slot);
            }
            Some(Heard::End) => runtime.notify = None,
            _ => {}
        }
    }

    pub(crate) fn on_notify_socket(&mut self) {
        while let Some(pid) = self.notify.as_ref().and_then(crate::ready::NotifySocket::next_ready) {
            let main = |pid: i32| match self.children.get(&pid) {
                Some(Role::Main(slot)) => Some(*slot),
                _ => None,
            };
            let slot = main(pid).or_else(|| ready::session_of(pid).and_then(main));
            let listens = |slot: &usize| {
                let readiness = self.core.get(*slot).and_then(|svc| svc.spec.readiness.as_ref());
                matches!(readiness, Some(Readiness::Fd { .. }))
            };
            if let Some(slot) = slot.filter(listens) {
                self.became_ready(slot);
            }
        }
    }
}

/// A place's number, as a token has it: there are never four thousand million services.
pub(crate) fn number(slot: usize) -> u32 {
    u32::try_from(slot).unwrap_or(u32::MAX)
}
