//! The loop: wait for something to happen, tell the core, carry out what it says.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use tracing::{error, info, warn};

use crate::act::{Role, Runtime};
use crate::answer::Waiting;
use crate::backoff::Time;
use crate::cgroup::Cgroups;
use crate::control::{Control, Watch};
use crate::core::Core;
use crate::logs::Logs;
use crate::manifest::Manifest;
use crate::ready::NotifySocket;
use crate::signals::{Request, Signals, request};
use crate::spawn::Launcher;
use crate::timers::Timers;

/// Where things are.
#[derive(Clone, Debug)]
pub struct Options {
    pub manifest: PathBuf,
    pub run_dir: PathBuf,
    pub log_dir: PathBuf,
    /// We are a computer's (or virtual machine's) first process, not a container's.
    pub machine: bool,
}

/// How to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    Exit,
    PowerOff,
    Reboot,
}

/// What an event on a file descriptor is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Token {
    Signals,
    Control,
    NotifySocket,
    NotifyFd(u32),
    Probe(u32),
    Client(u32),
}

/// What a time is about: the question that is asked of this service, next or no longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Due {
    Ask(usize),
    Answer(usize),
}

#[derive(Debug)]
pub struct Supervisor {
    pub(crate) options: Options,
    pub(crate) core: Core,
    pub(crate) manifest: Manifest,
    pub(crate) epoll: Epoll,
    pub(crate) signals: Signals,
    pub(crate) control: Control,
    pub(crate) notify: Option<NotifySocket>,
    pub(crate) logs: Logs,
    pub(crate) launcher: Launcher,
    /// Of services that have ended, until the last of their processes is gone. Before `cgroups`, which is above them.
    pub(crate) left: Vec<(usize, crate::cgroup::Cgroup)>,
    pub(crate) cgroups: Cgroups,
    pub(crate) runtime: HashMap<usize, Runtime>,
    pub(crate) children: HashMap<i32, Role>,
    pub(crate) timers: Timers<Due>,
    pub(crate) waiting: Vec<Waiting>,
    pub(crate) ending: Option<Ending>,
    zero: Instant,
}

