//! The loop. It wakes for a signal or a deadline, looks at every service, and never waits for one of them.

use std::os::fd::AsFd;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, SigmaskHow, Signal, killpg, sigprocmask};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::unistd::Pid;

use crate::children::{self, Exit};
use crate::manifest::{Manifest, Service};
use crate::report::{say, tell};
use crate::signals::Wish;
use crate::{health, limits, logging, reload, signals, user};

/// How often it looks when there is something to look for.
const STEP: Duration = Duration::from_millis(20);
/// Between two questions to a healthy service; and how many bad answers in a row make it dead.
const HEARTBEAT: Duration = Duration::from_millis(250);
const BAD_ANSWERS: u32 = 3;

/// A service, and its process while there is one.
struct Running {
    service: Service,
    process: Option<Process>,
    /// When it may be started next; `None`: not any more.
    due: Option<Instant>,
    ready: bool,
    /// It shall stop: when it is down, it is started anew (`true`) or forgotten.
    leaving: Option<bool>,
}

struct Process {
    pid: Pid,
    end: Receiver<Exit>,
    health: Arc<Health>,
    /// When it was told to stop.
    told: Option<Instant>,
}

/// What the thread that asks a service for its health has found out.
#[derive(Default)]
struct Health {
    ready: AtomicBool,
    dead: AtomicBool,
    over: AtomicBool,
}

pub struct Supervisor {
    path: PathBuf,
    all: Vec<Running>,
    signals: SignalFd,
    stopping: bool,
}

impl Supervisor {
    pub fn new(path: PathBuf) -> Result<Supervisor, String> {
        // Blocked here, before any thread is started, they wait to be read; a child unblocks them.
        let all = SigSet::all();
        sigprocmask(SigmaskHow::SIG_SETMASK, Some(&all), None).map_err(|error| error.to_string())?;
        let signals = SignalFd::with_flags(&all, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)
            .map_err(|error| format!("signalfd: {error}"))?;
        let services = Manifest::load(&path)?.services;
        Ok(Supervisor {
            path,
            all: services.into_iter().map(Running::new).collect(),
            signals,
            stopping: false,
        })
    }

    /// Until somebody has asked to stop, and everything is down.
    pub fn run(&mut self) -> Result<(), String> {
        loop {
            self.look_at_all();
            if self.stopping && self.all.iter().all(|one| one.process.is_none()) {
                return Ok(());
            }
            let signals = self.wait();
            for signal in signals {
                self.obey(signal);
            }
            children::reap();
        }
    }

    /// Sleep until a signal comes; no longer than a step where a service is on its way.
    fn wait(&mut self) -> Vec<Signal> {
        let busy = self.all.iter().any(|one| match &one.process {
            Some(process) => one.leaving.is_some() || self.stopping || !one.ready || !process.watched_idle(),
            None => one.due.is_some() && !self.stopping,
        });
        let step = PollTimeout::try_from(STEP).unwrap_or(PollTimeout::ZERO);
        let mut look = [PollFd::new(self.signals.as_fd(), PollFlags::POLLIN)];
        let _ = poll(&mut look, if busy { step } else { PollTimeout::NONE });
        let mut came = Vec::new();
        while let Ok(Some(info)) = self.signals.read_signal() {
            came.extend(i32::try_from(info.ssi_signo).ok().and_then(|number| Signal::try_from(number).ok()));
        }
        came
    }

    fn obey(&mut self, signal: Signal) {
        match signals::wish(signal, self.stopping) {
            Wish::Nothing => {}
            Wish::Stop => self.stopping = true,
            Wish::StopAtOnce => {
                for process in self.all.iter().filter_map(|one| one.process.as_ref()) {
                    let _ = killpg(process.pid, Signal::SIGKILL);
                }
            }
            Wish::Reload => self.reload(),
        }
    }

    /// Bring each service one step nearer to what it shall be.
    fn look_at_all(&mut self) {
        for i in 0..self.all.len() {
            self.look_for_its_end(i);
            self.look_at_its_health(i);
            let leaves = self.stopping || self.all[i].leaving.is_some();
            if leaves && self.all[i].process.is_some() {
                self.stop(i);
            } else if !leaves {
                self.start_if_due(i);
            }
        }
        self.all.retain(|one| one.process.is_some() || one.leaving != Some(false));
    }

    fn start_if_due(&mut self, i: usize) {
        let one = &self.all[i];
        let ready = |need: &String| self.all.iter().any(|other| &other.service.name == need && other.ready);
        if one.process.is_some()
            || one.due.is_none_or(|due| due > Instant::now())
            || !one.service.depends_on.iter().all(ready)
        {
            return;
        }
        let one = &mut self.all[i];
        match start(&one.service) {
            Ok(process) => {
                tell("start", &one.service.name, &[("pid", process.pid.as_raw().into())]);
                one.process = Some(process);
            }
            Err(error) => {
                tell("refused", &one.service.name, &[("why", error.to_string().into())]);
                say(&format!("{} cannot be started: {error}", one.service.name));
                one.due = None;
            }
        }
    }

