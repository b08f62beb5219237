//! Place 3. Each service as its user.
//!
//! Its processes shall have the user's UID, GID and supplementary groups
//! (initgroups(3)), real, effective and saved, and nothing of root's; `HOME`, `USER`
//! and `LOGNAME` are the user's, unless the manifest says otherwise. An unknown user
//! is an error that names it: a service that cannot have its user is not started,
//! least of all as root.

use std::io;
use std::process::Command;

use crate::manifest::Service;

/// Prepare a command to run as the service's user.
pub fn switch(_command: &mut Command, _service: &Service) -> io::Result<()> {
    Ok(())
}
