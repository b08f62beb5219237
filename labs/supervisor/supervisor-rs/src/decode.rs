//! Plain data into the manifest's types. Types are strict: `port = "8080"` is a mistake to mend, not a
//! number to guess.

use crate::fields::{Fields, text, whole};
use crate::manifest::{
    Kind, Limits, Log, Manifest, Own, Policy, Probe, Readiness, Restart, STOP_SIGNALS, Service,
};
use crate::node::Node;
use crate::problems::{Loc, Problem, did_you_mean, quoted};
use crate::{health, limits};

const NAME: &str = "a name (a lower-case letter, then at most 31 of: lower-case letters, digits, _ and -)";
const SERVICE_KEYS: [&str; 17] = [
    "name",
    "kind",
    "description",
    "command",
    "down",
    "env",
    "user",
    "cwd",
    "depends_on",
    "readiness",
    "restart",
    "limits",
    "log",
    "stop_signal",
    "stop_grace",
    "ports",
    "supervisor_rs",
];

/// What people write who know another tool.
const OTHER_WORDS: [(&str, &str); 16] = [
    ("after", "depends_on"),
    ("args", "command"),
    ("cmd", "command"),
    ("dependencies", "depends_on"),
    ("environment", "env"),
    ("exec", "command"),
    ("execstart", "command"),
    ("finish", "down"),
    ("healthcheck", "readiness"),
    ("needs", "depends_on"),
    ("requires", "depends_on"),
    ("run", "command"),
    ("type", "kind"),
    ("wants", "depends_on"),
    ("workdir", "cwd"),
    ("workingdirectory", "cwd"),
];

/// The manifest that `node` holds, as far as it can be read; every mistake is added to `problems`.
pub fn manifest(node: &Node, problems: &mut Vec<Problem>) -> Option<Manifest> {
    let mut fields = Fields::of(node, Loc::default(), problems)?;
    let name = required_name(&mut fields);
    let description = fields.text("description").unwrap_or_default();
    let files = fields.text_table("files");
    if !matches!(fields.get("services"), Some(Node::List(items)) if !items.is_empty()) {
        let what = match node.get("services") {
            None => "missing; write one [[services]] table for each service".to_owned(),
            Some(Node::List(_)) => "empty; write at least one, e.g. one [[services]] table".to_owned(),
            Some(other) => format!("must be a list, not {}", other.shown()),
        };
        fields.problem("services", what);
    }
    let services = match node.get("services") {
        Some(Node::List(_)) => fields.list("services", service),
        _ => Vec::new(),
    };
    fields.finish(|key| {
        if key == "service" {
            return Some("no such key; write [[services]], with an s".to_owned());
        }
        let known = SERVICE_KEYS.contains(&key).then_some(key).or_else(|| other_word(key))?;
        Some(format!(
            "not a key of the manifest: {} belongs to a service, below its [[services]]",
            quoted(known)
        ))
    });
    Some(Manifest { name: name?, description, services, files })
}

fn required_name(fields: &mut Fields) -> Option<String> {
    let missing = matches!(fields.get("name"), None | Some(Node::Null));
    if missing {
        fields.problem("name", "missing; write name = \"redis\"".to_owned());
    }
    fields.text_like("name", is_name, NAME)
}

