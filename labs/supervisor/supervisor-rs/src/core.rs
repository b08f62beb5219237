//! All services and the order between them. Pure: events come in as method calls with the time they happened,
//! what to do goes out as [`Action`]s; so it can be tested against a model, without a process.
//!
//! The one rule: a service *runs* while it is wanted and all it depends on is wanted. It is started when all it
//! depends on is ready; it is stopped when nothing that depends on it, and has to stop as well, is left. Boot,
//! shutdown, `supervisorctl-rs stop` and a reload are all the same rule, with other wishes.

use std::collections::{BTreeSet, VecDeque};
use std::rc::Rc;
use std::time::Duration;

use tracing::{info, warn};

use crate::backoff::{Next, Time};
use crate::graph;
use crate::manifest::{Kind, Manifest, Policy, Service};
use crate::service::{Action, Exit, Phase, Svc};

/// The down command of a oneshot may take this long, or its grace if that is longer.
const DOWN_SECONDS: f64 = 60.0;

#[derive(Debug, Default)]
pub struct Core {
    /// By number. A free place is `None`.
    pub(crate) svcs: Vec<Option<Svc>>,
    /// Name → its services; a bundle has all its members.
    pub(crate) names: Vec<(Rc<Service>, Vec<usize>)>,
    actions: VecDeque<(usize, Action)>,
    deadlines: BTreeSet<(Time, usize)>,
    random: u64,
}

impl Core {
    pub fn new(manifest: &Manifest, seed: u64) -> Core {
        let mut core = Core { random: seed | 1, ..Core::default() };
        for service in manifest.services.iter().filter(|service| service.kind != Kind::Bundle) {
            core.svcs.push(Some(Svc::new(Rc::new(service.clone()))));
        }
        core.connect(manifest);
        core
    }

    /// Make the edges those of the manifest, whose services (no bundles) all have a place by now.
    pub(crate) fn connect(&mut self, manifest: &Manifest) {
        let all = &manifest.services;
        let index: std::collections::HashMap<&str, usize> =
            all.iter().enumerate().map(|(i, service)| (service.name.as_str(), i)).collect();
        let edges: Vec<Vec<usize>> = all
            .iter()
            .map(|service| {
                service.depends_on.iter().filter_map(|need| index.get(need.as_str()).copied()).collect()
            })
            .collect();
        let bundles: Vec<bool> = all.iter().map(|service| service.kind == Kind::Bundle).collect();
        let flat = graph::expand(&edges, &bundles);
        let by_name: std::collections::HashMap<String, usize> =
            self.live().map(|(i, svc)| (svc.spec.name.clone(), i)).collect();
        let place: Vec<Option<usize>> =
            all.iter().map(|service| by_name.get(&service.name).copied()).collect();
        let places = |needs: &[usize]| needs.iter().filter_map(|&need| place[need]).collect::<Vec<_>>();
        self.names.clear();
        for (i, service) in all.iter().enumerate() {
            let members = if bundles[i] { places(&flat[i]) } else { place[i].into_iter().collect() };
            self.names.push((Rc::new(service.clone()), members));
            if let Some(svc) = place[i].and_then(|at| self.svcs[at].as_mut()) {
                svc.deps = places(&flat[i]);
            }
        }
        let deps: Vec<Vec<usize>> = self
            .svcs
            .iter()
            .map(|svc| svc.as_ref().map(|svc| svc.deps.clone()).unwrap_or_default())
            .collect();
        for (i, needed_by) in graph::reverse(&deps).into_iter().enumerate() {
            if let Some(svc) = &mut self.svcs[i] {
                svc.needed_by = needed_by;
            }
        }
    }

    pub fn live(&self) -> impl Iterator<Item = (usize, &Svc)> {
        self.svcs.iter().enumerate().filter_map(|(i, svc)| svc.as_ref().map(|svc| (i, svc)))
    }

    /// The services a name stands for: itself, or a bundle's members.
    pub fn find(&self, name: &str) -> Option<&[usize]> {
        self.names.iter().find(|(service, _)| service.name == name).map(|(_, members)| members.as_slice())
    }

    /// In the manifest's order: every definition and what it stands for.
    pub fn names(&self) -> &[(Rc<Service>, Vec<usize>)] {
        &self.names
    }

    pub fn get(&self, i: usize) -> Option<&Svc> {
        self.svcs.get(i).and_then(Option::as_ref)
    }

    /// What is to be done next. Carrying it out may lead to more.
    pub fn next_action(&mut self) -> Option<(usize, Action)> {
        self.actions.pop_front()
    }

    /// When `tick` has to be called, unless something happens before.
    pub fn next_deadline(&self) -> Option<Time> {
        self.deadlines.first().map(|&(time, _)| time)
    }

    /// Whether no process of any service is left.
    pub fn all_down(&self) -> bool {
        self.live().all(|(_, svc)| !svc.active())
    }

