//! What services write: caught in a pipe for each, written to LOGDIR/NAME/current by one thread.
//!
//! The pipe outlives the service's process: a restart loses nothing, and what a dying process has written is read.
//! **Back-pressure.** The thread never makes the supervisor wait, whatever the disk does. A disk that is full, or a
//! folder that cannot be written to: what is read is dropped and counted, and the count is written as soon as writing
//! works again. A disk that hangs: the thread hangs in write(2), the pipes fill up (64 KiB each), and services that
//! go on writing wait for themselves; the supervisor goes on starting, reaping and stopping.

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use nix::fcntl::OFlag;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::unistd::{pipe2, read};

use crate::logfile::LogFile;
use crate::manifest::Log;

/// The supervisor's side.
#[derive(Debug)]
pub struct Logs {
    folder: PathBuf,
    sender: Sender<Message>,
    wake: Arc<EventFd>,
    open: HashMap<String, Entry>,
}

#[derive(Debug)]
struct Entry {
    /// Handed to every process of the service. We keep it, so that the pipe never ends.
    write: OwnedFd,
    read: RawFd,
    lost: Arc<AtomicU64>,
}

#[derive(Debug)]
enum Message {
    Open(Box<Channel>),
    Configure(String, Log),
    Close(String),
    /// Read what is there, then answer.
    Drain(Sender<()>),
}

#[derive(Debug)]
struct Channel {
    read: OwnedFd,
    name: String,
    file: LogFile,
}

impl Logs {
    pub fn start(folder: &Path) -> io::Result<Logs> {
        let (sender, receiver) = channel();
        let wake = Arc::new(EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)?);
        let mut writer =
            Writer { wake: wake.clone(), receiver, channels: HashMap::new(), by_name: HashMap::new() };
        std::thread::Builder::new()
            .name("logs".to_owned())
            .stack_size(128 * 1024)
            .spawn(move || writer.run())?;
        Ok(Logs { folder: folder.to_owned(), sender, wake, open: HashMap::new() })
    }

    /// The pipe that a service's processes write to; made when it is first asked for.
    pub fn pipe(&mut self, name: &str, log: &Log) -> io::Result<RawFd> {
        if !self.open.contains_key(name) {
            let (read, write) = pipe2(OFlag::O_CLOEXEC)?;
            self.adopt(name, log, read, write);
        }
        Ok(self.open[name].write.as_raw_fd())
    }

    /// Use a pipe that is there already.
    pub fn adopt(&mut self, name: &str, log: &Log, read: OwnedFd, write: OwnedFd) {
        let lost = Arc::new(AtomicU64::new(0));
        self.open.insert(name.to_owned(), Entry { write, read: read.as_raw_fd(), lost: lost.clone() });
        let file = LogFile::new(&self.folder.join(name), log.clone(), lost);
        self.send(Message::Open(Box::new(Channel { read, name: name.to_owned(), file })));
    }

    /// Both ends of a service's pipe, for whoever takes over.
    pub fn ends(&self, name: &str) -> Option<(RawFd, RawFd)> {
        self.open.get(name).map(|entry| (entry.read, entry.write.as_raw_fd()))
    }

    /// Other sizes or timestamps from the next line on.
    pub fn configure(&mut self, name: &str, log: &Log) {
        self.send(Message::Configure(name.to_owned(), log.clone()));
    }

    /// The service is gone: what it has written is still written, then its pipe is closed.
    pub fn close(&mut self, name: &str) {
        if self.open.remove(name).is_some() {
            self.send(Message::Close(name.to_owned()));
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name).join("current")
    }

    /// Bytes that could not be written.
    pub fn lost(&self, name: &str) -> u64 {
        self.open.get(name).map_or(0, |entry| entry.lost.load(Ordering::Relaxed))
    }

    /// At the end: give the thread a moment to write what is in the pipes.
    pub fn drain(&self, most: Duration) {
        let (sender, receiver) = channel();
        self.send(Message::Drain(sender));
        let _ = receiver.recv_timeout(most);
    }

    fn send(&self, message: Message) {
        // The thread ends only with the process.
        let _ = self.sender.send(message);
        let _ = self.wake.write(1);
    }
}

/// The thread's side.
struct Writer {
    wake: Arc<EventFd>,
    receiver: Receiver<Message>,
    channels: HashMap<u64, Channel>,
    by_name: HashMap<String, u64>,
}

impl Writer {
    fn run(&mut self) {
        let Ok(epoll) = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC) else { return };
        let mut next = 1;
        if epoll.add(&self.wake, EpollEvent::new(EpollFlags::EPOLLIN, 0)).is_err() {
            return;
        }
        let mut buffer = vec![0; 65536];
        let mut events = [EpollEvent::empty(); 64];
        loop {
            let count = epoll.wait(&mut events, EpollTimeout::NONE).unwrap_or(0);
            for event in &events[..count] {
                if event.data() == 0 {
                    self.messages(&epoll, &mut next, &mut buffer);
                } else if let Some(channel) = self.channels.get_mut(&event.data()) {
                    channel.once(&mut buffer);
                }
            }
        }
    }

    fn messages(&mut self, epoll: &Epoll, next: &mut u64, buffer: &mut [u8]) {
        let _ = self.wake.read();
        while let Ok(message) = self.receiver.try_recv() {
            match message {
                Message::Open(mut channel) => {
                    channel.file.open();
                    let _ = epoll.add(&channel.read, EpollEvent::new(EpollFlags::EPOLLIN, *next));
                    self.by_name.insert(channel.name.clone(), *next);
                    self.channels.insert(*next, *channel);
                    *next += 1;
                }
                Message::Configure(name, log) => {
                    if let Some(channel) = self.by_name.get(&name).and_then(|id| self.channels.get_mut(id)) {
                        channel.file.configure(log);
                    }
                }
                Message::Close(name) => {
                    if let Some(mut channel) =
                        self.by_name.remove(&name).and_then(|id| self.channels.remove(&id))
                    {
                        channel.rest(buffer);
                    }
                }
                Message::Drain(done) => {
                    self.channels.values_mut().for_each(|channel| channel.rest(buffer));
                    let _ = done.send(());
                }
            }
        }
    }
}

impl Channel {
    /// Read once: the pipe is known to hold something, so this does not wait. Whether there may be more.
    fn once(&mut self, buffer: &mut [u8]) -> bool {
        match read(&self.read, buffer) {
            Ok(count) if count > 0 => {
                self.file.write(&buffer[..count]);
                true
            }
            _ => false,
        }
    }

    /// Read what is left, and wait for nothing.
    fn rest(&mut self, buffer: &mut [u8]) {
        let there = |channel: &Channel| {
            use std::os::fd::AsFd;
            let mut poll = [nix::poll::PollFd::new(channel.read.as_fd(), nix::poll::PollFlags::POLLIN)];
            nix::poll::poll(&mut poll, nix::poll::PollTimeout::ZERO).is_ok_and(|count| count > 0)
                && poll[0].revents().is_some_and(|events| events.contains(nix::poll::PollFlags::POLLIN))
        };
        while there(self) && self.once(buffer) {}
    }
}
