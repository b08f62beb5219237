//! Place 1. What a service writes.
//!
//! It shall go to `/var/log/NAME/current`. A line that would make that file larger
//! than `log.max_bytes` opens a new one: `current` becomes `previous.1`, `previous.1`
//! becomes `previous.2`, and so on; `log.keep` of them are kept. No line is lost or
//! torn. Nothing the service writes, and no trouble with its files, holds up the
//! supervisor.

use std::io;
use std::process::Stdio;

use crate::manifest::Service;

/// Standard output and standard error of the next process of a service.
pub fn output(_service: &Service) -> io::Result<(Stdio, Stdio)> {
    Ok((Stdio::inherit(), Stdio::inherit()))
}
