//! The manifest: what services there are. The same fields, defaults and rules as the course's model
//! (`helpers/manifest/models.py`), which every init of the course is rendered from.
//!
//! Reading happens in three steps, each of which may find problems and none of which stops at the first:
//! text → [`Node`](crate::node::Node) (TOML or JSON), nodes → these types ([`decode`](crate::decode)), and the
//! rules that types cannot say: names that exist, no cycles, one owner for each port ([`rules`](crate::rules)).

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};

use crate::health::Liveness;
use crate::limits::Rlimit;
use crate::problems::Refused;
use crate::{decode, node, rules};

/// A set of services, in the order they were written.
#[derive(Clone, Debug, PartialEq)]
pub struct Manifest {
    pub name: String,
    pub description: String,
    pub services: Vec<Service>,
    /// Path inside → file beside the manifest. Whoever makes the machine puts them there; not our work.
    pub files: BTreeMap<String, String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A program that stays in the foreground.
    Longrun,
    /// Work that ends; it may be undone by a `down` command.
    Oneshot,
    /// A name for several services.
    Bundle,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    Always,
    OnFailure,
    Never,
}

/// When a longrun is started again, and how long that is held back. Times are seconds.
#[derive(Clone, Debug, PartialEq)]
pub struct Restart {
    pub policy: Policy,
    pub delay: f64,
    pub max_delay: f64,
    pub factor: f64,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Readiness {
    /// A newline on a file descriptor (s6), or `READY=1` on `NOTIFY_SOCKET` (sd_notify(3)).
    Fd {
        fd: i32,
        timeout: f64,
    },
    Ask {
        probe: Probe,
        timeout: f64,
    },
}

/// A question asked from outside.
#[derive(Clone, Debug, PartialEq)]
pub enum Probe {
    /// 127.0.0.1:port accepts a connection.
    Tcp { port: u16 },
    /// GET answers with 2xx or 3xx.
    Http { port: u16, path: String },
    /// The command exits 0.
    Exec { command: Vec<String> },
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Limits {
    /// Bytes of the whole service.
    pub memory: Option<u64>,
    /// Processes and threads of the whole service.
    pub pids: Option<u64>,
    /// File descriptors of each process.
    pub open_files: Option<u64>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Log {
    pub max_bytes: u64,
    pub keep: u32,
    pub timestamps: bool,
}

/// What the course's model has no word for: the optional table `supervisor_rs` of a service.
#[derive(Clone, Debug, PartialEq)]
pub struct Own {
    pub group: Option<String>,
    /// Supplementary groups; `None` takes those that /etc/group gives the user.
    pub groups: Option<Vec<String>>,
    pub umask: Option<u32>,
    pub no_new_privs: bool,
    /// The capability bounding set: numbers (capabilities(7)); `None` leaves it alone.
    pub capabilities: Option<Vec<u8>>,
    pub rlimits: Vec<Rlimit>,
    /// Processors it may use at most, e.g. 0.5.
    pub cpu: Option<f64>,
    /// The share by which a delay is made longer or shorter at random.
    pub jitter: f64,
    /// Seconds up after which the delay begins anew; `None` derives it from the longest delay.
    pub stable: Option<f64>,
    /// At most this many starts in that many seconds; then it has failed.
    pub start_limit: Option<(u32, f64)>,
    pub liveness: Option<Liveness>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Service {
    pub name: String,
    pub kind: Kind,
    pub description: String,
    pub command: Vec<String>,
    pub down: Vec<String>,
    pub env: BTreeMap<String, String>,
    pub user: Option<String>,
    pub cwd: Option<String>,
    pub depends_on: Vec<String>,
    pub readiness: Option<Readiness>,
    pub restart: Restart,
    pub limits: Limits,
    pub log: Log,
    /// Without SIG, e.g. `TERM`.
    pub stop_signal: String,
    pub stop_grace: f64,
    pub ports: Vec<u16>,
    pub own: Own,
}

impl Default for Restart {
    fn default() -> Self {
        Restart { policy: Policy::Always, delay: 0.1, max_delay: 30.0, factor: 1.0 }
    }
}

impl Default for Log {
    fn default() -> Self {
        Log { max_bytes: 1_000_000, keep: 5, timestamps: true }
    }
}

impl Default for Own {
    fn default() -> Self {
        Own {
            group: None,
            groups: None,
            umask: None,
            no_new_privs: false,
            capabilities: None,
            rlimits: Vec::new(),
            cpu: None,
            jitter: 0.1,
            stable: None,
            start_limit: None,
            liveness: None,
        }
    }
}

impl Service {
    /// A service with every field at its default.
    pub fn new(name: &str, kind: Kind, command: &[&str]) -> Service {
        Service {
            name: name.to_owned(),
            kind,
            description: String::new(),
            command: command.iter().map(|&word| word.to_owned()).collect(),
            down: Vec::new(),
            env: BTreeMap::new(),
            user: None,
            cwd: None,
            depends_on: Vec::new(),
            readiness: None,
            restart: Restart::default(),
            limits: Limits::default(),
            log: Log::default(),
            stop_signal: "TERM".to_owned(),
            stop_grace: 5.0,
            ports: Vec::new(),
            own: Own::default(),
        }
    }
}

impl Manifest {
    /// The manifest in a `.toml` or `.json` file; or everything that is wrong with it.
    pub fn load(path: &Path) -> Result<Manifest, Refused> {
        let source = path.display().to_string();
        let json = match path.extension().and_then(|end| end.to_str()).map(str::to_ascii_lowercase).as_deref()
        {
            Some("json") => true,
            Some("toml") => false,
            _ => return Err(Refused::whole(&source, "the name of a manifest ends in .toml or .json")),
        };
        let bytes = std::fs::read(path)
            .map_err(|error| Refused::whole(&source, &format!("cannot be read: {error}")))?;
        Manifest::parse(&bytes, json, &source)
    }

    /// The manifest in a text. `source` names it in messages.
    pub fn parse(bytes: &[u8], json: bool, source: &str) -> Result<Manifest, Refused> {
        let node = node::parse(bytes, json).map_err(|what| Refused::whole(source, &what))?;
        let mut problems = Vec::new();
        let manifest = decode::manifest(&node, &mut problems);
        rules::check(&node, &mut problems);
        for problem in &mut problems {
            problem.name_service(&node);
        }
        match manifest {
            Some(manifest) if problems.is_empty() => Ok(manifest),
            _ => Err(Refused::new(source, problems)),
        }
    }

    /// Every field spelled out, as `helpers.manifest.to_dict(manifest, defaults=True)` gives it.
    pub fn to_json(&self) -> Value {
        json!({
            "name": self.name,
            "description": self.description,
            "services": self.services.iter().map(Service::to_json).collect::<Vec<_>>(),
            "files": self.files,
        })
    }
}

impl Service {
    pub fn to_json(&self) -> Value {
        json!({
            "name": self.name,
            "kind": self.kind.word(),
            "description": self.description,
            "command": self.command,
            "down": self.down,
            "env": self.env,
            "user": self.user,
            "cwd": self.cwd,
            "depends_on": self.depends_on,
            "readiness": self.readiness.as_ref().map(Readiness::to_json),
            "restart": {
                "policy": self.restart.policy.word(),
                "delay": self.restart.delay,
                "max_delay": self.restart.max_delay,
                "factor": self.restart.factor,
            },
            "limits": {
                "memory": self.limits.memory,
                "pids": self.limits.pids,
                "open_files": self.limits.open_files,
            },
            "log": {
                "max_bytes": self.log.max_bytes,
                "keep": self.log.keep,
                "timestamps": self.log.timestamps,
            },
            "stop_signal": self.stop_signal,
            "stop_grace": self.stop_grace,
            "ports": self.ports,
        })
    }
}

impl Readiness {
    pub fn timeout(&self) -> f64 {
        match self {
            Readiness::Fd { timeout, .. } | Readiness::Ask { timeout, .. } => *timeout,
        }
    }

    fn to_json(&self) -> Value {
        match self {
            Readiness::Fd { fd, timeout } => json!({"kind": "fd", "fd": fd, "timeout": timeout}),
            Readiness::Ask { probe, timeout } => match probe {
                Probe::Tcp { port } => json!({"kind": "tcp", "port": port, "timeout": timeout}),
                Probe::Http { port, path } => {
                    json!({"kind": "http", "port": port, "path": path, "timeout": timeout})
                }
                Probe::Exec { command } => json!({"kind": "exec", "command": command, "timeout": timeout}),
            },
        }
    }
}

impl Kind {
    pub const WORDS: [&'static str; 3] = ["longrun", "oneshot", "bundle"];

    pub fn word(self) -> &'static str {
        Kind::WORDS[self as usize]
    }
}

impl Policy {
    pub const WORDS: [&'static str; 3] = ["always", "on-failure", "never"];

    pub fn word(self) -> &'static str {
        Policy::WORDS[self as usize]
    }
}

/// The signals a manifest may name.
pub const STOP_SIGNALS: [&str; 7] = ["TERM", "INT", "QUIT", "HUP", "KILL", "USR1", "USR2"];
