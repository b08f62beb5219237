//! Processes that belong to no service: orphans that were adopted, what a crashed image of ours had started.

use std::time::{Duration, Instant};

use crate::sys;

/// SIGTERM to all of them, SIGKILL to those left after the grace. PID 1 means every process of its PID namespace
/// (kill(2), -1), anybody else its children, and the children they leave, with their process groups.
pub fn end_all(grace: Duration) {
    tell(libc::SIGTERM);
    // One that was stopped cannot act upon a signal.
    tell(libc::SIGCONT);
    if !gone_within(grace) {
        tell(libc::SIGKILL);
        gone_within(Duration::from_secs(1));
    }
}

fn alone() -> bool {
    std::process::id() == 1
}

fn tell(signal: i32) {
    if alone() {
        let _ = sys::kill(-1, signal);
        return;
    }
    for pid in children() {
        let _ = sys::kill(-pid, signal);
        let _ = sys::kill(pid, signal);
    }
}

/// Reap until nobody is left; whether that came to be. Looked at every few milliseconds: a process that is not our
/// child tells nobody here that it has ended.
fn gone_within(limit: Duration) -> bool {
    let end = Instant::now() + limit;
    loop {
        let children = loop {
            match sys::ended_child() {
                Ok(Some((pid, _))) => drop(sys::reap(pid)),
                Ok(None) => break true,
                Err(_) => break false,
            }
        };
        let others = alone() && sys::kill(-1, 0).is_ok() && others_are_programs();
        if !children && !others {
            return true;
        }
        if Instant::now() >= end {
            return false;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Whether somebody but us runs who is not the kernel itself, whose threads kill(2) counts on a machine. Told by the
/// flag PF_KTHREAD (proc_pid_stat(5); linux/sched.h); without a /proc, yes.
fn others_are_programs() -> bool {
    const PF_KTHREAD: u64 = 0x0020_0000;
    let Ok(entries) = std::fs::read_dir("/proc") else { return true };
    let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(|&pid| pid != 1).any(|pid| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
        let flags = after_name.split_whitespace().nth(6).and_then(|word| word.parse().ok());
        flags.is_some_and(|flags: u64| flags & PF_KTHREAD == 0)
    })
}

/// Our children's PIDs (proc_pid_task(5); empty where there is no /proc).
fn children() -> Vec<i32> {
    let Ok(tasks) = std::fs::read_dir("/proc/self/task") else { return Vec::new() };
    let lists = tasks.flatten().filter_map(|task| std::fs::read_to_string(task.path().join("children")).ok());
    lists
        .flat_map(|list| list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>())
        .collect()
}