    /// The process runs: the program was found and executed.
    pub fn spawned(&mut self, i: usize, pid: i32, now: Time) {
        let Some(svc) = &mut self.svcs[i] else { return };
        svc.pid = Some(pid);
        if svc.phase == Phase::Stopping {
            info!(service = svc.spec.name, pid, "down command started");
            return;
        }
        svc.began = now;
        svc.starts += 1;
        let spec = svc.spec.clone();
        svc.backoff.started(now, &spec.own);
        info!(service = spec.name, pid, starts = svc.starts, "started");
        match &spec.readiness {
            _ if spec.kind == Kind::Oneshot => {}
            None => self.ready(i, now),
            Some(readiness) => {
                self.set_deadline(i, Some(now + Duration::from_secs_f64(readiness.timeout())));
            }
        }
        self.settle(vec![i], now);
    }

    /// It could not be started. `transient`: the computer was short of something, the definition may be good.
    pub fn spawn_failed(&mut self, i: usize, why: String, transient: bool, now: Time) {
        let Some(svc) = &mut self.svcs[i] else { return };
        svc.why = why;
        let spec = svc.spec.clone();
        if svc.phase == Phase::Stopping {
            self.enter(i, Phase::Down, now);
        } else if spec.restart.policy != Policy::Never && spec.kind == Kind::Longrun || transient {
            let at = svc.backoff.retry(&spec.restart, now);
            self.enter(i, Phase::Backoff, now);
            self.set_deadline(i, Some(at));
        } else {
            self.enter(i, Phase::Failed, now);
        }
        self.settle(vec![i], now);
    }

    /// It said that it is ready, or a probe found out.
    pub fn ready(&mut self, i: usize, now: Time) {
        let Some(svc) = self.svcs[i].as_mut().filter(|svc| svc.phase == Phase::Starting) else { return };
        svc.degraded = false;
        svc.why.clear();
        let after = now.saturating_sub(svc.began);
        info!(service = svc.spec.name, pid = svc.pid, seconds = after.as_secs_f64(), "ready");
        self.enter(i, Phase::Up, now);
        self.settle(vec![i], now);
    }

    /// Its process has ended, for the reason in `note` if one is known (out of memory).
    pub fn exited(&mut self, i: usize, exit: Exit, note: &str, now: Time) {
        let chance = self.chance();
        let Some(svc) = &mut self.svcs[i] else { return };
        let pid = svc.pid.take();
        svc.last_exit = Some(exit);
        svc.degraded = false;
        let words = if note.is_empty() { exit.words() } else { format!("{}: {note}", exit.words()) };
        let seconds = now.saturating_sub(svc.began).as_secs_f64();
        info!(service = svc.spec.name, pid, exit = exit.status(), seconds, "ended: {words}");
        svc.why = words;
        let spec = svc.spec.clone();
        let next = if svc.phase == Phase::Stopping || svc.must_stop() {
            Phase::Down
        } else if spec.kind == Kind::Oneshot {
            if exit.success() { Phase::Up } else { Phase::Failed }
        } else if exit.success() && spec.restart.policy != Policy::Always {
            Phase::Ended
        } else if spec.restart.policy == Policy::Never {
            Phase::Failed
        } else {
            match svc.backoff.next(&spec.restart, &spec.own, svc.began, now, chance) {
                Next::At(at) => {
                    self.enter(i, Phase::Backoff, now);
                    self.set_deadline(i, Some(at));
                    if at <= now {
                        self.tick(now);
                    }
                    Phase::Backoff
                }
                Next::TooOften => {
                    let (starts, seconds) = spec.own.start_limit.unwrap_or_default();
                    svc.why = format!("{}; started {starts} times in {seconds} seconds", svc.why);
                    Phase::Failed
                }
            }
        };
        if next != Phase::Backoff {
            if next == Phase::Failed {
                warn!(service = spec.name, "failed; `supervisorctl-rs start {}` tries again", spec.name);
            }
            self.enter(i, next, now);
        }
        self.settle(vec![i], now);
    }

    /// Deadlines that are over: back-off, readiness, grace.
    pub fn tick(&mut self, now: Time) {
        while let Some(&(time, i)) = self.deadlines.first() {
            if time > now {
                return;
            }
            self.set_deadline(i, None);
            let Some(svc) = &mut self.svcs[i] else { continue };
            match svc.phase {
                Phase::Backoff => {
                    self.enter(i, Phase::Waiting, now);
                    self.settle(vec![i], now);
                }
                Phase::Stopping => {
                    warn!(service = svc.spec.name, pid = svc.pid, "did not end in its grace: SIGKILL");
                    self.actions.push_back((i, Action::Kill));
                }
                Phase::Starting => {
                    svc.degraded = true;
                    let timeout =
                        svc.spec.readiness.as_ref().map_or(0.0, crate::manifest::Readiness::timeout);
                    svc.why = format!("not ready after {timeout} seconds");
                    warn!(service = svc.spec.name, pid = svc.pid, timeout, "not ready in time; it goes on");
                }
                _ => {}
            }
        }
    }

