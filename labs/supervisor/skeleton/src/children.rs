//! Every child, and who waits for it. PID 1 reaps children it never started; so nobody but this module may wait for
//! one: `std`'s `Child::wait` would find that its child is gone already.

use std::collections::BTreeMap;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, PoisonError};

use nix::sys::signal::{SigSet, SigmaskHow, sigprocmask};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{Pid, setsid};

/// How a child ended: its exit code, or the number of the signal that killed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    Code(i32),
    Signal(i32),
}

static WAITED_FOR: Mutex<BTreeMap<i32, Sender<Exit>>> = Mutex::new(BTreeMap::new());

/// Start a command in a session, and so a process group, of its own. Its end comes through the channel.
pub fn spawn(command: &mut Command) -> io::Result<(Pid, Receiver<Exit>)> {
    // `Command` lets a child begin with our signal mask, in which everything is blocked.
    let leave_ours = || {
        sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::empty()), None)?;
        setsid()?;
        Ok(())
    };
    // SAFETY: both are allowed between fork(2) and execve(2) (signal-safety(7)).
    unsafe { command.pre_exec(leave_ours) };
    // Held, so that a child that ends at once is not reaped before it is in the table.
    let mut waited_for = WAITED_FOR.lock().unwrap_or_else(PoisonError::into_inner);
    let child = command.spawn()?;
    let pid = child.id().cast_signed_or_max();
    let (sender, receiver) = channel();
    waited_for.insert(pid, sender);
    Ok((Pid::from_raw(pid), receiver))
}

/// Reap every child that has ended, also those that were adopted.
pub fn reap() {
    let mut waited_for = WAITED_FOR.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        let (pid, exit) = match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::Exited(pid, code)) => (pid, Exit::Code(code)),
            Ok(WaitStatus::Signaled(pid, signal, _)) => (pid, Exit::Signal(signal as i32)),
            // A signal without a name is not told by nix; the child is reaped all the same.
            Err(nix::errno::Errno::EINVAL) => continue,
            _ => return,
        };
        if let Some(sender) = waited_for.remove(&pid.as_raw()) {
            let _ = sender.send(exit);
        }
    }
}

trait CastSigned {
    fn cast_signed_or_max(self) -> i32;
}

impl CastSigned for u32 {
    /// A PID as the system calls have it; there is none above 4,194,304 (proc_sys_kernel(5), pid_max).
    fn cast_signed_or_max(self) -> i32 {
        i32::try_from(self).unwrap_or(i32::MAX)
    }
}
