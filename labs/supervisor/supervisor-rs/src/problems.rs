//! What is wrong with a manifest: where, what, and what to write instead.

use std::fmt;

use crate::node::Node;

/// One step from the top of a manifest.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    Index(usize),
    Key(String),
}

/// Where in a manifest, from the top.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Loc(pub Vec<Step>);

#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    pub loc: Loc,
    pub text: String,
}

/// A manifest that cannot be used, and every reason why.
#[derive(Clone, Debug, PartialEq)]
pub struct Refused {
    pub source: String,
    pub problems: Vec<Problem>,
}

impl Loc {
    pub fn key(&self, key: &str) -> Loc {
        let mut steps = self.0.clone();
        steps.push(Step::Key(key.to_owned()));
        Loc(steps)
    }

    pub fn index(&self, index: usize) -> Loc {
        let mut steps = self.0.clone();
        steps.push(Step::Index(index));
        Loc(steps)
    }

    pub fn service(index: usize) -> Loc {
        Loc::default().key("services").index(index)
    }
}

impl fmt::Display for Loc {
    /// As TOML writes it: `services[2].env.PORT`.
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        for (i, step) in self.0.iter().enumerate() {
            match step {
                Step::Index(index) => write!(out, "[{index}]")?,
                Step::Key(key) => {
                    if i > 0 {
                        out.write_str(".")?;
                    }
                    let bare = !key.is_empty()
                        && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
                    out.write_str(&if bare { key.clone() } else { quoted(key) })?;
                }
            }
        }
        Ok(())
    }
}

impl Problem {
    /// A place says which service by its number: say its name too, where it has one.
    pub fn name_service(&mut self, manifest: &Node) {
        let [Step::Key(services), Step::Index(index), field @ ..] = self.loc.0.as_slice() else { return };
        if services != "services" || matches!(field, [Step::Key(key)] if key == "name") {
            return;
        }
        let service = manifest.get("services").and_then(|all| all.items().get(*index));
        if let Some(name) = service.and_then(|service| service.get("name")).and_then(Node::text) {
            self.text = format!("{} (service {})", self.text, quoted(name));
        }
    }
}

impl Refused {
    /// A line for each place, in the order of the file; of two problems with one place, the first.
    pub fn new(source: &str, mut problems: Vec<Problem>) -> Refused {
        problems.sort_by(|a, b| a.loc.cmp(&b.loc));
        problems.dedup_by(|second, first| second.loc == first.loc);
        Refused { source: source.to_owned(), problems }
    }

    /// A problem with the file itself.
    pub fn whole(source: &str, text: &str) -> Refused {
        Refused::new(source, vec![Problem { loc: Loc::default(), text: text.to_owned() }])
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        for (i, problem) in self.problems.iter().enumerate() {
            let newline = if i > 0 { "\n" } else { "" };
            let at = if problem.loc.0.is_empty() { String::new() } else { format!("{}: ", problem.loc) };
            write!(out, "{newline}{}: {at}{}", self.source, problem.text)?;
        }
        Ok(())
    }
}

impl std::error::Error for Refused {}

/// Text in double quotes on one line, cut when very long.
pub fn quoted(text: &str) -> String {
    let short: String = if text.chars().count() > 60 {
        text.chars().take(57).chain("...".chars()).collect()
    } else {
        text.to_owned()
    };
    serde_json::Value::String(short).to_string()
}

/// `; did you mean "postgres"?`, or nothing when no known word is near.
pub fn did_you_mean<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let mut best: Option<(usize, &str)> = None;
    for other in known {
        let far = if letters_in_order(word, other) { 1 } else { distance(word, other) };
        if other != word
            && far <= 1 + word.len().min(other.len()) / 4
            && best.is_none_or(|(near, _)| far < near)
        {
            best = Some((far, other));
        }
    }
    best.map(|(_, other)| format!("; did you mean {}?", quoted(other))).unwrap_or_default()
}

/// `no service "pg"; did you mean "postgres"?`, or the names there are when none is near.
pub fn no_service(name: &str, known: &[&str]) -> String {
    let near = did_you_mean(name, known.iter().copied());
    if !near.is_empty() || known.is_empty() {
        return format!("no service {}{near}", quoted(name));
    }
    let shown: Vec<String> = known.iter().take(8).map(|other| quoted(other)).collect();
    let more = if known.len() > 8 { format!(" and {} more", known.len() - 8) } else { String::new() };
    format!("no service {}; there is {}{more}", quoted(name), shown.join(", "))
}

/// People shorten more often than they misspell: `pg` for `postgres`.
fn letters_in_order(short: &str, long: &str) -> bool {
    let mut letters = long.chars();
    short.len() >= 2
        && short.chars().next() == long.chars().next()
        && short.chars().all(|c| letters.any(|l| l == c))
}

/// Levenshtein's: how many letters to add, drop or change.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let change = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = change.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}
