//! What services there are: the fields of the course's manifest that this supervisor knows.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

#[derive(Clone, Debug, Deserialize, PartialEq)]
pub struct Manifest {
    pub services: Vec<Service>,
}

/// Times are seconds, sizes bytes.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(default)]
pub struct Service {
    pub name: String,
    pub description: String,
    pub command: Vec<String>,
    pub env: BTreeMap<String, String>,
    pub cwd: Option<String>,
    pub user: Option<String>,
    pub depends_on: Vec<String>,
    pub readiness: Option<Readiness>,
    pub restart: Restart,
    pub limits: Limits,
    pub log: Log,
    /// Without SIG: `TERM`.
    pub stop_signal: String,
    pub stop_grace: f64,
}

/// How it is found out whether a service can be used.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Readiness {
    /// 127.0.0.1:port accepts a connection.
    Tcp { port: u16 },
    /// GET http://127.0.0.1:port/path is answered with a status from 200 to 399.
    Http { port: u16, path: String },
    /// The command exits with 0.
    Exec { command: Vec<String> },
}

#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(default)]
pub struct Restart {
    /// `always` or `never`.
    pub policy: String,
    pub delay: f64,
}

#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(default)]
pub struct Limits {
    /// Of the address space of each process.
    pub memory: Option<u64>,
    /// Processes of the service's user.
    pub pids: Option<u64>,
    /// File descriptors of each process.
    pub open_files: Option<u64>,
}

#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(default)]
pub struct Log {
    pub max_bytes: u64,
    /// How many full files are kept beside the one being written.
    pub keep: u32,
}

impl Default for Service {
    fn default() -> Self {
        Service {
            name: String::new(),
            description: String::new(),
            command: Vec::new(),
            env: BTreeMap::new(),
            cwd: None,
            user: None,
            depends_on: Vec::new(),
            readiness: None,
            restart: Restart::default(),
            limits: Limits::default(),
            log: Log::default(),
            stop_signal: "TERM".to_owned(),
            stop_grace: 5.0,
        }
    }
}

impl Default for Restart {
    fn default() -> Self {
        Restart { policy: "always".to_owned(), delay: 0.1 }
    }
}

impl Default for Log {
    fn default() -> Self {
        Log { max_bytes: 1_000_000, keep: 5 }
    }
}

impl Manifest {
    /// The manifest in a JSON file, or what is wrong with it.
    pub fn load(path: &Path) -> Result<Manifest, String> {
        let at = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
        let text = std::fs::read(path).map_err(|error| at(&error))?;
        let manifest: Manifest = serde_json::from_slice(&text).map_err(|error| at(&error))?;
        match manifest.services.iter().find(|service| service.name.is_empty() || service.command.is_empty()) {
            Some(service) => {
                Err(at(&format!("service \"{}\": a name and a command are needed", service.name)))
            }
            None => Ok(manifest),
        }
    }
}
