//! Asking services whether they are ready, and later whether they still answer: when, and what an answer means.

use std::os::fd::AsFd;
use std::time::Duration;

use nix::sys::epoll::{EpollEvent, EpollFlags};
use tracing::warn;

use crate::act::{Role, number};
use crate::backoff::Time;
use crate::health::Health;
use crate::manifest::{Kind, Probe, Readiness, Service};
use crate::probe::{Answer, Attempt};
use crate::service::Exit;
use crate::spawn::Wiring;
use crate::supervisor::{Due, Supervisor, Token, pack};
use crate::sys;

/// A question that is asked again and again: for readiness until the answer is yes, for liveness from then on.
#[derive(Debug)]
pub struct Asking {
    live: bool,
    probe: Probe,
    attempt: Option<Attempt>,
    process: Option<i32>,
    /// Between one question and the next. For readiness the least: see `pause_after`.
    pause: Duration,
    /// When the first question was to be put.
    since: Time,
    /// How long an answer may take.
    patience: Duration,
    health: Health,
}

const FIRST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// The pause before the next question about readiness, when the answers have been no for so long: an eighth of that.
/// What waits for the service then waits an eighth longer than it needs to, at most, and a sixteenth on average;
/// a service that takes long is asked seldom.
fn pause_after(asked: Duration) -> Duration {
    (asked / 8).clamp(FIRST_PAUSE, LONGEST_PAUSE)
}

impl Supervisor {
    pub(crate) fn became_ready(&mut self, slot: usize) {
        self.core.ready(slot, self.now());
        let live = self.core.get(slot).and_then(|svc| svc.spec.own.liveness.clone());
        if let Some(liveness) = live {
            let pause = Duration::from_secs_f64(liveness.interval);
            let patience = Duration::from_secs_f64(liveness.timeout);
            self.ask(slot, true, liveness.probe, pause, patience, self.now() + pause);
        }
    }

    /// After a start: ask whether it is ready, if that is to be asked.
    pub(crate) fn ask_from_now_on(&mut self, slot: usize, spec: &Service) {
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
        let health = Health::default();
        let asking =
            Asking { live, probe, attempt: None, process: None, pause, since: first, patience, health };
        self.runtime.entry(slot).or_default().asking = Some(asking);
        self.timers.set(Due::Ask(slot), first);
    }

    pub(crate) fn forget_asking(&mut self, slot: usize) {
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
                    let field =
                        if asking.live { "supervisor_rs.liveness.command" } else { "readiness.command" };
                    warn!(service = spec.name, field, "cannot be asked: {}", error.message);
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

    pub(crate) fn probe_ended(&mut self, slot: usize, pid: i32, exit: Exit) {
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
            let again = now + pause_after(now.saturating_sub(asking.since)).max(asking.pause);
            self.timers.set(Due::Ask(slot), again);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readiness_is_noticed_an_eighth_late_at_most_and_asked_for_every_half_second_in_the_end() {
        for milliseconds in [40, 100, 400, 1000, 3999] {
            let asked = Duration::from_millis(milliseconds);
            assert_eq!(pause_after(asked), asked / 8);
        }
        assert_eq!(pause_after(Duration::ZERO), FIRST_PAUSE);
        assert_eq!(pause_after(Duration::from_secs(60)), LONGEST_PAUSE);
    }
}
