//! How long a restart is held back. Pure: given the time, it answers; nothing here sleeps.

use std::collections::VecDeque;
use std::time::Duration;

use crate::manifest::{Own, Restart};

/// Time since the supervisor started, on CLOCK_MONOTONIC: it does not jump when somebody sets the clock.
pub type Time = Duration;

/// One service's history of starts.
#[derive(Clone, Debug, Default)]
pub struct Backoff {
    /// Restarts in a row: none of those processes stayed up for long.
    in_a_row: i32,
    starts: VecDeque<Time>,
}

/// What comes after an end.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Next {
    At(Time),
    /// The start limit is reached.
    TooOften,
}

impl Backoff {
    /// A process was started.
    pub fn started(&mut self, now: Time, own: &Own) {
        let Some((most, _)) = own.start_limit else { return };
        self.starts.push_back(now);
        while self.starts.len() > most as usize {
            self.starts.pop_front();
        }
    }

    /// When to start again a process that began at `began` and ended `now`.
    ///
    /// The n-th restart in a row waits delay × factor^(n-1), at most max_delay, from the end on. From the second one
    /// on, `jitter` makes that longer or shorter at random, so that services that failed together do not come back
    /// together. A manifest that asks for no back-off (a tenth of a second, not growing) only limits the rate: the
    /// tenth is counted from the last *start*, as s6-supervise(8) counts its second. `chance` is from 0 to 1.
    pub fn next(&mut self, restart: &Restart, own: &Own, began: Time, now: Time, chance: f64) -> Next {
        if now.saturating_sub(began) >= stable(restart, own) {
            self.in_a_row = 0;
        }
        if let Some((most, seconds)) = own.start_limit {
            let recent =
                self.starts.iter().filter(|&&start| start + Duration::from_secs_f64(seconds) > now).count();
            if recent >= most as usize {
                return Next::TooOften;
            }
        }
        let longest = restart.max_delay.max(restart.delay);
        let mut delay = (restart.delay * restart.factor.powi(self.in_a_row)).min(longest);
        if self.in_a_row > 0 && holds_back(restart) {
            delay = (delay * (1.0 + own.jitter * (2.0 * chance - 1.0))).min(longest);
        }
        self.in_a_row = self.in_a_row.saturating_add(1);
        let delay = Duration::from_secs_f64(delay);
        Next::At(if holds_back(restart) { now + delay } else { now.max(began + delay) })
    }

    /// When to try again what could not even be executed: a second, then twice as long, at most half a minute.
    pub fn retry(&mut self, restart: &Restart, now: Time) -> Time {
        let doubled = f64::from(1_u32 << self.in_a_row.clamp(0, 5)).min(30.0);
        self.in_a_row = self.in_a_row.saturating_add(1);
        now + Duration::from_secs_f64(doubled.max(restart.delay))
    }

    /// Somebody asked for a start: what was before does not count.
    pub fn forget(&mut self) {
        *self = Backoff::default();
    }
}

/// Whether the manifest asks for more than "again soon".
fn holds_back(restart: &Restart) -> bool {
    restart.delay > Restart::default().delay || (restart.factor > 1.0 && restart.delay > 0.0)
}

/// How long a process must have been up for its end to be the first one again: longer than the longest delay and as
/// long again, unless the manifest says.
fn stable(restart: &Restart, own: &Own) -> Duration {
    let longest = if restart.factor > 1.0 { restart.max_delay } else { restart.delay };
    Duration::from_secs_f64(own.stable.unwrap_or(2.0 * longest + 1.0))
}
