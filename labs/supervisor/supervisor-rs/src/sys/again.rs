//! Executing ourselves again, also from where nearly nothing is allowed any more: a panic, the handler of a fault.

use std::ffi::{CStr, CString};
use std::io;
use std::sync::OnceLock;

/// What execve(2) takes, made before it is needed. It is never freed.
struct Image {
    pid: i32,
    programs: Vec<CString>,
    argv: Vec<*const libc::c_char>,
    envp: Vec<*const libc::c_char>,
    said: &'static [u8],
}

// SAFETY: the pointers are to strings that are never freed nor changed.
unsafe impl Send for Image {}
// SAFETY: likewise.
unsafe impl Sync for Image {}

static NEXT: OnceLock<Image> = OnceLock::new();

/// Faults: signals that our own code would cause. SIGABRT is among them, for abort(3).
pub const FAULTS: [i32; 6] =
    [libc::SIGSEGV, libc::SIGBUS, libc::SIGILL, libc::SIGFPE, libc::SIGABRT, libc::SIGSYS];

/// What `execute` and a fault shall execute: the first of the programs that can be. `said` is written to standard
/// error first, when it has room. The faults have to be unblocked: a blocked one ends the process (signal(7)).
pub fn prepare(
    programs: Vec<CString>,
    argv: Vec<CString>,
    envp: Vec<CString>,
    said: &'static str,
) -> io::Result<()> {
    let forever = |strings: Vec<CString>| {
        let pointers = strings.into_iter().map(|string| string.into_raw().cast_const());
        pointers.chain([std::ptr::null()]).collect()
    };
    let image = Image {
        // SAFETY: a plain system call.
        pid: unsafe { libc::getpid() },
        programs,
        argv: forever(argv),
        envp: forever(envp),
        said: said.as_bytes(),
    };
    if NEXT.set(image).is_err() {
        return Ok(());
    }
    for signal in FAULTS {
        // SAFETY: a handler that only makes system calls. It runs on the stack that Rust's runtime has set aside for
        // a stack overflow (sigaltstack(2)).
        unsafe {
            let mut action = std::mem::zeroed::<libc::sigaction>();
            let handler: extern "C" fn(i32, *mut libc::siginfo_t, *mut libc::c_void) = on_fault;
            action.sa_sigaction = handler as libc::sighandler_t;
            action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_NODEFER;
            if libc::sigaction(signal, &raw const action, std::ptr::null_mut()) < 0 {
                return Err(io::Error::last_os_error());
            }
        }
    }
    Ok(())
}

/// Become the prepared program, with the same PID and the same children. Where that fails there is nothing better than
/// to be a PID 1 that reaps and does nothing else, as the end of PID 1 would be everybody's; any other process ends
/// with 101. Nothing here allocates.
pub fn execute() -> ! {
    let Some(next) = NEXT.get() else { end() };
    for program in &next.programs {
        // SAFETY: all pointers are to what is never freed, and end with a null pointer.
        unsafe { libc::execve(program.as_ptr(), next.argv.as_ptr(), next.envp.as_ptr()) };
    }
    end()
}

fn end() -> ! {
    // SAFETY: plain system calls.
    unsafe {
        if libc::getpid() != 1 {
            libc::_exit(101);
        }
        loop {
            if libc::waitpid(-1, std::ptr::null_mut(), 0) < 0 {
                libc::usleep(100_000);
            }
        }
    }
}

extern "C" fn on_fault(_: i32, info: *mut libc::siginfo_t, _: *mut libc::c_void) {
    // SAFETY: the kernel passes a valid `info`; all the rest are plain system calls.
    unsafe {
        let own = libc::getpid();
        let Some(next) = NEXT.get() else { libc::_exit(127) };
        // Sent by somebody (si_code of kill(2) and its like is not positive), and not by our own abort(3).
        if (*info).si_code <= 0 && (*info).si_pid() != own {
            return;
        }
        // The child of a spawn, before it has executed its program.
        if own != next.pid {
            libc::_exit(127);
        }
        let mut room = libc::pollfd { fd: 2, events: libc::POLLOUT, revents: 0 };
        if libc::poll(&raw mut room, 1, 0) > 0 && room.revents & libc::POLLOUT != 0 {
            libc::write(2, next.said.as_ptr().cast(), next.said.len());
        }
    }
    execute()
}

/// A fault of our own making, for a drill.
pub fn fault() -> ! {
    // SAFETY: it is not safe, which is the point: nothing is mapped there.
    unsafe { std::ptr::null::<u8>().read_volatile() };
    end()
}

/// `/proc/self/exe`, which is this program also when its file has been replaced.
pub const SELF: &CStr = c"/proc/self/exe";
