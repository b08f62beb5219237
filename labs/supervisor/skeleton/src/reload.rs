//! Place 6. From the manifest that runs to another one, touching only what changed.
//!
//! A service that is only in the new one is started, one that is only in the old one
//! is stopped. One whose process would be another is restarted; a change that its
//! process never sees (the description, what it depends on, how it is stopped,
//! restarted, asked or logged) is no reason for that. A manifest with two services of
//! one name, a dependency on a service that is not in it, or a cycle is refused with a
//! reason that names them, and changes nothing.

use crate::manifest::Service;

/// Names of services: what is to be done to which.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    pub stop: Vec<String>,
    pub start: Vec<String>,
    pub restart: Vec<String>,
}

/// How to get from the old services to the new ones.
pub fn plan(_old: &[Service], _new: &[Service]) -> Result<Plan, String> {
    Ok(Plan::default())
}
