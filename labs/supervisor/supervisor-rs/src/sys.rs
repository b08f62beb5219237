//! The only module with `unsafe`: system calls that no crate of ours wraps, and the child's side of a spawn.

#![allow(unsafe_code)]

pub mod again;

use std::ffi::{CString, c_int, c_void};
use std::io;
use std::os::fd::{BorrowedFd, RawFd};

use crate::service::Exit;

/// What a new process shall be. Everything is prepared before it exists: between clone(2) and execve(2) it shares
/// the supervisor's memory, and may neither allocate nor fail in any way but by saying where.
#[derive(Debug, Default)]
pub struct Plan {
    pub program: CString,
    pub argv: Vec<CString>,
    pub envp: Vec<CString>,
    /// What becomes file descriptor 0, 1 and 2; `None` leaves it as the supervisor has it.
    pub stdio: [Option<RawFd>; 3],
    /// One more: (ours, its number in the child).
    pub extra: Option<(RawFd, RawFd)>,
    pub session: Session,
    /// Open `cgroup.procs` files to enter.
    pub cgroups: Vec<RawFd>,
    pub rlimits: Vec<(c_int, u64, u64)>,
    /// Capabilities to take out of the bounding set.
    pub drop_capabilities: Vec<u8>,
    pub ids: Option<Ids>,
    pub umask: Option<u32>,
    pub cwd: Option<CString>,
    pub no_new_privs: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Session {
    /// A session, and so a process group, of its own (setsid(2)).
    #[default]
    New,
    /// A process group of its own; in the foreground of the terminal, if standard input is one.
    Foreground,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ids {
    pub uid: u32,
    pub gid: u32,
    pub groups: Vec<u32>,
}

/// Where a spawn failed, and errno.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failed {
    pub step: Step,
    pub errno: i32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Step {
    Fork,
    Session,
    Cgroup,
    Limit,
    Files,
    Groups,
    User,
    Capabilities,
    NoNewPrivs,
    Cwd,
    Exec,
}

struct Child<'a> {
    plan: &'a Plan,
    argv: Vec<*const libc::c_char>,
    envp: Vec<*const libc::c_char>,
    ignored: &'a [c_int],
    failed: Option<Failed>,
}

/// Starts processes; keeps the stack they begin on.
#[derive(Debug)]
pub struct Spawner {
    stack: Vec<u128>,
    /// Signals that we ignore, and that stay ignored across execve(2) unless the child says otherwise: Rust's runtime
    /// ignores SIGPIPE, and whoever started us may have ignored others. Looked up once: we never ignore more.
    ignored: Vec<c_int>,
}

impl Default for Spawner {
    fn default() -> Self {
        Spawner { stack: vec![0; 64 * 1024 / size_of::<u128>()], ignored: (1..=64).filter(ignores).collect() }
    }
}

fn ignores(signal: &c_int) -> bool {
    // SAFETY: only asks (sigaction(2)); all zeros is a valid structure, and a number it refuses leaves it so.
    unsafe {
        let mut now = std::mem::zeroed::<libc::sigaction>();
        libc::sigaction(*signal, std::ptr::null(), &raw mut now) == 0 && now.sa_sigaction == libc::SIG_IGN
    }
}

impl Spawner {
    /// Start a process; its PID, once its program runs.
    ///
    /// clone(2) with CLONE_VM and CLONE_VFORK, as posix_spawn(3) does: nothing of our memory is copied, and we are
    /// held until the child has executed its program or given up, so that an error is simply there to be read.
    /// Every signal has to be blocked: the child gets an empty mask just before it becomes its program.
    pub fn spawn(&mut self, plan: &Plan) -> Result<i32, Failed> {
        let pointers = |strings: &[CString]| {
            strings.iter().map(|s| s.as_ptr()).chain([std::ptr::null()]).collect::<Vec<_>>()
        };
        let (argv, envp) = (pointers(&plan.argv), pointers(&plan.envp));
        let mut child = Child { plan, argv, envp, ignored: &self.ignored, failed: None };
        // SAFETY: the stack is ours, aligned to 16 bytes, grows down from its end and outlives the child's use of
        // it, as CLONE_VFORK holds us meanwhile; `child` is reached by nobody else for the same reason.
        let pid = unsafe {
            let top = self.stack.as_mut_ptr_range().end.cast::<c_void>();
            let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD;
            libc::clone(run_child, top, flags, (&raw mut child).cast::<c_void>())
        };
        if pid < 0 {
            return Err(Failed { step: Step::Fork, errno: errno() });
        }
        // SAFETY: the child wrote to it through a pointer the compiler knows nothing of.
        match unsafe { std::ptr::read_volatile(&raw const child.failed) } {
            None => Ok(pid),
            Some(failed) => {
                let mut status = 0;
                // SAFETY: a plain system call; the child has called _exit.
                unsafe { libc::waitpid(pid, &raw mut status, 0) };
                Err(failed)
            }
        }
    }
}

extern "C" fn run_child(arg: *mut c_void) -> c_int {
    // SAFETY: the pointer `spawn` passed; the parent is held until we execute or exit.
    let child = unsafe { &mut *arg.cast::<Child>() };
    child.failed = Some(become_program(child));
    // SAFETY: ends this process alone.
    unsafe { libc::_exit(127) }
}

/// In the child: only system calls, no allocation, no locks. Returns only when something failed.
fn become_program(child: &Child) -> Failed {
    let plan = child.plan;
    let fail = |step| Failed { step, errno: errno() };
    // SAFETY: plain system calls with pointers into `plan`, which outlives them. The calls that change credentials
    // are made raw: libc's own would signal all threads of the process, and it takes the parent's for ours.
    unsafe {
        if plan.session == Session::New {
            libc::setsid();
        } else {
            // Not the leader of a session (kill(2) on the group works either way); SIGTTOU is blocked still.
            libc::setpgid(0, 0);
            if libc::isatty(0) == 1 {
                libc::tcsetpgrp(0, libc::getpid());
            }
        }
        for &fd in &plan.cgroups {
            if libc::write(fd, c"0".as_ptr().cast(), 1) < 0 {
                return fail(Step::Cgroup);
            }
        }
        for &(resource, soft, hard) in &plan.rlimits {
            let limit = libc::rlimit { rlim_cur: soft, rlim_max: hard };
            if libc::syscall(libc::SYS_prlimit64, 0, resource, &raw const limit, 0) < 0 {
                return fail(Step::Limit);
            }
        }
        for (target, source) in (0..).zip(plan.stdio) {
            if source.is_some_and(|source| libc::dup2(source, target) < 0) {
                return fail(Step::Files);
            }
        }
        if let Some((source, target)) = plan.extra {
            let done = if source == target {
                libc::fcntl(source, libc::F_SETFD, 0)
            } else {
                libc::dup2(source, target)
            };
            if done < 0 {
                return fail(Step::Files);
            }
        }
        for &capability in &plan.drop_capabilities {
            // EINVAL: this kernel has no such capability, so nobody can have it.
            if libc::prctl(libc::PR_CAPBSET_DROP, libc::c_ulong::from(capability), 0, 0, 0) < 0
                && errno() != libc::EINVAL
            {
                return fail(Step::Capabilities);
            }
        }
        if let Some(ids) = &plan.ids {
            if libc::syscall(libc::SYS_setgroups, ids.groups.len(), ids.groups.as_ptr()) < 0 {
                return fail(Step::Groups);
            }
            if libc::syscall(libc::SYS_setresgid, ids.gid, ids.gid, ids.gid) < 0 {
                return fail(Step::Groups);
            }
            if libc::syscall(libc::SYS_setresuid, ids.uid, ids.uid, ids.uid) < 0 {
                return fail(Step::User);
            }
        }
        if let Some(mask) = plan.umask {
            libc::umask(mask as libc::mode_t);
        }
        // After the change of user: it is the user that must be allowed in.
        if plan.cwd.as_ref().is_some_and(|cwd| libc::chdir(cwd.as_ptr()) < 0) {
            return fail(Step::Cwd);
        }
        if plan.no_new_privs && libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 {
            return fail(Step::NoNewPrivs);
        }
        for &signal in child.ignored {
            libc::signal(signal, libc::SIG_DFL);
        }
        let mut none = std::mem::zeroed::<libc::sigset_t>();
        libc::sigemptyset(&raw mut none);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const none, std::ptr::null_mut());
        libc::execve(plan.program.as_ptr(), child.argv.as_ptr(), child.envp.as_ptr());
        fail(Step::Exec)
    }
}

