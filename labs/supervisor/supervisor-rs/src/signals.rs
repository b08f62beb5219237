//! Signals, read like a file: signalfd(2). Nothing is ever interrupted, no handler runs.

use std::os::fd::{AsFd, BorrowedFd};

use nix::sys::signal::{SigSet, SigmaskHow, sigprocmask};
use nix::sys::signalfd::{SfdFlags, SignalFd};

/// What the supervisor shall do because of a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// SIGCHLD: there is somebody to reap.
    Reap,
    /// SIGTERM: stop everything, then end.
    Stop,
    /// SIGINT: from a terminal as SIGTERM; to a machine's PID 1 it is ctrl-alt-del, and means reboot.
    Interrupt,
    /// SIGPWR: power fails.
    PowerFail,
    /// SIGHUP: read the manifest again.
    Reload,
}

#[derive(Debug)]
pub struct Signals {
    fd: SignalFd,
}

/// Block every signal, so that they wait to be read. Done before any thread is started, which inherits that.
pub fn block_all() -> nix::Result<()> {
    sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::all()), None)
}

/// Block every signal but those of a fault, which has to be noticed when it happens (see [`crate::crash`]).
pub fn block_all_but_faults() -> nix::Result<()> {
    let mut set = SigSet::all();
    for fault in crate::sys::again::FAULTS {
        set.remove(nix::sys::signal::Signal::try_from(fault)?);
    }
    sigprocmask(SigmaskHow::SIG_SETMASK, Some(&set), None)
}

impl Signals {
    /// The signals must be blocked.
    pub fn new() -> nix::Result<Signals> {
        let fd = SignalFd::with_flags(&SigSet::all(), SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)?;
        Ok(Signals { fd })
    }

    /// The number of the next signal that has arrived, if any.
    pub fn take(&mut self) -> Option<i32> {
        match self.fd.read_signal() {
            Ok(Some(info)) => i32::try_from(info.ssi_signo).ok(),
            _ => None,
        }
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// What a signal means to the supervisor. Others mean nothing; as they are blocked they do no harm.
pub fn request(signal: i32) -> Option<Request> {
    Some(match signal {
        libc::SIGCHLD => Request::Reap,
        libc::SIGTERM => Request::Stop,
        libc::SIGINT => Request::Interrupt,
        libc::SIGPWR => Request::PowerFail,
        libc::SIGHUP => Request::Reload,
        _ => return None,
    })
}

/// The number of a signal that a manifest may name.
pub fn number(name: &str) -> i32 {
    match name {
        "INT" => libc::SIGINT,
        "QUIT" => libc::SIGQUIT,
        "HUP" => libc::SIGHUP,
        "KILL" => libc::SIGKILL,
        "USR1" => libc::SIGUSR1,
        "USR2" => libc::SIGUSR2,
        _ => libc::SIGTERM,
    }
}

/// `SIGTERM` for 15; `signal 34` for one without a name.
pub fn name(number: i32) -> String {
    match nix::sys::signal::Signal::try_from(number) {
        Ok(signal) => signal.as_str().to_owned(),
        Err(_) => format!("signal {number}"),
    }
}
