//! Readiness that a service reports itself: a newline on a file descriptor (s6), or `READY=1` (sd_notify(3)).

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;
use nix::sys::socket::{
    AddressFamily, ControlMessageOwned, MsgFlags, SockFlag, SockType, UnixAddr, bind, recvmsg, setsockopt,
    socket, sockopt,
};
use nix::unistd::{pipe2, read};

/// What was heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    Nothing,
    Ready,
    /// The other side is closed: nothing will ever come.
    End,
}

/// A pipe of which a service has the writing end.
#[derive(Debug)]
pub struct NotifyFd {
    read: OwnedFd,
}

impl NotifyFd {
    /// The reading end, and the writing end for the child; ours of that one is to be closed after the spawn.
    pub fn new() -> io::Result<(NotifyFd, OwnedFd)> {
        let (read, write) = pipe2(OFlag::O_CLOEXEC)?;
        // Only our end: the service's shall wait as a program expects.
        nix::fcntl::fcntl(&read, nix::fcntl::FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        Ok((NotifyFd { read }, write))
    }

    pub fn listen(&self) -> Heard {
        let mut buffer = [0; 256];
        loop {
            match read(&self.read, &mut buffer) {
                Ok(0) => return Heard::End,
                Ok(count) if buffer[..count].contains(&b'\n') => return Heard::Ready,
                Ok(_) => {}
                Err(_) => return Heard::Nothing,
            }
        }
    }
}

impl AsFd for NotifyFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.read.as_fd()
    }
}

/// The one socket of `NOTIFY_SOCKET`. The kernel tells who has written (SO_PASSCRED, unix(7)).
#[derive(Debug)]
pub struct NotifySocket {
    fd: OwnedFd,
    pub path: PathBuf,
}

impl NotifySocket {
    pub fn new(path: &Path) -> io::Result<NotifySocket> {
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let fd = socket(AddressFamily::Unix, SockType::Datagram, flags, None)?;
        setsockopt(&fd, sockopt::PassCred, &true)?;
        let _ = std::fs::remove_file(path);
        bind(fd.as_raw_fd(), &UnixAddr::new(path)?)?;
        // A service that runs as another user may write too; what counts is which process it was.
        std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o666))?;
        Ok(NotifySocket { fd, path: path.to_owned() })
    }

    /// The PID of the next process that says `READY=1`.
    pub fn next_ready(&self) -> Option<i32> {
        loop {
            let mut buffer = [0; 4096];
            let mut space = nix::cmsg_space!(nix::sys::socket::UnixCredentials);
            let (count, pid) = {
                let mut parts = [io::IoSliceMut::new(&mut buffer)];
                let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_CMSG_CLOEXEC;
                let message =
                    recvmsg::<UnixAddr>(self.fd.as_raw_fd(), &mut parts, Some(&mut space), flags).ok()?;
                let sender = message.cmsgs().ok()?.find_map(|part| match part {
                    ControlMessageOwned::ScmCredentials(sender) => Some(sender.pid()),
                    _ => None,
                });
                (message.bytes, sender)
            };
            if buffer[..count].split(|&byte| byte == b'\n').any(|line| line == b"READY=1") {
                return pid;
            }
        }
    }
}

impl AsFd for NotifySocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// The session a process belongs to: that of its service's first process (proc_pid_stat(5)).
pub fn session_of(pid: i32) -> Option<i32> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.split(' ').nth(3)?.parse().ok()
}

/// The environment variables that tell a service where to report.
pub fn variables(fd: RawFd, socket: Option<&NotifySocket>) -> Vec<(&'static str, String)> {
    let mut told = vec![("NOTIFY_FD", fd.to_string())];
    told.extend(socket.map(|socket| ("NOTIFY_SOCKET", socket.path.display().to_string())));
    told
}
