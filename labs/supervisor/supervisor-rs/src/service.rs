//! One service: where it is in its life. Pure: what shall be done to the world is an [`Action`] for others to carry
//! out. The set of all of them is [`Core`](crate::core::Core).

use std::rc::Rc;

use crate::backoff::{Backoff, Time};
use crate::manifest::{Kind, Service};

/// ```text
///          wanted            dependencies ready       ready (none asked: at once)
///   Down ─────────▶ Waiting ───────────────▶ Starting ─────────▶ Up
///    ▲                 ▲                        │ ends           │ ends
///    │                 │   back-off over        ▼                ▼
///    │                 └────────────────────  Backoff ◀──────────┤
///    │                                          │ start limit    │ policy says no
///    │                                          ▼                ▼
///    │                                        Failed           Ended
///    └──── Stopping ◀── no longer wanted, and who depends on it has stopped
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    Down,
    /// Wanted; what it depends on is not ready.
    Waiting,
    /// The process runs and is not ready yet (a oneshot: not done yet).
    Starting,
    /// Ready; a oneshot has been done.
    Up,
    /// The stop signal was sent, or the oneshot's down command runs.
    Stopping,
    /// It ended and will be started again.
    Backoff,
    /// It ended well and its policy does not start it again.
    Ended,
    /// It ended badly, or could not be started, and will not be started again by itself.
    Failed,
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    Code(i32),
    Signal(i32),
}

/// What the supervisor shall do for a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Start its command; answer with `Core::spawned` or `Core::spawn_failed`.
    Spawn,
    /// Start its down command; answer likewise.
    SpawnDown,
    /// Send the stop signal (and SIGCONT) to its process.
    Stop,
    /// SIGKILL to all its processes.
    Kill,
    /// It was removed and is down: forget it.
    Forget,
}

#[derive(Clone, Debug)]
pub struct Svc {
    pub spec: Rc<Service>,
    /// By number: those that must be ready before this one starts (bundles replaced by their members).
    pub deps: Vec<usize>,
    pub needed_by: Vec<usize>,
    pub phase: Phase,
    /// Since when it is in this phase.
    pub since: Time,
    /// What somebody asked for.
    pub wanted: bool,
    /// Wanted, and so is all it depends on.
    pub effective: bool,
    /// To be stopped and then started again.
    pub again: bool,
    /// Its next definition, taken when it is down (hot reload).
    pub next_spec: Option<Rc<Service>>,
    /// No longer in the manifest.
    pub removed: bool,
    pub pid: Option<i32>,
    /// Its process was started then.
    pub began: Time,
    pub starts: u32,
    pub last_exit: Option<Exit>,
    /// Not ready in time; it goes on running, who depends on it waits.
    pub degraded: bool,
    /// Why it is where it is, in words, when that is not plain.
    pub why: String,
    pub backoff: Backoff,
    pub deadline: Option<Time>,
}

impl Svc {
    pub fn new(spec: Rc<Service>) -> Svc {
        Svc {
            spec,
            deps: Vec::new(),
            needed_by: Vec::new(),
            phase: Phase::Down,
            since: Time::ZERO,
            wanted: false,
            effective: false,
            again: false,
            next_spec: None,
            removed: false,
            pid: None,
            began: Time::ZERO,
            starts: 0,
            last_exit: None,
            degraded: false,
            why: String::new(),
            backoff: Backoff::default(),
            deadline: None,
        }
    }

    pub fn is_oneshot(&self) -> bool {
        self.spec.kind == Kind::Oneshot
    }

    /// Whether what its command leaves running stays: that of a oneshot that is being done. What a oneshot that fails,
    /// is stopped or undone has left goes with it, as a longrun's always does.
    pub fn leaves(&self) -> bool {
        self.is_oneshot() && self.phase == Phase::Starting
    }

    /// Whether it has to come down: for good, or to be started anew.
    pub fn must_stop(&self) -> bool {
        !self.effective || self.again
    }

    /// Whether something of it is there that others rely on, or that runs.
    pub fn active(&self) -> bool {
        self.pid.is_some() || matches!(self.phase, Phase::Starting | Phase::Up | Phase::Stopping)
    }

    pub fn ready(&self) -> bool {
        self.phase == Phase::Up
    }

    /// One of five words that every init's state fits: up, down, starting, stopping, failed.
    pub fn state(&self) -> &'static str {
        match self.phase {
            Phase::Up => "up",
            Phase::Starting => "starting",
            Phase::Stopping => "stopping",
            Phase::Backoff | Phase::Failed => "failed",
            Phase::Waiting if self.effective => "starting",
            Phase::Down | Phase::Ended | Phase::Waiting => "down",
        }
    }
}

impl Phase {
    pub fn word(self) -> &'static str {
        match self {
            Phase::Down => "down",
            Phase::Waiting => "waiting",
            Phase::Starting => "starting",
            Phase::Up => "up",
            Phase::Stopping => "stopping",
            Phase::Backoff => "backoff",
            Phase::Ended => "ended",
            Phase::Failed => "failed",
        }
    }
}

impl Exit {
    pub fn success(self) -> bool {
        self == Exit::Code(0)
    }

    /// As a shell shows it: the exit status, or 128 + the signal.
    pub fn status(self) -> i32 {
        match self {
            Exit::Code(code) => code,
            Exit::Signal(signal) => 128 + signal,
        }
    }

    pub fn words(self) -> String {
        match self {
            Exit::Code(code) => format!("exit status {code}"),
            Exit::Signal(signal) => format!("killed by {}", crate::signals::name(signal)),
        }
    }
}
