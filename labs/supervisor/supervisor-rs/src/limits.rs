//! Limits of each process of a service: getrlimit(2) and the capability bounding set (capabilities(7)).
//! What bounds a service as a whole is in [`cgroup`](crate::cgroup).

use std::ffi::c_int;

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::fields::Fields;
use crate::manifest::Service;
use crate::node::Node;

/// One resource, soft and hard limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rlimit {
    pub resource: c_int,
    pub soft: u64,
    pub hard: u64,
}

/// The words of a shell's `ulimit`, without RLIMIT_.
const RESOURCES: [(&str, c_int); 15] = [
    ("as", libc::RLIMIT_AS as c_int),
    ("core", libc::RLIMIT_CORE as c_int),
    ("cpu", libc::RLIMIT_CPU as c_int),
    ("data", libc::RLIMIT_DATA as c_int),
    ("fsize", libc::RLIMIT_FSIZE as c_int),
    ("locks", libc::RLIMIT_LOCKS as c_int),
    ("memlock", libc::RLIMIT_MEMLOCK as c_int),
    ("msgqueue", libc::RLIMIT_MSGQUEUE as c_int),
    ("nice", libc::RLIMIT_NICE as c_int),
    ("nofile", libc::RLIMIT_NOFILE as c_int),
    ("nproc", libc::RLIMIT_NPROC as c_int),
    ("rtprio", libc::RLIMIT_RTPRIO as c_int),
    ("rttime", libc::RLIMIT_RTTIME as c_int),
    ("sigpending", libc::RLIMIT_SIGPENDING as c_int),
    ("stack", libc::RLIMIT_STACK as c_int),
];

/// By number, without CAP_ (linux/capability.h).
pub const CAPABILITIES: [&str; 41] = [
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "KILL",
    "SETGID",
    "SETUID",
    "SETPCAP",
    "LINUX_IMMUTABLE",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_ADMIN",
    "NET_RAW",
    "IPC_LOCK",
    "IPC_OWNER",
    "SYS_MODULE",
    "SYS_RAWIO",
    "SYS_CHROOT",
    "SYS_PTRACE",
    "SYS_PACCT",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_NICE",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "MKNOD",
    "LEASE",
    "AUDIT_WRITE",
    "AUDIT_CONTROL",
    "SETFCAP",
    "MAC_OVERRIDE",
    "MAC_ADMIN",
    "SYSLOG",
    "WAKE_ALARM",
    "BLOCK_SUSPEND",
    "AUDIT_READ",
    "PERFMON",
    "BPF",
    "CHECKPOINT_RESTORE",
];

/// The number of a capability, written with or without CAP_.
pub fn capability(name: &str) -> Option<u8> {
    let upper = name.to_ascii_uppercase();
    let bare = upper.strip_prefix("CAP_").unwrap_or(&upper);
    CAPABILITIES.iter().position(|other| *other == bare).and_then(|i| u8::try_from(i).ok())
}

/// The table `rlimits`: `nofile = 1024`, `core = 0`, `stack = "unlimited"`.
pub fn decode(mut fields: Fields) -> Vec<Rlimit> {
    let mut found = Vec::new();
    for (word, resource) in RESOURCES {
        let value = match fields.get(word) {
            None => continue,
            Some(Node::Text(text)) if text == "unlimited" => libc::RLIM_INFINITY,
            Some(_) => match fields.whole(word, 0, i64::MAX as u64) {
                Some(value) => value,
                None => continue,
            },
        };
        found.push(Rlimit { resource, soft: value, hard: value });
    }
    fields.finish(|_| None);
    found
}

/// What the child sets. `before` is the limit of open files we were started with: ours is raised, theirs is not.
pub fn of(service: &Service, before: (u64, u64)) -> Vec<(c_int, u64, u64)> {
    let nofile = libc::RLIMIT_NOFILE as c_int;
    let mut all = vec![(nofile, before.0, before.1)];
    if let Some(files) = service.limits.open_files {
        all.push((nofile, files, files));
    }
    all.extend(service.own.rlimits.iter().map(|limit| (limit.resource, limit.soft, limit.hard)));
    all
}

/// The fields of a service that `of` sets, for a message.
pub fn asked(service: &Service) -> String {
    let named =
        |resource| RESOURCES.iter().find(|(_, other)| *other == resource).map_or("", |(word, _)| word);
    let own =
        service.own.rlimits.iter().map(|limit| format!("supervisor_rs.rlimits.{}", named(limit.resource)));
    let files = service.limits.open_files.map(|_| "limits.open_files".to_owned());
    files.into_iter().chain(own).collect::<Vec<_>>().join(", ")
}

/// The capabilities to take away: all but those that are named.
pub fn dropped(service: &Service) -> Vec<u8> {
    let Some(kept) = &service.own.capabilities else { return Vec::new() };
    (0..=63).filter(|capability| !kept.contains(capability)).collect()
}

/// Allow ourselves as many open files as the hard limit: a service takes two or three. What the limit was before.
pub fn raise_open_files() -> (u64, u64) {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap_or((1024, 4096));
    if soft < hard {
        // Refused: then we live with what we have, and a service that finds no descriptor says so.
        let _ = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    }
    (soft, hard)
}
