//! The control socket: a line of JSON in, a line of JSON out. Who may connect is decided by the file's mode: the owner.
//! A client that is slow, silent or gone holds nobody up.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

use serde_json::{Value, json};

const LONGEST_REQUEST: usize = 65536;

#[derive(Debug)]
pub struct Control {
    listener: UnixListener,
    clients: HashMap<u32, Client>,
    next: u32,
}

#[derive(Debug)]
struct Client {
    stream: UnixStream,
    request: Vec<u8>,
    reply: Vec<u8>,
}

/// What a client wants.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    pub command: String,
    pub names: Vec<String>,
    /// Answer when it is done, not at once.
    pub wait: bool,
}

/// How a client's socket is to be watched from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watch {
    Read,
    Write,
    Closed,
}

impl Control {
    pub fn listen(path: &Path) -> io::Result<Control> {
        // Left over from one who was killed; a living one would answer.
        if UnixStream::connect(path).is_ok() {
            return Err(io::Error::new(io::ErrorKind::AddrInUse, "another supervisor answers there"));
        }
        let _ = std::fs::remove_file(path);
        let listener = UnixListener::bind(path)?;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
        listener.set_nonblocking(true)?;
        Ok(Control { listener, clients: HashMap::new(), next: 0 })
    }

    /// A new client's number.
    pub fn accept(&mut self) -> Option<u32> {
        let (stream, _) = self.listener.accept().ok()?;
        stream.set_nonblocking(true).ok()?;
        self.next = self.next.wrapping_add(1);
        self.clients.insert(self.next, Client { stream, request: Vec::new(), reply: Vec::new() });
        Some(self.next)
    }

    pub fn fd(&self, client: u32) -> Option<BorrowedFd<'_>> {
        self.clients.get(&client).map(|client| client.stream.as_fd())
    }

    /// Something can be read: the request, once it is whole. An error: the client has gone, or talks nonsense.
    pub fn read(&mut self, client: u32) -> Result<Option<Request>, String> {
        let Some(client) = self.clients.get_mut(&client) else { return Ok(None) };
        let mut buffer = [0; 4096];
        loop {
            match client.stream.read(&mut buffer) {
                Ok(0) => return Err("closed".to_owned()),
                Ok(count) => client.request.extend(&buffer[..count]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(error) => return Err(error.to_string()),
            }
            if client.request.len() > LONGEST_REQUEST {
                return Err("the request is too long".to_owned());
            }
            if let Some(end) = client.request.iter().position(|&byte| byte == b'\n') {
                let line: Vec<u8> = client.request.drain(..=end).collect();
                return parse(&line).map(Some);
            }
        }
    }

    /// Send an answer, as far as it goes now.
    pub fn reply(&mut self, client: u32, answer: &Value) -> Watch {
        if let Some(client) = self.clients.get_mut(&client) {
            client.reply.extend(answer.to_string().bytes());
            client.reply.push(b'\n');
        }
        self.write(client)
    }

    /// Go on sending, if an answer has been begun.
    pub fn write_if_any(&mut self, id: u32) -> Watch {
        match self.clients.get(&id) {
            Some(client) if client.reply.is_empty() => Watch::Read,
            _ => self.write(id),
        }
    }

    /// Go on sending. `Closed`: it is all sent (one request, one answer), or nobody is there.
    pub fn write(&mut self, id: u32) -> Watch {
        let Some(client) = self.clients.get_mut(&id) else { return Watch::Closed };
        while !client.reply.is_empty() {
            match client.stream.write(&client.reply) {
                Ok(count) => drop(client.reply.drain(..count)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Watch::Write,
                Err(_) => break,
            }
        }
        self.clients.remove(&id);
        Watch::Closed
    }

    pub fn drop_client(&mut self, client: u32) {
        self.clients.remove(&client);
    }
}

impl AsFd for Control {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.listener.as_fd()
    }
}

/// `{"command": "start", "names": ["redis"], "wait": true}`
fn parse(line: &[u8]) -> Result<Request, String> {
    let value: Value = serde_json::from_slice(line).map_err(|error| format!("not a request: {error}"))?;
    let command = value["command"].as_str().ok_or("not a request: no \"command\"")?;
    let names = value["names"].as_array().map(Vec::as_slice).unwrap_or_default();
    Ok(Request {
        command: command.to_owned(),
        names: names.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        wait: value["wait"].as_bool().unwrap_or(true),
    })
}

pub fn refusal(error: &str) -> Value {
    json!({"ok": false, "error": error})
}

/// The client's side: ask, and wait for the answer.
pub fn ask(socket: &Path, request: &Value) -> io::Result<Value> {
    let mut stream = UnixStream::connect(socket)?;
    stream.write_all(format!("{request}\n").as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    if answer.is_empty() {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the supervisor has ended"));
    }
    serde_json::from_str(&answer).map_err(io::Error::from)
}
