//! From a service's definition to a running process: everything that can be wrong is found here, with the field's
//! name; the unsafe part is `sys`.

use std::ffi::CString;
use std::io;
use std::os::fd::RawFd;
use std::os::unix::fs::PermissionsExt;

use crate::manifest::Service;
use crate::problems::quoted;
use crate::sys::{Failed, Plan, Spawner, Step};
use crate::{limits, user};

const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Why a process could not be started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpawnError {
    /// The manifest's field that cannot be met; empty when it is not the manifest's fault.
    pub field: String,
    /// What is wrong, the field before it.
    pub message: String,
    /// The computer was short of processes or memory: the definition may be good.
    pub transient: bool,
}

impl SpawnError {
    pub fn new(field: &str, what: &str, transient: bool) -> SpawnError {
        let message = if field.is_empty() { what.to_owned() } else { format!("{field}: {what}") };
        SpawnError { field: field.to_owned(), message, transient }
    }
}

/// What every process gets from the supervisor's own situation.
#[derive(Debug)]
pub struct Launcher {
    spawner: Spawner,
    environment: Vec<(String, String)>,
    /// The limit of open files before we raised ours.
    pub open_files: (u64, u64),
    null: std::fs::File,
}

/// What differs from start to start.
#[derive(Debug, Default)]
pub struct Wiring {
    /// Standard output and error; `None` is /dev/null.
    pub output: Option<RawFd>,
    pub extra: Option<(RawFd, RawFd)>,
    pub variables: Vec<(&'static str, String)>,
    pub cgroups: Vec<RawFd>,
}

impl Launcher {
    pub fn new(open_files: (u64, u64)) -> io::Result<Launcher> {
        let mut environment: Vec<(String, String)> = std::env::vars_os()
            .filter_map(|(key, value)| Some((key.into_string().ok()?, value.into_string().ok()?)))
            .filter(|(key, _)| !key.starts_with("SUPERVISOR_RS_"))
            .collect();
        if !environment.iter().any(|(key, _)| key == "PATH") {
            environment.push(("PATH".to_owned(), DEFAULT_PATH.to_owned()));
        }
        let null = std::fs::OpenOptions::new().read(true).write(true).open("/dev/null")?;
        Ok(Launcher { spawner: Spawner::default(), environment, open_files, null })
    }

    /// Start `command` as `service` is to run.
    pub fn start(
        &mut self,
        service: &Service,
        command: &[String],
        wiring: &Wiring,
    ) -> Result<i32, SpawnError> {
        let plan = self
            .plan(service, command, wiring)
            .map_err(|(field, what)| SpawnError::new(field, &what, false))?;
        self.spawner.spawn(&plan).map_err(|failed| explain(failed, service, command))
    }

    fn plan(
        &self,
        service: &Service,
        command: &[String],
        wiring: &Wiring,
    ) -> Result<Plan, (&'static str, String)> {
        use std::os::fd::AsRawFd;
        let null = self.null.as_raw_fd();
        let output = wiring.output.unwrap_or(null);
        let mut environment = self.environment.clone();
        let given = service.env.iter().map(|(key, value)| (key.as_str(), value));
        let told = wiring.variables.iter().map(|(key, value)| (*key, value));
        for (key, value) in given.chain(told) {
            environment.retain(|(other, _)| other != key);
            environment.push((key.to_owned(), value.clone()));
        }
        let path = environment.iter().find(|(key, _)| key == "PATH").map_or(DEFAULT_PATH, |(_, value)| value);
        let program = find_program(&command[0], path);
        let word = |word: &String| c_string(word).map_err(|what| ("command", what));
        let variable = |(key, value): &(String, String)| {
            c_string(&format!("{key}={value}")).map_err(|what| ("env", what))
        };
        Ok(Plan {
            program: word(&program)?,
            argv: command.iter().map(word).collect::<Result<_, _>>()?,
            envp: environment.iter().map(variable).collect::<Result<_, _>>()?,
            stdio: [Some(null), Some(output), Some(output)],
            extra: wiring.extra,
            cgroups: wiring.cgroups.clone(),
            rlimits: limits::of(service, self.open_files),
            drop_capabilities: limits::dropped(service),
            ids: user::ids(service)?,
            umask: service.own.umask,
            cwd: service.cwd.as_deref().map(c_string).transpose().map_err(|what| ("cwd", what))?,
            no_new_privs: service.own.no_new_privs,
            ..Plan::default()
        })
    }
}

/// The file a command's first word names: as it is with a slash in it, otherwise looked for in PATH (execvp(3)).
pub fn find_program(word: &str, path: &str) -> String {
    if word.contains('/') {
        return word.to_owned();
    }
    let runs = |file: &String| {
        std::fs::metadata(file).is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
    };
    path.split(':').map(|folder| format!("{folder}/{word}")).find(runs).unwrap_or_else(|| word.to_owned())
}

pub fn c_string(text: &str) -> Result<CString, String> {
    CString::new(text).map_err(|_| format!("{} holds a NUL character", quoted(text)))
}

fn explain(failed: Failed, service: &Service, command: &[String]) -> SpawnError {
    let error = io::Error::from_raw_os_error(failed.errno);
    let (field, what) = match failed.step {
        Step::Fork => ("", format!("no new process: {error}")),
        Step::Session | Step::Files => ("", format!("cannot prepare the process: {error}")),
        Step::Cgroup => ("limits", format!("cannot enter its cgroup: {error}")),
        Step::Limit => (&*limits::asked(service), format!("cannot be set: {error}")),
        Step::Groups | Step::User => match &service.user {
            Some(user) => ("user", format!("cannot become {}: {error}", quoted(user))),
            None => ("supervisor_rs.groups", format!("cannot be set: {error}")),
        },
        Step::Capabilities => ("supervisor_rs.capabilities", format!("cannot be given up: {error}")),
        Step::NoNewPrivs => ("supervisor_rs.no_new_privs", error.to_string()),
        Step::Cwd => ("cwd", format!("cannot enter {}: {error}", service.cwd.as_deref().unwrap_or(""))),
        Step::Exec => ("command", format!("cannot execute {}: {error}", command[0])),
    };
    let short_of = [libc::EAGAIN, libc::ENOMEM, libc::EMFILE, libc::ENFILE];
    SpawnError::new(field, &what, short_of.contains(&failed.errno))
}
