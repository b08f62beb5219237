//! What types cannot say: names that exist, no cycles, one owner for each port, a command that fits the kind.
//!
//! The rules read plain data, which may be broken in any way, so that a person hears of everything at once.

use std::collections::HashMap;

use crate::graph;
use crate::node::Node;
use crate::problems::{Loc, Problem, no_service, quoted};

pub fn check(manifest: &Node, problems: &mut Vec<Problem>) {
    let services = manifest.get("services").map(Node::items).unwrap_or_default();
    names(services, problems);
    dependencies(services, problems);
    ports(services, problems);
    for (i, service) in services.iter().enumerate() {
        if matches!(service, Node::Table(_)) {
            one_service(i, service, problems);
        }
    }
}

fn name(service: &Node) -> Option<&str> {
    service.get("name").and_then(Node::text)
}

fn names(services: &[Node], problems: &mut Vec<Problem>) {
    let mut first: HashMap<&str, usize> = HashMap::new();
    for (i, service) in services.iter().enumerate() {
        let Some(name) = name(service) else { continue };
        let earlier = *first.entry(name).or_insert(i);
        if earlier != i {
            let text =
                format!("services[{earlier}] is called {} too; give each service its own name", quoted(name));
            problems.push(Problem { loc: Loc::service(i).key("name"), text });
        }
    }
}

fn dependencies(services: &[Node], problems: &mut Vec<Problem>) {
    // A service without a usable name may be the one that is missed: better silent than misleading.
    let all_named = services.iter().all(|service| name(service).is_some());
    let mut index: HashMap<&str, usize> = HashMap::new();
    let mut names: Vec<&str> = Vec::new();
    for name in services.iter().filter_map(name) {
        index.entry(name).or_insert_with(|| {
            names.push(name);
            names.len() - 1
        });
    }
    let mut graph = vec![Vec::new(); names.len()];
    let mut at: HashMap<(usize, usize), Loc> = HashMap::new();
    for (i, service) in services.iter().enumerate() {
        let own = name(service);
        let mut seen: Vec<&str> = Vec::new();
        let listed = service.get("depends_on").map(Node::items).unwrap_or_default();
        for (j, need) in listed.iter().enumerate() {
            let Some(need) = need.text() else { continue };
            let loc = Loc::service(i).key("depends_on").index(j);
            let mut problem = |text| problems.push(Problem { loc: loc.clone(), text });
            if Some(need) == own {
                problem(format!("{} depends on itself; remove it", quoted(need)));
            } else if seen.contains(&need) {
                problem(format!("{} is listed already; remove it", quoted(need)));
            } else if let Some(&needed) = index.get(need) {
                if let Some(&from) = own.and_then(|own| index.get(own)) {
                    graph[from].push(needed);
                    at.entry((from, needed)).or_insert(loc);
                }
            } else if all_named {
                let others: Vec<&str> = names.iter().copied().filter(|&other| Some(other) != own).collect();
                problem(no_service(need, if others.is_empty() { &names } else { &others }));
            }
            seen.push(need);
        }
    }
    for path in graph::cycles(&graph) {
        let shown: Vec<&str> = path.iter().map(|&node| names[node]).collect();
        let text = format!("a cycle of dependencies: {}; remove one of them", shown.join(" → "));
        let loc = at.get(&(path[0], path[1])).cloned().unwrap_or_default();
        problems.push(Problem { loc, text });
    }
}

fn ports(services: &[Node], problems: &mut Vec<Problem>) {
    let mut owner: HashMap<i128, usize> = HashMap::new();
    for (i, service) in services.iter().enumerate() {
        for (j, port) in service.get("ports").map(Node::items).unwrap_or_default().iter().enumerate() {
            let Node::Int(port) = port else { continue };
            if let Some(earlier) = owner.get(port) {
                let text = format!("services[{earlier}] listens on {port} too; choose another port");
                problems.push(Problem { loc: Loc::service(i).key("ports").index(j), text });
            }
            owner.entry(*port).or_insert(i);
        }
    }
}

fn one_service(i: usize, service: &Node, problems: &mut Vec<Problem>) {
    let mut problem = |key: &str, text: &str| {
        problems.push(Problem { loc: Loc::service(i).key(key), text: text.to_owned() });
    };
    let kind = service.get("kind").map_or(Some("longrun"), Node::text);
    let empty = |key| matches!(service.get(key), None | Some(Node::List(_))) && list_len(service, key) == 0;
    match kind {
        Some("bundle") => {
            if list_len(service, "command") > 0 {
                problem("command", "a bundle has no command: it is a name for its depends_on");
            }
            if !matches!(service.get("readiness"), None | Some(Node::Null)) {
                problem("readiness", "a bundle is ready when all in its depends_on are");
            }
            if empty("depends_on") {
                problem("depends_on", "a bundle holds at least one service; name it in depends_on");
            }
        }
        Some(kind @ ("longrun" | "oneshot")) if empty("command") => {
            let text = format!("a {kind} needs a command, e.g. command = [\"/usr/bin/redis-server\"]");
            problem("command", &text);
        }
        _ => {}
    }
    if let Some(kind @ ("longrun" | "bundle")) = kind {
        if list_len(service, "down") > 0 {
            problem("down", &format!("a {kind} has no down command; a oneshot has (kind = \"oneshot\")"));
        }
    }
    for key in ["command", "down"] {
        if service.get(key).and_then(|words| words.items().first()).and_then(Node::text) == Some("") {
            let loc = Loc::service(i).key(key).index(0);
            problems.push(Problem { loc, text: "the program's name is empty".to_owned() });
        }
    }
    if let Some(Node::Table(variables)) = service.get("env") {
        for (variable, _) in variables.iter().filter(|(name, _)| !is_variable(name)) {
            let text =
                "a variable's name is letters, digits and _, and does not begin with a digit".to_owned();
            problems.push(Problem { loc: Loc::service(i).key("env").key(variable), text });
        }
    }
}

fn list_len(service: &Node, key: &str) -> usize {
    service.get(key).map(Node::items).unwrap_or_default().len()
}

fn is_variable(name: &str) -> bool {
    let letter = |b: u8| b.is_ascii_alphabetic() || b == b'_';
    name.bytes().next().is_some_and(letter) && name.bytes().all(|b| letter(b) || b.is_ascii_digit())
}
