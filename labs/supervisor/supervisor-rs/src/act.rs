//! Carrying out what the core says: processes, their signals, their readiness.

use std::os::fd::{AsFd, AsRawFd};
use std::rc::Rc;
use std::time::Duration;

use nix::sys::epoll::{EpollEvent, EpollFlags};
use tracing::warn;

use crate::backoff::Time;
use crate::cgroup::{self, Cgroup};
use crate::health::Health;
use crate::manifest::{Kind, Probe, Readiness, Service};
use crate::probe::{Answer, Attempt};
use crate::ready::{self, Heard, NotifyFd};
use crate::service::{Action, Exit, Svc};
use crate::spawn::{SpawnError, Wiring};
use crate::supervisor::{Due, Supervisor, Token, pack};
use crate::{signals, sys};

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
    asking: Option<Asking>,
}

/// A question that is asked again and again: for readiness until the answer is yes, for liveness from then on.
#[derive(Debug)]
struct Asking {
    live: bool,
    probe: Probe,
    attempt: Option<Attempt>,
    process: Option<i32>,
    /// Between one question and the next.
    pause: Duration,
    /// How long an answer may take.
    patience: Duration,
    health: Health,
}

const FIRST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

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
            Err(error) => self.core.spawn_failed(slot, error.message, error.transient, self.now()),
        }
    }

    fn start(
        &mut self,
        slot: usize,
        spec: &Rc<Service>,
        command: &[String],
        down: bool,
    ) -> Result<i32, SpawnError> {
        let failed = |what: &str, error: &dyn std::fmt::Display| SpawnError {
            message: format!("{what}: {error}"),
            transient: true,
        };
        let mut wiring = Wiring {
            output: Some(self.logs.pipe(&spec.name, &spec.log).map_err(|error| failed("log", &error))?),
            ..Wiring::default()
        };
        let mut limited = spec.clone();
        let runtime = self.runtime.entry(slot).or_default();
        if cgroup::wants(spec) {
            if runtime.cgroup.is_none() {
                match self.cgroups.make(spec) {
                    Ok((made, missing)) => {
                        for what in missing {
                            warn!(service = spec.name, "{what}");
                        }
                        runtime.cgroup = Some(made);
                    }
                    Err(error) => {
                        warn!(
                            service = spec.name,
                            field = "limits",
                            "no cgroup, each process is limited alone: {error}"
                        );
                    }
                }
            }
            match &runtime.cgroup {
                Some(cgroup) => wiring.cgroups = cgroup.procs.iter().map(AsRawFd::as_raw_fd).collect(),
                None => limited = Rc::new(cgroup::each_process(spec)),
            }
        }
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
        started
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
            if let Some(Role::Main(slot)) = role {
                if !(exit.success() && self.core.get(slot).is_some_and(Svc::leaves)) {
                    self.kill_rest(slot, pid);
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
            self.act();
        }
    }

    fn ended(&mut self, slot: usize, exit: Exit) {
        self.forget_asking(slot);
        let mut note = None;
        if let Some(runtime) = self.runtime.get_mut(&slot) {
            runtime.notify = None;
            note = runtime.cgroup.as_mut().and_then(Cgroup::oom_note);
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

    fn became_ready(&mut self, slot: usize) {
        self.core.ready(slot, self.now());
        let live = self.core.get(slot).and_then(|svc| svc.spec.own.liveness.clone());
        if let Some(liveness) = live {
            let pause = Duration::from_secs_f64(liveness.interval);
            let patience = Duration::from_secs_f64(liveness.timeout);
            self.ask(slot, true, liveness.probe, pause, patience, self.now() + pause);
        }
    }

    /// After a start: ask whether it is ready, if that is to be asked.
    fn ask_from_now_on(&mut self, slot: usize, spec: &Service) {
        match &spec.readiness {
            Some(Readiness::Ask { probe, timeout }) if spec.kind == Kind::Longrun => {
                let patience = match probe {
                    Probe::Exec { .. } => *timeout,
                    _ => timeout.min(1.0),
                };
                let patience = Duration::from_secs_f64(patience);
                self.ask(slot, false, probe.clone(), FIRST_PAUSE, patience, self.now());
            }
            None if spec.own.liveness.is_some() => self.became_ready(slot),
            _ => {}
        }
    }

    fn ask(
        &mut self,
        slot: usize,
        live: bool,
        probe: Probe,
        pause: Duration,
        patience: Duration,
        first: Time,
    ) {
        self.forget_asking(slot);
        let asking =
            Asking { live, probe, attempt: None, process: None, pause, patience, health: Health::default() };
        self.runtime.entry(slot).or_default().asking = Some(asking);
        self.timers.set(Due::Ask(slot), first);
    }

    fn forget_asking(&mut self, slot: usize) {
        self.timers.clear(Due::Ask(slot));
        self.timers.clear(Due::Answer(slot));
        if let Some(asking) = self.runtime.get_mut(&slot).and_then(|runtime| runtime.asking.take()) {
            if let Some(pid) = asking.process {
                let _ = sys::kill(-pid, libc::SIGKILL);
            }
        }
    }

    /// Questions whose time has come, and those that were not answered in time.
    pub(crate) fn probes_due(&mut self) {
        while let Some(due) = self.timers.due(self.now()) {
            match due {
                Due::Ask(slot) => self.put_question(slot),
                Due::Answer(slot) => {
                    let asking = self.runtime.get_mut(&slot).and_then(|runtime| runtime.asking.as_mut());
                    if let Some(pid) = asking.and_then(|asking| asking.process.take()) {
                        let _ = sys::kill(-pid, libc::SIGKILL);
                    }
                    self.answered(slot, false);
                }
            }
            self.act();
        }
    }

    fn put_question(&mut self, slot: usize) {
        let Some(spec) = self.core.get(slot).map(|svc| svc.spec.clone()) else { return };
        let Some(asking) = self.runtime.get_mut(&slot).and_then(|runtime| runtime.asking.as_mut()) else {
            return;
        };
        let patience = asking.patience;
        let answer = if let Probe::Exec { command } = &asking.probe {
            match self.launcher.start(&spec, command, &Wiring::default()) {
                Ok(pid) => {
                    asking.process = Some(pid);
                    self.children.insert(pid, Role::Probe(slot));
                    Answer::NotYet
                }
                Err(error) => {
                    warn!(service = spec.name, field = "readiness.command", "{}", error.message);
                    asking.pause = asking.pause.max(Duration::from_secs(1));
                    Answer::No
                }
            }
        } else {
            match Attempt::begin(&asking.probe) {
                Ok((attempt, answer)) => {
                    let flags = if attempt.reads() { EpollFlags::EPOLLIN } else { EpollFlags::EPOLLOUT };
                    let event = EpollEvent::new(flags, pack(Token::Probe(number(slot))));
                    let watched = answer != Answer::NotYet || self.epoll.add(attempt.as_fd(), event).is_ok();
                    asking.attempt = Some(attempt);
                    if watched { answer } else { Answer::No }
                }
                Err(_) => Answer::No,
            }
        };
        match answer {
            Answer::NotYet => self.timers.set(Due::Answer(slot), self.now() + patience),
            answer => self.answered(slot, answer == Answer::Yes),
        }
    }

    pub(crate) fn on_probe(&mut self, slot: usize) {
        let Some(asking) = self.runtime.get_mut(&slot).and_then(|runtime| runtime.asking.as_mut()) else {
            return;
        };
        let Some(attempt) = &mut asking.attempt else { return };
        match attempt.event() {
            Answer::NotYet => {
                let flags = if attempt.reads() { EpollFlags::EPOLLIN } else { EpollFlags::EPOLLOUT };
                let mut event = EpollEvent::new(flags, pack(Token::Probe(number(slot))));
                let _ = self.epoll.modify(attempt.as_fd(), &mut event);
            }
            answer => self.answered(slot, answer == Answer::Yes),
        }
    }

    fn probe_ended(&mut self, slot: usize, pid: i32, exit: Exit) {
        let Some(asking) = self.runtime.get_mut(&slot).and_then(|runtime| runtime.asking.as_mut()) else {
            return;
        };
        if asking.process == Some(pid) {
            asking.process = None;
            self.answered(slot, exit.success());
        }
    }

    /// There is an answer: good, bad, or none in time.
    fn answered(&mut self, slot: usize, good: bool) {
        self.timers.clear(Due::Answer(slot));
        let now = self.now();
        let Some(asking) = self.runtime.get_mut(&slot).and_then(|runtime| runtime.asking.as_mut()) else {
            return;
        };
        asking.attempt = None;
        if asking.live {
            let again = now + asking.pause;
            let spec = self.core.get(slot).map(|svc| svc.spec.clone());
            let dead = spec.as_ref().and_then(|spec| spec.own.liveness.as_ref());
            if dead.is_some_and(|liveness| asking.health.answered(good, liveness)) {
                let name = spec.map(|spec| spec.name.clone()).unwrap_or_default();
                warn!(
                    service = name,
                    field = "supervisor_rs.liveness",
                    "it no longer answers: restarting it"
                );
                self.core.restart(&[slot], now);
                self.core.rethink(now);
            } else {
                self.timers.set(Due::Ask(slot), again);
            }
        } else if good {
            self.forget_asking(slot);
            self.became_ready(slot);
        } else {
            let again = now + asking.pause;
            asking.pause = (asking.pause * 3 / 2).min(LONGEST_PAUSE);
            self.timers.set(Due::Ask(slot), again);
        }
    }
}

/// A place's number, as a token has it: there are never four thousand million services.
fn number(slot: usize) -> u32 {
    u32::try_from(slot).unwrap_or(u32::MAX)
}
