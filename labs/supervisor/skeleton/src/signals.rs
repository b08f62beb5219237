//! Place 2. Signals, and how a service is stopped.
//!
//! SIGTERM and SIGINT shall stop everything, a second one at once; SIGHUP reads the
//! manifest again (that works). Others change nothing. A service gets its stop signal,
//! once, on its first process alone, with SIGCONT, as one that is stopped could not
//! act upon it. After `stop_grace` seconds its whole process group gets SIGKILL.

use std::time::Duration;

use nix::sys::signal::Signal;
use nix::unistd::Pid;

use crate::manifest::Service;

/// What the supervisor shall do because of a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    Nothing,
    /// Stop every service, those first that others do not need; then end.
    Stop,
    /// SIGKILL to every service.
    StopAtOnce,
    /// Read the manifest again.
    Reload,
}

/// What a signal to the supervisor means; `stopping` when it has been told to stop
/// before.
pub fn wish(signal: Signal, _stopping: bool) -> Wish {
    match signal {
        Signal::SIGHUP => Wish::Reload,
        _ => Wish::Nothing,
    }
}

/// Called every 20 ms for a service that shall stop, until its process has ended.
/// `pid` is its first process, and the number of its process group. `waited` is how
/// long ago this function said that it has sent the stop signal, which is what the
/// answer means.
pub fn stop(_service: &Service, _pid: Pid, _waited: Option<Duration>) -> bool {
    false
}