    fn look_for_its_end(&mut self, i: usize) {
        let stopping = self.stopping;
        let one = &mut self.all[i];
        let Some(process) = &one.process else { return };
        let Ok(exit) = process.end.try_recv() else { return };
        process.health.over.store(true, Ordering::Relaxed);
        let how = match exit {
            Exit::Code(code) => ("code", code.into()),
            Exit::Signal(signal) => ("signal", signal.into()),
        };
        tell("exit", &one.service.name, &[("pid", process.pid.as_raw().into()), how]);
        // What it has left in its group goes with it.
        let _ = killpg(process.pid, Signal::SIGKILL);
        one.process = None;
        one.ready = false;
        let again = one.service.restart.policy == "always" && !stopping;
        one.due = again.then(|| Instant::now() + Duration::from_secs_f64(one.service.restart.delay));
        if one.leaving == Some(true) {
            one.leaving = None;
            one.due = Some(Instant::now());
        }
    }

    fn look_at_its_health(&mut self, i: usize) {
        let one = &mut self.all[i];
        let Some(process) = &one.process else { return };
        if !one.ready && process.health.ready.load(Ordering::Relaxed) {
            one.ready = true;
            tell("ready", &one.service.name, &[]);
        }
        if process.health.dead.swap(false, Ordering::Relaxed) {
            tell("unhealthy", &one.service.name, &[]);
            let _ = killpg(process.pid, Signal::SIGKILL);
        }
    }

    /// Stop a service, once no process of those that need it is left; at a reload only those that leave count.
    fn stop(&mut self, i: usize) {
        let name = &self.all[i].service.name;
        let waits = self.all.iter().any(|other| {
            let leaves = self.stopping || other.leaving == Some(false);
            leaves && other.process.is_some() && other.service.depends_on.contains(name)
        });
        if waits {
            return;
        }
        let one = &mut self.all[i];
        let Some(process) = &mut one.process else { return };
        let waited = process.told.map(|told| told.elapsed());
        if signals::stop(&one.service, process.pid, waited) && process.told.is_none() {
            process.told = Some(Instant::now());
        }
    }

    /// SIGHUP: read the manifest again. One that cannot be taken changes nothing.
    fn reload(&mut self) {
        let old: Vec<Service> = self.all.iter().map(|one| one.service.clone()).collect();
        let plan = Manifest::load(&self.path).and_then(|manifest| {
            reload::plan(&old, &manifest.services).map(|plan| (plan, manifest.services))
        });
        let (plan, new) = match plan {
            Ok(found) => found,
            Err(error) => {
                tell("reload-refused", "", &[("why", error.clone().into())]);
                say(&format!("the old manifest stays: {error}"));
                return;
            }
        };
        for one in &mut self.all {
            let name = &one.service.name;
            if plan.stop.contains(name) {
                one.leaving = Some(false);
            } else if plan.restart.contains(name) {
                one.leaving = Some(true);
                one.due = Some(Instant::now());
            }
            if one.leaving == Some(true) && one.process.is_none() {
                one.leaving = None;
            }
        }
        for service in new {
            if plan.start.contains(&service.name) {
                self.all.push(Running::new(service));
            } else if let Some(one) = self.all.iter_mut().find(|one| one.service.name == service.name) {
                one.service = service;
            }
        }
        tell("reloaded", "", &[]);
    }
}

impl Running {
    fn new(service: Service) -> Running {
        Running { service, process: None, due: Some(Instant::now()), ready: false, leaving: None }
    }
}

impl Process {
    /// Whether nothing but a signal can bring news of it: nobody asks it for its health.
    fn watched_idle(&self) -> bool {
        Arc::strong_count(&self.health) == 1
    }
}

/// Start a service's process. The extensions prepare it, each in its own way.
fn start(service: &Service) -> std::io::Result<Process> {
    let mut command = Command::new(&service.command[0]);
    command.args(&service.command[1..]).envs(&service.env).stdin(Stdio::null());
    if let Some(folder) = &service.cwd {
        command.current_dir(folder);
    }
    let (output, errors) = logging::output(service)?;
    command.stdout(output).stderr(errors);
    limits::apply(&mut command, service)?;
    user::switch(&mut command, service)?;
    let (pid, end) = children::spawn(&mut command)?;
    Ok(Process { pid, end, health: watch(service), told: None })
}

/// A thread asks for the service's health for as long as its process runs; a service without a probe is healthy.
fn watch(service: &Service) -> Arc<Health> {
    let health = Arc::new(Health::default());
    let Some(probe) = service.readiness.clone() else {
        health.ready.store(true, Ordering::Relaxed);
        return health;
    };
    let found = Arc::clone(&health);
    let ask = move || {
        let mut bad = 0;
        while !found.over.load(Ordering::Relaxed) {
            if health::ask(&probe, Duration::from_secs(1)) {
                bad = 0;
                found.ready.store(true, Ordering::Relaxed);
            } else if found.ready.load(Ordering::Relaxed) {
                bad += 1;
                if bad == BAD_ANSWERS {
                    found.dead.store(true, Ordering::Relaxed);
                    bad = 0;
                }
            }
            std::thread::sleep(if found.ready.load(Ordering::Relaxed) { HEARTBEAT } else { STEP });
        }
    };
    if let Err(error) = std::thread::Builder::new().name(service.name.clone()).spawn(ask) {
        say(&format!("{}: nobody asks for its health: {error}", service.name));
        health.ready.store(true, Ordering::Relaxed);
    }
    health
}
