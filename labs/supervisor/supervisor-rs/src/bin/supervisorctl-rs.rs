//! `supervisorctl-rs status|start|stop|restart|reload|logs|shutdown|reboot`: talk to a running supervisor-rs.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use serde_json::{Value, json};
use supervisor_rs::control::ask;

const HELP: &str = "\
supervisorctl-rs: talk to a running supervisor-rs

  supervisorctl-rs [--run-dir DIR] [--json] status [NAME…]
  supervisorctl-rs [--no-wait] start|stop|restart NAME…
  supervisorctl-rs reload              read the manifest again
  supervisorctl-rs logs [-f] NAME      what the service has written (-f: and writes)
  supervisorctl-rs shutdown|reboot     stop everything and end
  supervisorctl-rs drill panic|fault   the supervisor crashes, executes itself again and starts every service anew

Exit status: 0 done, 1 refused or failed, 2 no supervisor answers, 100 wrong usage.
";

struct Wish {
    run_dir: PathBuf,
    json: bool,
    follow: bool,
    wait: bool,
    words: Vec<String>,
}

fn main() -> ExitCode {
    let wish = match wish() {
        Ok(Some(wish)) => wish,
        Ok(None) => {
            print!("{HELP}");
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("supervisorctl-rs: {error}\n  next: supervisorctl-rs --help");
            return ExitCode::from(100);
        }
    };
    let socket = wish.run_dir.join("control");
    let request = json!({"command": wish.words[0], "names": wish.words[1..], "wait": wish.wait});
    match ask(&socket, &request) {
        Ok(answer) => show(&wish, &answer),
        Err(error) => {
            eprintln!("supervisorctl-rs: {}: {error}\n  next: is supervisor-rs running?", socket.display());
            ExitCode::from(2)
        }
    }
}

fn wish() -> Result<Option<Wish>, String> {
    use lexopt::prelude::*;
    let mut wish =
        Wish { run_dir: "/run/supervisor".into(), json: false, follow: false, wait: true, words: Vec::new() };
    let mut parser = lexopt::Parser::from_env();
    let text = |error: lexopt::Error| error.to_string();
    while let Some(argument) = parser.next().map_err(text)? {
        match argument {
            Long("run-dir") => wish.run_dir = parser.value().map_err(text)?.into(),
            Long("json") => wish.json = true,
            Long("no-wait") => wish.wait = false,
            Long("follow") | Short('f') => wish.follow = true,
            Long("help") | Short('h') => return Ok(None),
            Value(word) => wish.words.push(word.string().map_err(text)?),
            other => return Err(other.unexpected().to_string()),
        }
    }
    match wish.words.len() {
        0 => Err("say what to do".to_owned()),
        1 if ["start", "stop", "restart", "logs"].contains(&wish.words[0].as_str()) => {
            Err(format!("{}: name a service", wish.words[0]))
        }
        _ => Ok(Some(wish)),
    }
}

fn show(wish: &Wish, answer: &Value) -> ExitCode {
    let good = answer["ok"] == true;
    if wish.words[0] == "logs" && good {
        return logs(Path::new(answer["path"].as_str().unwrap_or_default()), wish.follow);
    }
    if wish.json {
        say(format!("{answer}\n").as_bytes());
    } else {
        for service in answer["services"].as_array().map(Vec::as_slice).unwrap_or_default() {
            say(format!("{}\n", line(service)).as_bytes());
        }
        if wish.words[0] == "reload" && good {
            say(format!("{}\n", answer["changes"]).as_bytes());
        }
    }
    if !good {
        eprintln!("supervisorctl-rs: {}", answer["error"].as_str().unwrap_or("refused"));
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// `redis            up       pid 12      ready  3.2 s`
fn line(service: &Value) -> String {
    let text = |key: &str| service[key].as_str().unwrap_or_default();
    let pid = service["pid"].as_i64().map_or(String::new(), |pid| format!("pid {pid}"));
    let ready = if service["ready"] == true { "ready" } else { "" };
    let uptime = service["uptime"].as_f64().unwrap_or_default();
    let line =
        format!("{:<16} {:<9}{pid:<12}{ready:<7}{uptime:.1} s  {}", text("name"), text("phase"), text("why"));
    line.trim_end().to_owned()
}

/// A reader that has gone (`| head`) is no failure.
fn say(bytes: &[u8]) {
    if std::io::stdout().write_all(bytes).is_err() {
        std::process::exit(0);
    }
}

/// Print a log; with `follow`, wait for more (inotify(7)), also across a rotation.
fn logs(path: &Path, follow: bool) -> ExitCode {
    match print_log(path, follow) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("supervisorctl-rs: {}: {error}", path.display());
            ExitCode::FAILURE
        }
    }
}

fn print_log(path: &Path, follow: bool) -> std::io::Result<()> {
    let inotify = Inotify::init(InitFlags::IN_CLOEXEC)?;
    let folder = path.parent().unwrap_or(Path::new("/"));
    inotify.add_watch(
        folder,
        AddWatchFlags::IN_MODIFY | AddWatchFlags::IN_CREATE | AddWatchFlags::IN_MOVED_TO,
    )?;
    let mut file = File::open(path)?;
    loop {
        copy(&mut file)?;
        if !follow {
            return Ok(());
        }
        // Looked at once: between two looks it may be another file. None at all: in the midst of a rotation.
        if let Ok(now) = std::fs::metadata(path) {
            if now.ino() != file.metadata()?.ino() {
                let Ok(next) = File::open(path) else { continue };
                copy(&mut file)?;
                file = next;
                continue;
            }
            if now.len() < file.stream_position()? {
                file.seek(SeekFrom::Start(0))?;
                continue;
            }
        }
        inotify.read_events()?;
    }
}

fn copy(file: &mut File) -> std::io::Result<()> {
    let mut buffer = [0; 65536];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(()),
            count => say(&buffer[..count]),
        }
    }
}
