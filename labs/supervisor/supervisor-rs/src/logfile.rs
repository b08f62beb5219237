//! One service's log: `current`, and older files `current.1` (the newest) to `current.N`.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tracing::warn;

use crate::clock;
use crate::manifest::Log;

#[derive(Debug)]
pub struct LogFile {
    folder: PathBuf,
    log: Log,
    file: Option<File>,
    size: u64,
    /// The next byte begins a line.
    fresh: bool,
    lost: Arc<AtomicU64>,
    /// Lost since something could last be written.
    gap: u64,
    /// That nothing can be written was said; not again before something could be.
    told: bool,
}

impl LogFile {
    pub fn new(folder: &Path, log: Log, lost: Arc<AtomicU64>) -> LogFile {
        LogFile {
            folder: folder.to_owned(),
            log,
            file: None,
            size: 0,
            fresh: true,
            lost,
            gap: 0,
            told: false,
        }
    }

    pub fn configure(&mut self, log: Log) {
        self.log = log;
    }

    /// Make the folder and the file, and say so once when that is not possible. Tried again with each write.
    pub fn open(&mut self) {
        if let Err(error) = self.ready() {
            self.complain(&error);
        }
    }

    /// Write what a service has written. Never fails: what cannot be written is counted.
    pub fn write(&mut self, bytes: &[u8]) {
        let mut out = Vec::with_capacity(bytes.len() + 64);
        if self.gap > 0 {
            self.stamp(&mut out);
            out.extend(format!("supervisor-rs: {} bytes lost here\n", self.gap).bytes());
        }
        let mut rest = bytes;
        while !rest.is_empty() {
            let end = rest.iter().position(|&byte| byte == b'\n').map_or(rest.len(), |at| at + 1);
            let (line, after) = rest.split_at(end);
            if self.fresh && self.full(out.len()) {
                self.put(&out);
                out.clear();
                self.rotate();
            }
            if self.fresh {
                self.stamp(&mut out);
            }
            out.extend(line);
            self.fresh = line.ends_with(b"\n");
            rest = after;
        }
        self.put(&out);
    }

    fn stamp(&self, out: &mut Vec<u8>) {
        if self.log.timestamps {
            out.extend(clock::utc(std::time::SystemTime::now()).bytes());
            out.extend(b"  ");
        }
    }

    /// Whether a line that begins now would begin past the limit.
    fn full(&self, waiting: usize) -> bool {
        self.size + waiting as u64 >= self.log.max_bytes
    }

    fn put(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        let written = self.ready().and_then(|mut file| file.write_all(bytes));
        match written {
            Ok(()) => {
                self.size += bytes.len() as u64;
                self.gap = 0;
                self.told = false;
            }
            Err(error) => {
                self.complain(&error);
                self.gap += bytes.len() as u64;
                self.lost.fetch_add(bytes.len() as u64, Ordering::Relaxed);
                self.file = None;
            }
        }
    }

    fn complain(&mut self, error: &io::Error) {
        if std::mem::replace(&mut self.told, true) {
            return;
        }
        let service = self.folder.file_name().unwrap_or_default().to_string_lossy();
        let folder = self.folder.display();
        warn!(service = &*service, field = "log", "cannot write to {folder}: {error}; its output is dropped");
    }

    fn ready(&mut self) -> io::Result<&File> {
        if self.file.is_none() {
            fs::create_dir_all(&self.folder)?;
            let file = OpenOptions::new().append(true).create(true).open(self.folder.join("current"))?;
            self.size = file.metadata()?.len();
            self.file = Some(file);
        }
        self.file.as_ref().ok_or_else(|| io::Error::other("not open"))
    }

    /// `current` becomes `current.1`, that one `current.2`, and so on; the oldest goes.
    fn rotate(&mut self) {
        let keep = self.log.keep;
        let older = |number: u32| self.folder.join(format!("current.{number}"));
        let _ = fs::remove_file(older(keep));
        for number in (1..keep).rev() {
            let _ = fs::rename(older(number), older(number + 1));
        }
        if fs::rename(self.folder.join("current"), older(1)).is_ok() {
            self.file = None;
            self.size = 0;
        }
    }
}