fn service(node: &Node, at: Loc, problems: &mut Vec<Problem>) -> Option<Service> {
    let mut fields = Fields::of(node, at, problems)?;
    let name = required_name(&mut fields);
    let kind = match fields.one_of("kind", &Kind::WORDS) {
        Some(1) => Kind::Oneshot,
        Some(2) => Kind::Bundle,
        _ => Kind::Longrun,
    };
    let mut made = Service::new("", kind, &[]);
    made.description = fields.text("description").unwrap_or_default();
    made.command = fields.texts("command");
    made.down = fields.texts("down");
    made.env = fields.text_table("env");
    made.user =
        fields.text_like("user", is_user, "a user name: a lower-case letter or _, then a-z, 0-9, _ and -");
    made.cwd = fields.text_like("cwd", |path| path.starts_with('/'), "an absolute path: begin it with /");
    made.depends_on = fields.list("depends_on", |item, at, problems| {
        let found = text(item, at.clone(), problems)?;
        if !is_name(&found) {
            problems.push(Problem { loc: at, text: format!("{} is not {NAME}", quoted(&found)) });
        }
        Some(found)
    });
    made.readiness = fields.table("readiness").and_then(readiness);
    if let Some(table) = table(&mut fields, "restart") {
        made.restart = restart(table);
    }
    if let Some(table) = table(&mut fields, "limits") {
        made.limits = service_limits(table);
    }
    if let Some(table) = table(&mut fields, "log") {
        made.log = log(table);
    }
    if let Some(found) = fields.one_of("stop_signal", &STOP_SIGNALS) {
        made.stop_signal = STOP_SIGNALS[found].to_owned();
    }
    made.stop_grace = fields.seconds("stop_grace", made.stop_grace);
    made.ports = fields.list("ports", |item, at, problems| {
        whole(item, at, 1, 65535, problems).and_then(|port| u16::try_from(port).ok())
    });
    if let Some(table) = table(&mut fields, "supervisor_rs") {
        made.own = own(table);
    }
    fields.finish(|key| match key {
        "files" | "services" => Some(format!(
            "not a key of a service: write {} at the top, before the first [[services]]",
            quoted(key)
        )),
        _ => other_word(key).map(|known| format!("no such key; did you mean {}?", quoted(known))),
    });
    made.name = name?;
    Some(made)
}

/// A table that may be left out and may not be `null`.
fn table<'f>(fields: &'f mut Fields<'_>, key: &'static str) -> Option<Fields<'f>> {
    let at = fields.at.key(key);
    let node = fields.get(key)?;
    Fields::of(node, at, fields.problems)
}

fn other_word(key: &str) -> Option<&'static str> {
    let key = key.to_lowercase().replace('-', "_");
    OTHER_WORDS.iter().find(|(word, _)| *word == key).map(|(_, known)| *known)
}

const READINESS: [&str; 4] = ["fd", "tcp", "http", "exec"];

fn readiness(mut fields: Fields) -> Option<Readiness> {
    if fields.get("kind").is_none() {
        fields.problem("kind", "missing; it is one of \"fd\", \"tcp\", \"http\", \"exec\"".to_owned());
        return None;
    }
    let kind = READINESS[fields.one_of("kind", &READINESS)?];
    let found = if kind == "fd" {
        let fd = fields.whole("fd", 3, 9).unwrap_or(3);
        #[expect(clippy::cast_possible_truncation, reason = "at most 9")]
        Some(Readiness::Fd { fd: fd as i32, timeout: fields.seconds("timeout", 15.0) })
    } else {
        let probe = probe(&mut fields, kind);
        let timeout = fields.seconds("timeout", 15.0);
        probe.map(|probe| Readiness::Ask { probe, timeout })
    };
    fields.finish(|_| None);
    found
}

/// The fields of a question; `kind` is tcp, http or exec.
pub fn probe(fields: &mut Fields, kind: &str) -> Option<Probe> {
    if kind == "exec" {
        let command = fields.texts("command");
        match fields.get("command") {
            None => fields
                .problem("command", "missing; write command = [\"/usr/bin/redis-cli\", \"ping\"]".to_owned()),
            Some(Node::List(items)) if items.is_empty() => {
                fields.problem("command", "empty; write at least one word".to_owned());
            }
            _ => {}
        }
        return Some(Probe::Exec { command });
    }
    if fields.get("port").is_none() {
        fields.problem("port", "missing; write port = 8080".to_owned());
    }
    let port = fields.whole("port", 1, 65535).and_then(|port| u16::try_from(port).ok());
    if kind == "tcp" {
        return port.map(|port| Probe::Tcp { port });
    }
    let is_path = |path: &str| path.starts_with('/') && !path.contains(char::is_whitespace);
    let path = match fields.get("path") {
        None => Some("/".to_owned()),
        Some(Node::Null) => {
            fields.problem("path", "must be text, not null".to_owned());
            None
        }
        Some(_) => fields.text_like("path", is_path, "a path to GET: begin it with / and leave out spaces"),
    };
    Some(Probe::Http { port: port?, path: path? })
}

