//! One question asked from outside: does a port accept, does a page answer. (The third kind, a command, is a process:
//! the supervisor starts it and hears of its end as of any other.) Nothing here waits.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockType, SockaddrIn, bind, connect, getsockopt, recv, send,
    setsockopt, socket, sockopt,
};

use crate::manifest::{Probe, Readiness, Service};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    Yes,
    No,
    NotYet,
}

/// A connection that is being tried.
#[derive(Debug)]
pub struct Attempt {
    fd: OwnedFd,
    /// The request, for http.
    request: Option<String>,
    connected: bool,
    answer: Vec<u8>,
}

impl Attempt {
    /// Begin. `NotYet`: call `event` when the socket has something to tell.
    pub fn begin(probe: &Probe) -> io::Result<(Attempt, Answer)> {
        let (port, request) = match probe {
            Probe::Tcp { port } => (*port, None),
            Probe::Http { port, path } => (
                *port,
                Some(format!("GET {path} HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n")),
            ),
            Probe::Exec { .. } => return Err(io::Error::other("a command is no connection")),
        };
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let fd = socket(AddressFamily::Inet, SockType::Stream, flags, None)?;
        let result = connect(fd.as_raw_fd(), &SockaddrIn::new(127, 0, 0, 1, port));
        let mut attempt = Attempt { fd, request, connected: false, answer: Vec::new() };
        let answer = match result {
            Ok(()) => attempt.on_connected(),
            Err(Errno::EINPROGRESS) => Answer::NotYet,
            Err(_) => Answer::No,
        };
        Ok((attempt, answer))
    }

    /// The socket can be written to, or read, or has failed.
    pub fn event(&mut self) -> Answer {
        if !self.connected {
            return match getsockopt(&self.fd, sockopt::SocketError) {
                Ok(0) => self.on_connected(),
                _ => Answer::No,
            };
        }
        let mut buffer = [0; 512];
        match recv(self.fd.as_raw_fd(), &mut buffer, MsgFlags::MSG_DONTWAIT) {
            Err(Errno::EAGAIN) => Answer::NotYet,
            Ok(count) if count > 0 => {
                self.answer.extend(&buffer[..count]);
                let whole = self.answer.contains(&b'\n') || self.answer.len() > 512;
                if whole { verdict(&self.answer) } else { Answer::NotYet }
            }
            _ => Answer::No,
        }
    }

    fn on_connected(&mut self) -> Answer {
        self.connected = true;
        let Some(request) = &self.request else { return Answer::Yes };
        // A request this short fits into the buffer of a new socket.
        match send(self.fd.as_raw_fd(), request.as_bytes(), MsgFlags::MSG_NOSIGNAL) {
            Ok(count) if count == request.len() => Answer::NotYet,
            _ => Answer::No,
        }
    }

    /// Whether the next event is one of reading.
    pub fn reads(&self) -> bool {
        self.connected
    }
}

/// The ports that a service is to listen on, with the field that says so.
pub fn ports(service: &Service) -> impl Iterator<Item = (&'static str, u16)> + '_ {
    let asked = match &service.readiness {
        Some(Readiness::Ask { probe: Probe::Tcp { port } | Probe::Http { port, .. }, .. }) => Some(*port),
        _ => None,
    };
    service.ports.iter().map(|&port| ("ports", port)).chain(asked.map(|port| ("readiness.port", port)))
}

/// Whether somebody listens on a port of 127.0.0.1, or on that port of every address: then nobody else may be bound
/// to it (SO_REUSEADDR of socket(7): a port whose connections are closing is free).
pub fn in_use(port: u16) -> bool {
    let flags = SockFlag::SOCK_CLOEXEC;
    let Ok(fd) = socket(AddressFamily::Inet, SockType::Stream, flags, None) else { return false };
    let _ = setsockopt(&fd, sockopt::ReuseAddr, &true);
    bind(fd.as_raw_fd(), &SockaddrIn::new(127, 0, 0, 1, port)) == Err(Errno::EADDRINUSE)
}

impl AsFd for Attempt {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// `HTTP/1.1 204 No Content`: 2xx and 3xx are good.
fn verdict(answer: &[u8]) -> Answer {
    let line = answer.split(|&byte| byte == b'\n').next().unwrap_or_default();
    let mut words = line.split(|&byte| byte == b' ');
    let http = words.next().is_some_and(|word| word.starts_with(b"HTTP/"));
    let good = words.next().is_some_and(|word| word.len() == 3 && matches!(word[0], b'2' | b'3'));
    if http && good { Answer::Yes } else { Answer::No }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_2xx_and_3xx_are_an_answer_that_counts() {
        for (line, good) in [
            ("HTTP/1.1 200 OK\r\n", true),
            ("HTTP/1.0 302 Found\r\n", true),
            ("HTTP/1.1 404 Not Found\r\n", false),
            ("HTTP/1.1 503 Service Unavailable\r\n", false),
            ("SSH-2.0-OpenSSH 200\r\n", false),
            ("HTTP/1.1 2000 \r\n", false),
            ("\n", false),
        ] {
            assert_eq!(verdict(line.as_bytes()) == Answer::Yes, good, "{line}");
        }
    }
}
