//! supervisor-rs: an init and service supervisor. One process, one loop.
//!
//! Read in this order: [`manifest`] (what services there are), [`graph`], [`service`], [`core`] and [`wish`] (who shall
//! run now; pure), [`spawn`] and [`sys`] (how a process begins), [`supervisor`] and [`act`] (the loop), then what hangs
//! on it: [`ready`], [`probe`] and [`ask`], [`health`], [`logs`], [`signals`], [`user`], [`limits`] and [`cgroup`],
//! [`reload`], [`control`] and [`answer`]; what PID 1 does besides: [`rest`], [`crash`] and [`machine`]; at last
//! [`tiny`], which runs one command and has no manifest.

pub mod act;
pub mod answer;
pub mod ask;
pub mod backoff;
pub mod cgroup;
pub mod clock;
pub mod control;
pub mod core;
pub mod crash;
pub mod decode;
pub mod events;
pub mod fields;
pub mod graph;
pub mod health;
pub mod limits;
pub mod logfile;
pub mod logs;
pub mod machine;
pub mod manifest;
pub mod node;
pub mod probe;
pub mod problems;
pub mod ready;
pub mod reload;
pub mod rest;
pub mod rules;
pub mod service;
pub mod signals;
pub mod spawn;
pub mod supervisor;
pub mod sys;
pub mod timers;
pub mod tiny;
pub mod user;
pub mod wish;
