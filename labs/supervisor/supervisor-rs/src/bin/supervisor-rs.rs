//! `supervisor-rs [--manifest FILE] [--check] [--run-dir DIR] [--log-dir DIR] [--quiet]` or `supervisor-rs -- COMMAND…`

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use tracing::{error, warn};

use supervisor_rs::manifest::Manifest;
use supervisor_rs::supervisor::{Options, Supervisor};
use supervisor_rs::{crash, events, limits, machine, rest, signals, sys, tiny};

const HELP: &str = "\
supervisor-rs: an init and service supervisor

  supervisor-rs [--manifest FILE] [--run-dir DIR] [--log-dir DIR] [--quiet]
      Supervise the services of a manifest (TOML or JSON), as PID 1 or not, until SIGTERM or SIGINT.
      Default: /etc/supervisor/manifest.toml or .json, /run/supervisor, /var/log/supervisor.
  supervisor-rs --check [--manifest FILE]
      Only say whether the manifest is good; every problem with its place.
  supervisor-rs -- COMMAND [ARGUMENT…]
      Run one command as a container's PID 1: reap, hand signals on, end as it ends.

SIGHUP reads the manifest again. supervisorctl-rs talks to a running supervisor.
";

enum Wish {
    Supervise { options: Options, check: bool, quiet: bool },
    Run(Vec<String>),
    Say(String),
}

fn main() -> ExitCode {
    sys::close_on_exec_from_3();
    match wish() {
        Ok(Wish::Say(text)) => {
            print!("{text}");
            ExitCode::SUCCESS
        }
        Ok(Wish::Run(command)) => exit_code(tiny::main(&command)),
        Ok(Wish::Supervise { options, check: true, .. }) => check(&options),
        Ok(Wish::Supervise { options, quiet, .. }) => supervise(options, quiet),
        Err(error) => {
            eprintln!("supervisor-rs: {error}\n  next: supervisor-rs --help");
            ExitCode::from(100)
        }
    }
}

fn wish() -> Result<Wish, String> {
    use lexopt::prelude::*;
    let mut manifest = None;
    let mut options = Options {
        manifest: PathBuf::new(),
        run_dir: PathBuf::from("/run/supervisor"),
        log_dir: PathBuf::from("/var/log/supervisor"),
        machine: false,
    };
    let (mut only_check, mut quiet) = (false, false);
    let mut arguments = std::env::args_os().skip(1).peekable();
    let before: Vec<_> = std::iter::from_fn(|| arguments.next_if(|word| word != "--")).collect();
    if arguments.next().is_some() {
        let word =
            |word: std::ffi::OsString| word.into_string().map_err(|word| format!("not UTF-8: {word:?}"));
        let command = arguments.map(word).collect::<Result<Vec<_>, _>>()?;
        if command.is_empty() {
            return Err("-- is followed by a command".to_owned());
        }
        if !before.is_empty() {
            return Err("options have no meaning before --".to_owned());
        }
        return Ok(Wish::Run(command));
    }
    let mut parser = lexopt::Parser::from_args(before);
    let text = |error: lexopt::Error| error.to_string();
    while let Some(argument) = parser.next().map_err(text)? {
        match argument {
            Long("manifest") | Short('m') => manifest = Some(PathBuf::from(parser.value().map_err(text)?)),
            Long("run-dir") => options.run_dir = parser.value().map_err(text)?.into(),
            Long("log-dir") => options.log_dir = parser.value().map_err(text)?.into(),
            Long("check") => only_check = true,
            Long("quiet") | Short('q') => quiet = true,
            Long("help") | Short('h') => return Ok(Wish::Say(HELP.to_owned())),
            Long("version") | Short('V') => {
                return Ok(Wish::Say(format!("supervisor-rs {}\n", env!("CARGO_PKG_VERSION"))));
            }
            other => return Err(other.unexpected().to_string()),
        }
    }
    let toml = Path::new("/etc/supervisor/manifest.toml");
    let json = Path::new("/etc/supervisor/manifest.json");
    options.manifest =
        manifest.unwrap_or_else(|| (if toml.exists() || !json.exists() { toml } else { json }).to_owned());
    Ok(Wish::Supervise { options, check: only_check, quiet })
}

fn check(options: &Options) -> ExitCode {
    match Manifest::load(&options.manifest) {
        Ok(manifest) => {
            println!("{}: good, {} services", options.manifest.display(), manifest.services.len());
            ExitCode::SUCCESS
        }
        Err(refused) => {
            eprintln!("{refused}\n  next: correct {} and check it again", options.manifest.display());
            ExitCode::FAILURE
        }
    }
}

/// What is left of a crashed image, and what is left at the end, has this long to end by itself.
const GRACE: Duration = Duration::from_secs(2);

fn supervise(mut options: Options, quiet: bool) -> ExitCode {
    options.machine = machine::is_ours();
    let missing = if options.machine { machine::prepare() } else { Vec::new() };
    let blocked = signals::block_all_but_faults();
    let adopts = sys::become_subreaper();
    let armed = crash::arm();
    events::start(quiet, &options.manifest);
    for what in missing {
        warn!("{what}");
    }
    if let Err(error) = blocked {
        error!("sigprocmask: {error}");
    }
    if let Err(error) = adopts {
        warn!("orphans may not come to me: prctl: {error}");
    }
    let before = limits::raise_open_files();
    match armed {
        Ok(crashes) => after(crashes, options.machine),
        Err(error) => warn!("a crash of mine would end me: {error}"),
    }
    loop {
        let error = match Manifest::load(&options.manifest).map_err(|refused| refused.to_string()) {
            Err(refused) => refused,
            Ok(manifest) => match Supervisor::new(options.clone(), manifest, before) {
                Err(error) => error,
                Ok(mut supervisor) => {
                    let ending = supervisor.run();
                    drop(supervisor);
                    rest::end_all(GRACE);
                    return if options.machine { machine::end(ending) } else { ExitCode::SUCCESS };
                }
            },
        };
        if !options.machine {
            eprintln!("supervisor-rs: {error}");
            return ExitCode::FAILURE;
        }
        machine::emergency(&error);
    }
}

/// An image of ours has crashed: end what it had started, and do not crash without a pause for ever.
fn after(crashes: u32, machine: bool) {
    if crashes == 0 {
        return;
    }
    error!(crashes, "I crashed and was executed again; ending all that was running, then starting over");
    rest::end_all(GRACE);
    if machine && crashes >= crash::MANY {
        machine::emergency("I crash again and again");
        return;
    }
    let pause = crash::hold_back(crashes);
    if !pause.is_zero() {
        warn!(seconds = pause.as_secs(), "holding back");
        std::thread::sleep(pause);
    }
}

fn exit_code(status: i32) -> ExitCode {
    ExitCode::from(u8::try_from(status & 0xff).unwrap_or(1))
}
