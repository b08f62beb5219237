//! The supervisor's own events: a line of JSON for each, on standard error (tracing).
//!
//! Nobody may read what we write there. So a line is written only when the reader has room for it (poll(2)), whole and
//! at most 4096 bytes: a pipe takes that without waiting (PIPE_BUF, pipe(7)). What finds no room is counted, and the
//! next line that does tells how many were dropped.

use std::fmt::Debug;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use crate::{clock, sys};

#[derive(Debug)]
struct JsonLines {
    most: Level,
    /// The manifest, told with every event about a field of it.
    file: String,
    dropped: AtomicU64,
}

/// From now on events are written. `quiet`: only warnings and errors.
pub fn start(quiet: bool, manifest: &Path) {
    let most = if quiet { Level::WARN } else { Level::INFO };
    let file = manifest.display().to_string();
    let _ = tracing::subscriber::set_global_default(JsonLines { most, file, dropped: AtomicU64::new(0) });
}

/// Write a text to standard error if there is room for it now.
pub fn write_error(line: &[u8]) -> bool {
    let error = sys::borrow(2);
    let mut room = [PollFd::new(error, PollFlags::POLLOUT)];
    let free = poll(&mut room, PollTimeout::ZERO).is_ok_and(|count| count > 0)
        && room[0].revents().is_some_and(|events| events.contains(PollFlags::POLLOUT));
    free && nix::unistd::write(error, &line[..line.len().min(libc::PIPE_BUF)]).is_ok()
}

impl Subscriber for JsonLines {
    fn enabled(&self, metadata: &Metadata) -> bool {
        metadata.level() <= &self.most
    }

    fn event(&self, event: &Event) {
        let mut fields = Fields(Map::new());
        fields.0.insert("time".to_owned(), clock::utc(SystemTime::now()).into());
        fields.0.insert("level".to_owned(), event.metadata().level().as_str().to_lowercase().into());
        event.record(&mut fields);
        if fields.0.contains_key("field") {
            fields.0.insert("file".to_owned(), self.file.clone().into());
        }
        let dropped = self.dropped.load(Ordering::Relaxed);
        if dropped > 0 {
            fields.0.insert("dropped_before".to_owned(), dropped.into());
        }
        let mut line = Value::Object(fields.0).to_string().into_bytes();
        line.truncate(libc::PIPE_BUF - 1);
        line.push(b'\n');
        if write_error(&line) {
            self.dropped.fetch_sub(dropped, Ordering::Relaxed);
        } else {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    // Spans are not used: the loop does one thing at a time.
    fn new_span(&self, _: &Attributes) -> Id {
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

struct Fields(Map<String, Value>);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let name = if field.name() == "message" { "event" } else { field.name() };
        self.0.insert(name.to_owned(), format!("{value:?}").into());
    }
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().to_owned(), value.into());
    }
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.0.insert(field.name().to_owned(), value.into());
    }
    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0.insert(field.name().to_owned(), value.into());
    }
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.0.insert(field.name().to_owned(), ((value * 1e6).round() / 1e6).into());
    }
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.0.insert(field.name().to_owned(), value.into());
    }
}
