//! One command and nothing else, as PID 1 of a container: reap, hand signals on, end as it ends (tini(1) does that).

use std::ffi::CString;
use std::io;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::service::Exit;
use crate::signals::{self, Signals};
use crate::spawn::{c_string, find_program};
use crate::sys::{self, Plan, Session, Spawner};

/// Signals that are about ourselves and not handed on: a child's end, and what a terminal says to a process that
/// reads or writes in the background (tini leaves the same ones).
const OURS: [i32; 3] = [libc::SIGCHLD, libc::SIGTTIN, libc::SIGTTOU];

/// Run a command; the status to end with: its own, 128 + the signal that killed it, 127 when there is no such
/// program, 126 when it cannot be executed. All signals must be blocked.
pub fn run(command: &[String]) -> i32 {
    match start(command) {
        Ok((pid, mut signals)) => {
            let status = wait(pid, &mut signals).status();
            sys::give_terminal_back(0);
            status
        }
        Err((code, message)) => {
            eprintln!("supervisor-rs: {message}");
            code
        }
    }
}

fn start(command: &[String]) -> Result<(i32, Signals), (i32, String)> {
    let other = |error: String| (1, error);
    let signals = Signals::new().map_err(|error| other(format!("signalfd: {error}")))?;
    // Orphans come to us also where we are not PID 1.
    sys::become_subreaper().map_err(|error| other(format!("prctl: {error}")))?;
    let path = std::env::var("PATH").unwrap_or_else(|_| "/usr/local/bin:/usr/bin:/bin".to_owned());
    let envp = std::env::vars_os().filter_map(|(key, value)| {
        let mut pair = key.into_encoded_bytes();
        pair.push(b'=');
        pair.extend(value.into_encoded_bytes());
        CString::new(pair).ok()
    });
    let plan = Plan {
        program: c_string(&find_program(&command[0], &path)).map_err(other)?,
        argv: command.iter().map(|word| c_string(word)).collect::<Result<_, _>>().map_err(other)?,
        envp: envp.collect(),
        session: Session::Foreground,
        ..Plan::default()
    };
    let pid = Spawner::default().spawn(&plan).map_err(|failed| {
        let error = io::Error::from_raw_os_error(failed.errno);
        let code = match (failed.step, failed.errno) {
            (sys::Step::Exec, libc::ENOENT) => 127,
            (sys::Step::Exec, _) => 126,
            _ => 1,
        };
        (code, format!("cannot execute {}: {error}", command[0]))
    })?;
    Ok((pid, signals))
}

fn wait(pid: i32, signals: &mut Signals) -> Exit {
    use std::os::fd::AsFd;
    loop {
        while let Ok(Some((ended, exit))) = sys::ended_child() {
            let _ = sys::reap(ended);
            if ended == pid {
                return exit;
            }
        }
        let mut readable = [PollFd::new(signals.as_fd(), PollFlags::POLLIN)];
        let _ = poll(&mut readable, PollTimeout::NONE);
        while let Some(signal) = signals.take() {
            if !OURS.contains(&signal) {
                // To the process alone: one that is a shell looks after its own jobs.
                let _ = sys::kill(pid, signal);
            }
        }
    }
}

/// Prepare: nothing may arrive before it can be read.
pub fn main(command: &[String]) -> i32 {
    match signals::block_all() {
        Ok(()) => run(command),
        Err(error) => {
            eprintln!("supervisor-rs: sigprocmask: {error}");
            1
        }
    }
}
