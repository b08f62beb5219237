//! What a machine's first process does besides supervising: file systems before, ctrl-alt-del, the end after.

use std::fs::OpenOptions;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use nix::errno::Errno;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sys::reboot::{RebootMode, reboot, set_cad_enabled};

use crate::supervisor::Ending;
use crate::{events, sys};

/// The first PID namespace's inode in /proc/PID/ns: the same on every kernel (PROC_PID_INIT_INO of linux/proc_ns.h).
const FIRST_PID_NAMESPACE: u64 = 0xEFFF_FFFC;

/// (source, where, type, flags, options) of what a machine's programs expect.
type Mount = (&'static str, &'static str, &'static str, MsFlags, &'static str);

fn mounts() -> [Mount; 7] {
    let quiet = MsFlags::MS_NOSUID | MsFlags::MS_NOEXEC | MsFlags::MS_NODEV;
    let device = MsFlags::MS_NOSUID | MsFlags::MS_NOEXEC;
    let run = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    [
        ("proc", "/proc", "proc", quiet, ""),
        ("sysfs", "/sys", "sysfs", quiet, ""),
        ("devtmpfs", "/dev", "devtmpfs", MsFlags::MS_NOSUID, "mode=0755"),
        ("devpts", "/dev/pts", "devpts", device, "gid=5,mode=0620,ptmxmode=0666"),
        ("tmpfs", "/dev/shm", "tmpfs", run, "mode=1777"),
        ("tmpfs", "/run", "tmpfs", run, "mode=0755"),
        ("cgroup2", "/sys/fs/cgroup", "cgroup2", quiet, ""),
    ]
}

/// Whether we are a machine's (or a virtual machine's) first process, and no container's: PID 1 in the first PID
/// namespace of its kernel.
///
/// That is read in /proc, which on a machine may not be there yet: then it is mounted, and unmounted again if we are
/// in a container after all.
pub fn is_ours() -> bool {
    if std::process::id() != 1 {
        return false;
    }
    let namespace = || std::fs::metadata("/proc/self/ns/pid").map(|about| about.ino()).ok();
    if let Some(inode) = namespace() {
        return inode == FIRST_PID_NAMESPACE;
    }
    let [proc, ..] = mounts();
    if put(&proc).is_err() {
        return false;
    }
    let machine = namespace() == Some(FIRST_PID_NAMESPACE);
    if !machine {
        let _ = umount2("/proc", MntFlags::MNT_DETACH);
    }
    machine
}

/// Mount what is not there, take ctrl-alt-del for ourselves, open the console. What could not be had, in words: a
/// machine goes on with what it has.
pub fn prepare() -> Vec<String> {
    let mut missing = Vec::new();
    for entry in mounts() {
        if let Err(error) = put(&entry) {
            missing.push(format!("{} ({}): not mounted: {error}", entry.1, entry.2));
        }
    }
    // The kernel sends us SIGINT for it instead of rebooting at once (reboot(2)).
    if let Err(error) = set_cad_enabled(false) {
        missing.push(format!("ctrl-alt-del: {error}"));
    }
    if let Err(error) = open_console() {
        missing.push(format!("/dev/console: {error}"));
    }
    missing
}

fn put(&(source, target, kind, flags, options): &Mount) -> io::Result<()> {
    let table = std::fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    if table.lines().any(|line| line.split(' ').nth(1) == Some(target)) {
        return Ok(());
    }
    std::fs::create_dir_all(target)?;
    match mount(Some(source), target, Some(kind), flags, Some(options)) {
        Ok(()) | Err(Errno::EBUSY) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// A kernel without an initial /dev/console starts us with nothing open; Rust's runtime put /dev/null there.
fn open_console() -> io::Result<()> {
    let null = |fd: i32| {
        let path = std::fs::read_link(format!("/proc/self/fd/{fd}"));
        path.map_or(true, |path| path == Path::new("/dev/null"))
    };
    if !null(2) {
        return Ok(());
    }
    let console = OpenOptions::new().read(true).write(true).open("/dev/console")?;
    for fd in 0..3 {
        sys::copy_descriptor(console.as_raw_fd(), fd)?;
    }
    Ok(())
}

/// Ask a person: a shell on the console. Comes back when it ends; without a shell, after ten seconds.
pub fn emergency(why: &str) {
    let said = format!("supervisor-rs: {why}\n  next: mend it; when this shell ends, I try again\n");
    events::write_error(said.as_bytes());
    let console = || OpenOptions::new().read(true).write(true).open("/dev/console").map(Stdio::from);
    let mut shell = Command::new("/bin/sh");
    shell
        .env_clear()
        .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
        .env("TERM", "linux");
    shell.env("HOME", "/root").env("PS1", "emergency # ");
    if let (Ok(input), Ok(output), Ok(error)) = (console(), console(), console()) {
        shell.stdin(input).stdout(output).stderr(error);
    }
    let ended = sys::with_terminal(&mut shell).spawn().and_then(|mut child| child.wait());
    if let Err(error) = ended {
        events::write_error(format!("supervisor-rs: /bin/sh: {error}; trying again in 10 s\n").as_bytes());
        std::thread::sleep(Duration::from_secs(10));
    }
}

/// Write what is in memory to the disks, unmount, and end the machine. All processes are gone.
pub fn end(ending: Ending) -> ! {
    nix::unistd::sync();
    let table = std::fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let places = table.lines().rev().filter_map(|line| line.split(' ').nth(1));
    for place in places.filter(|place| !["/", "/proc", "/dev", "/sys"].contains(place)) {
        let _ = umount2(place, MntFlags::empty());
    }
    let _ = mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY, None::<&str>);
    nix::unistd::sync();
    let mode = if ending == Ending::Reboot { RebootMode::RB_AUTOBOOT } else { RebootMode::RB_POWER_OFF };
    let Err(error) = reboot(mode);
    events::write_error(format!("supervisor-rs: reboot(2): {error}; halting\n").as_bytes());
    let Err(_) = reboot(RebootMode::RB_HALT_SYSTEM);
    // Not ended by anything: the kernel would panic if we were.
    loop {
        std::thread::sleep(Duration::from_secs(3600));
    }
}