fn restart(mut fields: Fields) -> Restart {
    let policy = match fields.one_of("policy", &Policy::WORDS) {
        Some(1) => Policy::OnFailure,
        Some(2) => Policy::Never,
        _ => Policy::Always,
    };
    let mut made = Restart { policy, ..Restart::default() };
    let hour = |s: f64| (0.0..=3600.0).contains(&s);
    made.delay = fields.number("delay", made.delay, hour, "at least 0 and at most 3600");
    made.max_delay = fields.number("max_delay", made.max_delay, hour, "at least 0 and at most 3600");
    made.factor =
        fields.number("factor", made.factor, |f| (1.0..=10.0).contains(&f), "at least 1 and at most 10");
    if made.max_delay < made.delay && hour(made.delay) {
        fields.problem("max_delay", format!("less than the delay of {} seconds", made.delay));
    }
    fields.finish(|_| None);
    made
}

fn service_limits(mut fields: Fields) -> Limits {
    let mut limit = |key| match fields.nullable(key) {
        Some(_) => fields.whole(key, 1, i64::MAX as u64),
        None => None,
    };
    let made = Limits { memory: limit("memory"), pids: limit("pids"), open_files: limit("open_files") };
    fields.finish(|_| None);
    made
}

fn log(mut fields: Fields) -> Log {
    let mut made = Log::default();
    made.max_bytes = fields.whole("max_bytes", 4096, i64::MAX as u64).unwrap_or(made.max_bytes);
    made.keep = fields.whole("keep", 1, 100).and_then(|n| u32::try_from(n).ok()).unwrap_or(made.keep);
    made.timestamps = fields.boolean("timestamps", made.timestamps);
    fields.finish(|_| None);
    made
}

fn own(mut fields: Fields) -> Own {
    let group = fields.text_like("group", is_user, "a group's name");
    let mut made = Own { group, ..Own::default() };
    if fields.get("groups").is_some() {
        made.groups = Some(fields.texts("groups"));
    }
    if let Some(text) = fields.text("umask") {
        match u32::from_str_radix(&text, 8) {
            Ok(mask) if mask <= 0o777 => made.umask = Some(mask),
            _ => fields.problem(
                "umask",
                format!("{} is not an octal number up to 777, e.g. \"027\"", quoted(&text)),
            ),
        }
    }
    made.no_new_privs = fields.boolean("no_new_privs", false);
    if fields.get("capabilities").is_some() {
        made.capabilities = Some(fields.list("capabilities", |item, at, problems| {
            let name = text(item, at.clone(), problems)?;
            let number = limits::capability(&name);
            if number.is_none() {
                let mend = did_you_mean(&name.to_uppercase(), limits::CAPABILITIES);
                problems.push(Problem { loc: at, text: format!("no capability {}{mend}", quoted(&name)) });
            }
            number
        }));
    }
    if let Some(table) = fields.table("rlimits") {
        made.rlimits = limits::decode(table);
    }
    if fields.get("cpu").is_some() {
        made.cpu = Some(fields.number("cpu", 1.0, |cpu| (0.01..=4096.0).contains(&cpu), "at least 0.01"));
    }
    made.jitter = fields.number("jitter", made.jitter, |j| (0.0..=1.0).contains(&j), "from 0 to 1");
    if fields.get("stable").is_some() {
        made.stable = Some(fields.seconds("stable", 1.0));
    }
    if let Some(mut limit) = fields.table("start_limit") {
        let starts = limit.whole("starts", 1, 1000).and_then(|n| u32::try_from(n).ok()).unwrap_or(5);
        made.start_limit = Some((starts, limit.seconds("seconds", 10.0)));
        limit.finish(|_| None);
    }
    if let Some(table) = fields.table("liveness") {
        made.liveness = health::decode(table);
    }
    fields.finish(|_| None);
    made
}

fn is_name(text: &str) -> bool {
    let bytes = text.as_bytes();
    let rest = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'_' || *b == b'-';
    bytes.len() <= 32 && bytes.first().is_some_and(u8::is_ascii_lowercase) && bytes.iter().all(rest)
}

fn is_user(text: &str) -> bool {
    let bytes = text.as_bytes();
    let first = |b: &u8| b.is_ascii_lowercase() || *b == b'_';
    bytes.first().is_some_and(first) && bytes.iter().all(|b| first(b) || b.is_ascii_digit() || *b == b'-')
}
