//! A small supervisor, and six places left to be written. What is here starts services in the order of their
//! dependencies, reaps, and restarts. Read [`supervisor`] first; it calls all the others.
//!
//! | place | what it does as shipped | what it shall do |
//! |---|---|---|
//! | [`logging`] | services write to the console | a log for each, rotated |
//! | [`signals`] | no signal stops anything | an ordered stop, with grace |
//! | [`user`] | everybody is root | each service its user |
//! | [`limits`] | no limits | each service its limits |
//! | [`health`] | whoever runs is healthy | tcp, http and exec probes |
//! | [`reload`] | SIGHUP changes nothing | only what changed is touched |

pub mod children;
pub mod health;
pub mod limits;
pub mod logging;
pub mod manifest;
pub mod reload;
pub mod report;
pub mod signals;
pub mod supervisor;
pub mod user;