    /// Bring these nearer to what is wanted, and then whoever a change concerns: those that wait for one that is
    /// ready now, and those that may stop now that one is gone.
    pub(crate) fn settle(&mut self, which: Vec<usize>, now: Time) {
        let mut todo: Vec<(usize, bool)> = which.into_iter().rev().map(|i| (i, true)).collect();
        while let Some((i, mut changed)) = todo.pop() {
            while self.step(i, now) {
                changed = true;
            }
            let Some(svc) = self.get(i).filter(|_| changed) else { continue };
            if svc.ready() {
                let waits = |&&other: &&usize| self.get(other).is_some_and(|svc| svc.phase == Phase::Waiting);
                todo.extend(svc.needed_by.iter().rev().filter(waits).map(|&other| (other, false)));
            }
            if !svc.active() {
                let stops =
                    |&&need: &&usize| self.get(need).is_some_and(|svc| svc.active() && svc.must_stop());
                todo.extend(svc.deps.iter().filter(stops).map(|&need| (need, false)));
            }
        }
    }

    /// One step of one service; whether there may be another.
    fn step(&mut self, i: usize, now: Time) -> bool {
        let (may_start, may_stop) = (self.may_start(i), self.may_stop(i));
        let Some(svc) = &mut self.svcs[i] else { return false };
        let must_stop = svc.must_stop();
        let to = match svc.phase {
            Phase::Down if svc.removed => {
                self.forget(i);
                return false;
            }
            Phase::Down => {
                svc.again = false;
                if let Some(spec) = svc.next_spec.take() {
                    svc.spec = spec;
                    svc.backoff.forget();
                }
                if !svc.wanted {
                    return false;
                }
                Phase::Waiting
            }
            Phase::Waiting if !svc.wanted => Phase::Down,
            Phase::Waiting if svc.again => {
                svc.again = false;
                return true;
            }
            Phase::Waiting if svc.effective && may_start => {
                self.actions.push_back((i, Action::Spawn));
                Phase::Starting
            }
            // The process is not there before its `spawned`: there is nothing to send a signal to.
            Phase::Starting if must_stop && may_stop && svc.pid.is_some() => Phase::Stopping,
            Phase::Up if must_stop && may_stop && svc.pid.is_none() && svc.spec.down.is_empty() => {
                Phase::Down
            }
            Phase::Up if must_stop && may_stop => Phase::Stopping,
            Phase::Backoff | Phase::Ended | Phase::Failed if must_stop => Phase::Down,
            _ => return false,
        };
        let (spec, pid) = (svc.spec.clone(), svc.pid);
        self.enter(i, to, now);
        if to == Phase::Stopping {
            info!(service = spec.name, pid, "stopping");
            self.actions.push_back((i, if pid.is_some() { Action::Stop } else { Action::SpawnDown }));
            let grace = if pid.is_some() { spec.stop_grace } else { spec.stop_grace.max(DOWN_SECONDS) };
            self.set_deadline(i, Some(now + Duration::from_secs_f64(grace)));
        }
        true
    }

    fn may_start(&self, i: usize) -> bool {
        let ready = |&need: &usize| self.get(need).is_some_and(|svc| svc.ready() && !svc.must_stop());
        self.get(i).is_some_and(|svc| svc.deps.iter().all(ready))
    }

    fn may_stop(&self, i: usize) -> bool {
        let gone = |&other: &usize| self.get(other).is_none_or(|svc| !svc.active() || !svc.must_stop());
        self.get(i).is_some_and(|svc| svc.needed_by.iter().all(gone))
    }

    pub(crate) fn enter(&mut self, i: usize, phase: Phase, now: Time) {
        self.set_deadline(i, None);
        if let Some(svc) = &mut self.svcs[i] {
            svc.phase = phase;
            svc.since = now;
        }
    }

    fn set_deadline(&mut self, i: usize, at: Option<Time>) {
        let Some(svc) = &mut self.svcs[i] else { return };
        if let Some(old) = std::mem::replace(&mut svc.deadline, at) {
            self.deadlines.remove(&(old, i));
        }
        if let Some(at) = at {
            self.deadlines.insert((at, i));
        }
    }

    /// A removed service is down: its place becomes free.
    fn forget(&mut self, i: usize) {
        self.set_deadline(i, None);
        self.svcs[i] = None;
        for svc in self.svcs.iter_mut().flatten() {
            svc.deps.retain(|&other| other != i);
            svc.needed_by.retain(|&other| other != i);
        }
        self.actions.push_back((i, Action::Forget));
    }

    /// A number from 0 to 1 (xorshift64, Marsaglia 2003): restarts need no better chance.
    fn chance(&mut self) -> f64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        f64::from(u32::try_from(self.random >> 32).unwrap_or(0)) / f64::from(u32::MAX)
    }
}