impl Supervisor {
    /// Everything the loop needs. Signals are blocked. An error names what could not be had.
    pub fn new(options: Options, manifest: Manifest, open_files: (u64, u64)) -> Result<Supervisor, String> {
        let at = |what: &str, error: &dyn std::fmt::Display| format!("{what}: {error}");
        std::fs::create_dir_all(&options.run_dir)
            .map_err(|e| at(&options.run_dir.display().to_string(), &e))?;
        let socket = options.run_dir.join("control");
        let control = Control::listen(&socket).map_err(|e| at(&socket.display().to_string(), &e))?;
        let notify = NotifySocket::new(&options.run_dir.join("notify"))
            .map_err(|error| warn!("no NOTIFY_SOCKET: {error}"))
            .ok();
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).map_err(|e| at("epoll", &e))?;
        let signals = Signals::new().map_err(|e| at("signalfd", &e))?;
        let logs = Logs::start(&options.log_dir).map_err(|e| at("log thread", &e))?;
        let launcher = Launcher::new(open_files).map_err(|e| at("/dev/null", &e))?;
        let wants = manifest.services.iter().any(crate::cgroup::wants);
        let cgroups = if wants { Cgroups::detect("supervisor-rs") } else { Cgroups::None(String::new()) };
        let zero = Instant::now();
        let seed = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        let core = Core::new(&manifest, seed.as_secs() ^ u64::from(seed.subsec_nanos()) << 32);
        let supervisor = Supervisor {
            options,
            core,
            manifest,
            epoll,
            signals,
            control,
            notify,
            logs,
            launcher,
            left: Vec::new(),
            cgroups,
            runtime: HashMap::new(),
            children: HashMap::new(),
            timers: Timers::new(),
            waiting: Vec::new(),
            ending: None,
            zero,
        };
        let watch = |fd: std::os::fd::BorrowedFd, token| {
            supervisor
                .epoll
                .add(fd, EpollEvent::new(EpollFlags::EPOLLIN, pack(token)))
                .map_err(|e| at("epoll", &e))
        };
        use std::os::fd::AsFd;
        watch(supervisor.signals.as_fd(), Token::Signals)?;
        watch(supervisor.control.as_fd(), Token::Control)?;
        if let Some(notify) = &supervisor.notify {
            watch(notify.as_fd(), Token::NotifySocket)?;
        }
        Ok(supervisor)
    }

    pub fn now(&self) -> Time {
        self.zero.elapsed()
    }

    /// Start everything; come back when everything is stopped, because somebody asked for that.
    pub fn run(&mut self) -> Ending {
        info!(
            services = self.manifest.services.len(),
            pid = std::process::id(),
            "supervising {}",
            self.manifest.name
        );
        self.core.start_all(self.now());
        let mut events = [EpollEvent::empty(); 64];
        loop {
            self.act();
            self.answer_waiting();
            if let Some(ending) = self.ending.filter(|_| self.core.all_down()) {
                self.logs.drain(Duration::from_secs(2));
                return ending;
            }
            let count = match self.epoll.wait(&mut events, self.sleep()) {
                Ok(count) => count,
                Err(nix::errno::Errno::EINTR) => 0,
                Err(error) => {
                    error!("epoll: {error}");
                    std::thread::sleep(Duration::from_millis(100));
                    0
                }
            };
            for event in &events[..count] {
                if let Some(token) = unpack(event.data()) {
                    self.dispatch(token);
                    self.act();
                }
            }
            self.core.tick(self.now());
            self.probes_due();
        }
    }

    /// Until the next deadline, rounded up to epoll's milliseconds; without one, until something happens.
    fn sleep(&self) -> EpollTimeout {
        let Some(first) = [self.core.next_deadline(), self.timers.first()].into_iter().flatten().min() else {
            return EpollTimeout::NONE;
        };
        let milliseconds = first.saturating_sub(self.now()).as_micros().div_ceil(1000);
        EpollTimeout::from(u16::try_from(milliseconds).unwrap_or(u16::MAX))
    }

    fn dispatch(&mut self, token: Token) {
        match token {
            Token::Signals => {
                while let Some(signal) = self.signals.take() {
                    if let Some(request) = request(signal) {
                        self.on_signal(request);
                    }
                }
            }
            Token::Control => {
                while let Some(client) = self.control.accept() {
                    if let Some(fd) = self.control.fd(client) {
                        let event = EpollEvent::new(EpollFlags::EPOLLIN, pack(Token::Client(client)));
                        let _ = self.epoll.add(fd, event);
                    }
                }
            }
            Token::Client(client) => self.on_client(client),
            Token::NotifySocket => self.on_notify_socket(),
            Token::NotifyFd(slot) => self.on_notify_fd(slot as usize),
            Token::Probe(slot) => self.on_probe(slot as usize),
        }
    }

    fn on_signal(&mut self, request: Request) {
        match request {
            Request::Reap => self.reap(),
            Request::Stop => self.end(if self.options.machine { Ending::PowerOff } else { Ending::Exit }),
            Request::Interrupt => self.end(if self.options.machine { Ending::Reboot } else { Ending::Exit }),
            Request::PowerFail => {
                self.end(if self.options.machine { Ending::PowerOff } else { Ending::Exit })
            }
            Request::Reload => {
                if let Err(refused) = self.reload() {
                    warn!("the manifest was not taken; the one before stays: {refused}");
                }
            }
        }
    }

    /// Stop everything and end. Asked a second time: at once.
    pub fn end(&mut self, ending: Ending) {
        if self.ending.is_some() {
            warn!("asked again to end: SIGKILL to all that is left");
            self.kill_all();
            return;
        }
        info!("ending: stopping all services");
        self.ending = Some(ending);
        self.core.stop_all(self.now());
    }

    /// Watch a client differently, or no longer.
    pub(crate) fn watch_client(&mut self, client: u32, watch: Watch) {
        if watch == Watch::Write {
            if let Some(fd) = self.control.fd(client) {
                let mut event = EpollEvent::new(EpollFlags::EPOLLOUT, pack(Token::Client(client)));
                let _ = self.epoll.modify(fd, &mut event);
            }
        }
    }
}

/// A token as the 64 bits that epoll keeps for us.
pub(crate) fn pack(token: Token) -> u64 {
    let (kind, number) = match token {
        Token::Signals => (0_u64, 0),
        Token::Control => (1, 0),
        Token::NotifySocket => (2, 0),
        Token::NotifyFd(slot) => (3, slot),
        Token::Probe(slot) => (4, slot),
        Token::Client(client) => (5, client),
    };
    kind << 32 | u64::from(number)
}

fn unpack(data: u64) -> Option<Token> {
    let number = u32::try_from(data & 0xffff_ffff).ok()?;
    Some(match data >> 32 {
        0 => Token::Signals,
        1 => Token::Control,
        2 => Token::NotifySocket,
        3 => Token::NotifyFd(number),
        4 => Token::Probe(number),
        5 => Token::Client(number),
        _ => return None,
    })
}
