//! Place 5. Whether a service can be used.
//!
//! Called again and again, in a thread of the service's own: until the answer is yes,
//! and then as its heartbeat; three bad answers in a row and the supervisor restarts
//! it. The answer shall come within `timeout`, whatever the other side does. A command
//! that takes longer is killed, with all of its group.

use std::time::Duration;

use crate::manifest::Readiness;

/// Whether the service gives a good answer now.
pub fn ask(_probe: &Readiness, _timeout: Duration) -> bool {
    true
}
