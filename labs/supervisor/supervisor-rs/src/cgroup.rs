//! What bounds a service as a whole: memory, processes, CPU; cgroups(7), version 2 or 1.
//!
//! A service gets a cgroup when its definition asks for such a limit; the others are held together by their process
//! group. Where no cgroup can be made (a container without delegation) the service runs without, and says so.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use crate::manifest::Service;

/// Where cgroups can be made on this computer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cgroups {
    /// One tree, with the controllers handed down to it.
    V2(PathBuf),
    /// A tree for each controller: memory, pids, cpu.
    V1(Vec<(&'static str, PathBuf)>),
    /// And why not.
    None(String),
}

/// The cgroup of one service.
#[derive(Debug)]
pub struct Cgroup {
    folders: Vec<PathBuf>,
    pub procs: Vec<File>,
    memory: Option<PathBuf>,
    oom_before: u64,
    memory_limit: Option<u64>,
}

const CONTROLLERS: [&str; 3] = ["memory", "pids", "cpu"];

pub fn wants(service: &Service) -> bool {
    service.limits.memory.is_some() || service.limits.pids.is_some() || service.own.cpu.is_some()
}

/// What becomes of each limit without a cgroup (`each_process`): the field, and what holds in its place.
pub fn without(service: &Service) -> Vec<(&'static str, &'static str)> {
    let pids = match service.user {
        Some(_) => "counted for all processes of its user",
        None => "not limited (root is never refused a process)",
    };
    [
        ("limits.memory", service.limits.memory.map(|_| "limited for each process alone")),
        ("limits.pids", service.limits.pids.map(|_| pids)),
        ("supervisor_rs.cpu", service.own.cpu.map(|_| "not limited")),
    ]
    .into_iter()
    .filter_map(|(field, what)| Some((field, what?)))
    .collect()
}

/// Without a cgroup: the same limits for each process alone, as far as getrlimit(2) has a word for them. The number
/// of processes is counted by user there, and root is never refused.
pub fn each_process(service: &Service) -> Service {
    let mut limited = service.clone();
    let mut limit = |resource, value| {
        limited.own.rlimits.insert(0, crate::limits::Rlimit { resource, soft: value, hard: value });
    };
    if let Some(bytes) = service.limits.memory {
        limit(libc::RLIMIT_AS as std::ffi::c_int, bytes);
    }
    if let (Some(pids), Some(_)) = (service.limits.pids, &service.user) {
        limit(libc::RLIMIT_NPROC as std::ffi::c_int, pids);
    }
    limited
}

impl Cgroups {
    /// Find the supervisor's own cgroup and make one below it, to hold those of the services.
    pub fn find(mounts: &str, own: &str, name: &str) -> Cgroups {
        let own_path = |controller: &str| {
            let line = own.lines().find(|line| {
                line.split(':').nth(1).is_some_and(|names| names.split(',').any(|other| other == controller))
            })?;
            line.splitn(3, ':').nth(2).map(str::to_owned)
        };
        let mut v1 = Vec::new();
        let mut reasons = Vec::new();
        for controller in CONTROLLERS {
            let Some(mount) = mount_of(mounts, "cgroup", Some(controller)) else { continue };
            match own_path(controller).map(|path| below(&mount, &path)) {
                None => {}
                Some(base) => match make_base(&base, name) {
                    Ok(folder) => v1.push((controller, folder)),
                    Err(error) => reasons.push(format!("{}: {error}", base.display())),
                },
            }
        }
        if !v1.is_empty() {
            return Cgroups::V1(v1);
        }
        if let (Some(mount), Some(path)) = (mount_of(mounts, "cgroup2", None), own_path("")) {
            // Executed again after a crash, or asked again at a reload: we have moved out of the way already.
            let path = path.strip_suffix(&format!("/{name}.self")).unwrap_or(&path);
            let base = below(&mount, path);
            match delegate(&base, name) {
                Ok(folder) => return Cgroups::V2(folder),
                Err(error) => reasons.push(format!("{}: {error}", base.display())),
            }
        }
        Cgroups::None(if reasons.is_empty() {
            "no cgroups are mounted".to_owned()
        } else {
            reasons.join("; ")
        })
    }

    pub fn detect(name: &str) -> Cgroups {
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        Cgroups::find(&read("/proc/self/mounts"), &read("/proc/self/cgroup"), name)
    }

    /// A cgroup for a service, with its limits; and what of them this computer cannot do.
    pub fn make(&self, service: &Service) -> io::Result<(Cgroup, Vec<(&'static str, String)>)> {
        let mut missing = Vec::new();
        let folder_of = |controller: &str| match self {
            Cgroups::V2(base) => Some(base.join(&service.name)),
            Cgroups::V1(trees) => {
                trees.iter().find(|(name, _)| *name == controller).map(|(_, base)| base.join(&service.name))
            }
            Cgroups::None(_) => None,
        };
        let folders: Vec<PathBuf> = match self {
            Cgroups::V2(base) => vec![base.join(&service.name)],
            Cgroups::V1(trees) => trees.iter().map(|(_, base)| base.join(&service.name)).collect(),
            Cgroups::None(why) => return Err(io::Error::other(why.clone())),
        };
        for folder in &folders {
            fs::create_dir_all(folder)?;
        }
        let v2 = matches!(self, Cgroups::V2(_));
        let mut set = |field: &'static str, controller: &str, file: &str, value: String| {
            let done = folder_of(controller)
                .ok_or_else(|| io::Error::other(format!("no controller {controller}")))
                .and_then(|folder| fs::write(folder.join(file), value));
            if let Err(error) = done {
                missing.push((field, format!("not limited: {file}: {error}")));
            }
        };
        if let Some(bytes) = service.limits.memory {
            let file = if v2 { "memory.max" } else { "memory.limit_in_bytes" };
            set("limits.memory", "memory", file, bytes.to_string());
        }
        if let Some(pids) = service.limits.pids {
            set("limits.pids", "pids", "pids.max", pids.to_string());
        }
        if let Some(cpu) = service.own.cpu {
            let quota = (cpu * 100_000.0).round();
            if v2 {
                set("supervisor_rs.cpu", "cpu", "cpu.max", format!("{quota} 100000"));
            } else {
                set("supervisor_rs.cpu", "cpu", "cpu.cfs_quota_us", quota.to_string());
            }
        }
        let open = |folder: &PathBuf| OpenOptions::new().write(true).open(folder.join("cgroup.procs"));
        let procs = folders.iter().map(open).collect::<Result<_, _>>()?;
        let memory = folder_of("memory");
        let mut cgroup =
            Cgroup { folders, procs, memory, oom_before: 0, memory_limit: service.limits.memory };
        cgroup.oom_before = cgroup.oom_kills();
        Ok((cgroup, missing))
    }
}

impl Cgroup {
    /// SIGKILL to every process in it.
    pub fn kill(&self) {
        for folder in &self.folders {
            if fs::write(folder.join("cgroup.kill"), "1").is_ok() {
                continue;
            }
            // Version 1, or a kernel before 5.14: again until nobody is new.
            for _ in 0..16 {
                let pids = fs::read_to_string(folder.join("cgroup.procs")).unwrap_or_default();
                let alive: Vec<i32> =
                    pids.lines().filter_map(|pid| pid.parse().ok()).filter(|&pid| pid > 0).collect();
                if alive.is_empty() {
                    break;
                }
                for pid in alive {
                    let _ = crate::sys::kill(pid, libc::SIGKILL);
                }
            }
        }
    }

    /// What is to be told of an end: whether the kernel has killed in this cgroup for want of memory.
    pub fn oom_note(&mut self) -> Option<String> {
        let kills = self.oom_kills();
        let new = kills > self.oom_before;
        self.oom_before = kills;
        new.then(|| match self.memory_limit {
            Some(bytes) => format!("out of memory (limits.memory = {bytes})"),
            None => "out of memory (limits.memory is not set: the whole computer's)".to_owned(),
        })
    }

    /// Whether it is gone: a cgroup with a process in it, a zombie is none, stays.
    pub fn remove(&self) -> bool {
        self.folders.iter().filter(|folder| !remove_tree(folder)).count() == 0
    }

    fn oom_kills(&self) -> u64 {
        let Some(folder) = &self.memory else { return 0 };
        ["memory.events", "memory.oom_control"]
            .iter()
            .filter_map(|file| fs::read_to_string(folder.join(file)).ok())
            .flat_map(|text| {
                text.lines()
                    .filter_map(|line| line.strip_prefix("oom_kill ")?.parse().ok())
                    .collect::<Vec<u64>>()
            })
            .sum()
    }
}

impl Drop for Cgroup {
    /// An empty cgroup can be removed; one with processes stays, and is taken again under the same name.
    fn drop(&mut self) {
        self.remove();
    }
}

impl Drop for Cgroups {
    fn drop(&mut self) {
        let folders: Vec<&PathBuf> = match self {
            Cgroups::V2(base) => vec![base],
            Cgroups::V1(trees) => trees.iter().map(|(_, base)| base).collect(),
            Cgroups::None(_) => Vec::new(),
        };
        for folder in folders {
            let _ = fs::remove_dir(folder);
        }
    }
}

/// A cgroup and those that somebody has made below it: a container engine, another supervisor. Whether it is gone.
fn remove_tree(folder: &Path) -> bool {
    let remove = || match fs::remove_dir(folder) {
        Ok(()) => true,
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    };
    remove() || {
        // Files of a cgroup are no obstacle, cgroups below it are.
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        let below = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
        below.filter(|entry| !remove_tree(&entry.path())).count() == 0 && remove()
    }
}

/// Where a file system of this type (and, in version 1, with this controller) is mounted (proc_pid_mounts(5)).
fn mount_of(mounts: &str, kind: &str, controller: Option<&str>) -> Option<PathBuf> {
    mounts.lines().find_map(|line| {
        let fields: Vec<&str> = line.split(' ').collect();
        let [_, at, fs, options, ..] = fields[..] else { return None };
        let has = controller.is_none_or(|wanted| options.split(',').any(|option| option == wanted));
        (fs == kind && has).then(|| PathBuf::from(at))
    })
}

/// The own cgroup's folder; a path that is not there (no cgroup namespace, as in Docker with version 1) is the top.
fn below(mount: &Path, own: &str) -> PathBuf {
    let folder = mount.join(own.trim_start_matches('/'));
    if folder.is_dir() { folder } else { mount.to_owned() }
}

fn make_base(base: &Path, name: &str) -> io::Result<PathBuf> {
    let folder = base.join(name);
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// Version 2: hand the controllers down. A cgroup that does so may hold no process: we move out of its way.
fn delegate(base: &Path, name: &str) -> io::Result<PathBuf> {
    let there = fs::read_to_string(base.join("cgroup.controllers"))?;
    let wanted: Vec<String> = CONTROLLERS
        .iter()
        .filter(|controller| there.split_whitespace().any(|other| other == **controller))
        .map(|controller| format!("+{controller}"))
        .collect();
    if wanted.is_empty() {
        return Err(io::Error::other("it has no controller of memory, pids or cpu"));
    }
    let folder = make_base(base, name)?;
    let hand_down = |at: &Path| fs::write(at.join("cgroup.subtree_control"), wanted.join(" "));
    if hand_down(base).is_err() {
        let own = base.join(format!("{name}.self"));
        fs::create_dir_all(&own)?;
        fs::write(own.join("cgroup.procs"), "0")?;
        hand_down(base)?;
    }
    hand_down(&folder)?;
    Ok(folder)
}