fn errno() -> i32 {
    // SAFETY: libc's own variable of this thread.
    unsafe { *libc::__errno_location() }
}

fn checked(result: c_int) -> io::Result<c_int> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// kill(2): also real-time signals, and -PID for a process group.
pub fn kill(pid: i32, signal: i32) -> io::Result<()> {
    // SAFETY: a plain system call.
    checked(unsafe { libc::kill(pid, signal) }).map(drop)
}

/// A child that has ended, and how; it is not reaped: its PID is still its own. `None`: no such child now; an error
/// (ECHILD): no child at all. Any signal number is told, also those past 31.
pub fn ended_child() -> io::Result<Option<(i32, Exit)>> {
    // SAFETY: the structure is written by the call; all zeros (no child) is a valid one.
    unsafe {
        let mut info = std::mem::zeroed::<libc::siginfo_t>();
        let options = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT;
        checked(libc::waitid(libc::P_ALL, 0, &raw mut info, options))?;
        let status = info.si_status();
        let exit = if info.si_code == libc::CLD_EXITED { Exit::Code(status) } else { Exit::Signal(status) };
        Ok(Some(info.si_pid()).filter(|&pid| pid > 0).map(|pid| (pid, exit)))
    }
}

/// Reap a child that has ended.
pub fn reap(pid: i32) -> io::Result<()> {
    // SAFETY: a plain system call that may be given no place for the status.
    checked(unsafe { libc::waitpid(pid, std::ptr::null_mut(), libc::WNOHANG) }).map(drop)
}

/// Adopt the orphans of our descendants, as PID 1 does anyway (prctl(2), PR_SET_CHILD_SUBREAPER).
pub fn become_subreaper() -> io::Result<()> {
    // SAFETY: a plain system call.
    checked(unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) }).map(drop)
}

/// Every descriptor from 3 on is closed when a program is executed: ours, and what we were given by mistake.
pub fn close_on_exec_from_3() {
    // SAFETY: a plain system call. An old kernel (before 5.11) refuses it; then only ours are marked.
    unsafe { libc::syscall(libc::SYS_close_range, 3, u32::MAX, libc::CLOSE_RANGE_CLOEXEC) };
}

/// Borrow standard error, or another descriptor that is never closed.
pub fn borrow(fd: RawFd) -> BorrowedFd<'static> {
    // SAFETY: callers pass 0, 1 or 2, which Rust's runtime has opened before `main` if nobody else had.
    unsafe { BorrowedFd::borrow_raw(fd) }
}

/// The foreground process group of the terminal at `fd`.
pub fn give_terminal_back(fd: RawFd) {
    // SAFETY: plain system calls; fd is no terminal most of the time, and then nothing happens.
    unsafe {
        if libc::isatty(fd) == 1 {
            libc::tcsetpgrp(fd, libc::getpgrp());
        }
    }
}

/// Seconds since the computer started, those asleep too (CLOCK_BOOTTIME).
pub fn boot_seconds() -> i64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: writes the structure.
    unsafe { libc::clock_gettime(libc::CLOCK_BOOTTIME, &raw mut time) };
    time.tv_sec
}

/// dup2(2): `target` becomes what `source` is.
pub fn copy_descriptor(source: RawFd, target: RawFd) -> io::Result<()> {
    // SAFETY: callers pass 0, 1 or 2 as target, which nobody owns.
    checked(unsafe { libc::dup2(source, target) }).map(drop)
}

/// A command that leads a session of its own, with the terminal at its standard input as its own (tty_ioctl(4)).
pub fn with_terminal(command: &mut std::process::Command) -> &mut std::process::Command {
    use std::os::unix::process::CommandExt;
    let take = || {
        // SAFETY: plain system calls, allowed between fork(2) and execve(2).
        unsafe {
            libc::setsid();
            libc::ioctl(0, libc::TIOCSCTTY, 1);
        }
        Ok(())
    };
    // SAFETY: `take` makes only such calls.
    unsafe { command.pre_exec(take) }
}
