//! A table being read: each field once, every mistake noted with its place, unknown keys told at the end.

use std::collections::BTreeMap;

use crate::node::Node;
use crate::problems::{Loc, Problem, did_you_mean, quoted};

pub struct Fields<'a> {
    pub at: Loc,
    node: &'a Node,
    known: Vec<&'static str>,
    pub problems: &'a mut Vec<Problem>,
}

impl<'a> Fields<'a> {
    /// `None` (and a problem) when the node is no table.
    pub fn of(node: &'a Node, at: Loc, problems: &'a mut Vec<Problem>) -> Option<Fields<'a>> {
        let Node::Table(pairs) = node else {
            let text = format!("must be a table of keys and values, not {}", node.shown());
            problems.push(Problem { loc: at, text });
            return None;
        };
        for (i, (key, _)) in pairs.iter().enumerate() {
            if pairs[..i].iter().any(|(earlier, _)| earlier == key) {
                let text = "written twice in this table; keep one".to_owned();
                problems.push(Problem { loc: at.key(key), text });
            }
        }
        Some(Fields { at, node, known: Vec::new(), problems })
    }

    pub fn problem(&mut self, key: &str, text: String) {
        let loc = self.at.key(key);
        self.problems.push(Problem { loc, text });
    }

    /// The value of a field, noting that the field is known.
    pub fn get(&mut self, key: &'static str) -> Option<&'a Node> {
        self.known.push(key);
        self.node.get(key)
    }

    /// As `get`; `null` is as good as nothing.
    pub fn nullable(&mut self, key: &'static str) -> Option<&'a Node> {
        self.get(key).filter(|node| **node != Node::Null)
    }

    pub fn text(&mut self, key: &'static str) -> Option<String> {
        let node = self.get(key)?;
        text(node, self.at.key(key), self.problems)
    }

    /// A text that a rule holds for; `rule` says it.
    pub fn text_like(&mut self, key: &'static str, holds: fn(&str) -> bool, rule: &str) -> Option<String> {
        let node = self.nullable(key)?;
        let found = text(node, self.at.key(key), self.problems)?;
        if !holds(&found) {
            self.problem(key, format!("{} is not {rule}", quoted(&found)));
        }
        Some(found)
    }

    pub fn boolean(&mut self, key: &'static str, default: bool) -> bool {
        match self.get(key) {
            None => default,
            Some(Node::Bool(value)) => *value,
            Some(other) => {
                self.problem(key, format!("must be true or false, not {}", other.shown()));
                default
            }
        }
    }

    /// A whole number from `least` to `most`.
    pub fn whole(&mut self, key: &'static str, least: u64, most: u64) -> Option<u64> {
        let node = self.get(key)?;
        whole(node, self.at.key(key), least, most, self.problems)
    }

    /// A number; `range` says in words which ones are allowed.
    pub fn number(&mut self, key: &'static str, default: f64, holds: fn(f64) -> bool, range: &str) -> f64 {
        let value = match self.get(key) {
            None => return default,
            #[expect(clippy::cast_precision_loss, reason = "seconds and shares are small")]
            Some(Node::Int(value)) => *value as f64,
            Some(Node::Float(value)) => *value,
            Some(other) => {
                self.problem(key, format!("must be a number, not {}", other.shown()));
                return default;
            }
        };
        if !holds(value) {
            self.problem(key, format!("the number {value} is out of range; it must be {range}"));
        }
        value
    }

    /// Seconds: more than 0, at most an hour.
    pub fn seconds(&mut self, key: &'static str, default: f64) -> f64 {
        self.number(key, default, |s| s > 0.0 && s <= 3600.0, "more than 0 and at most 3600")
    }

    pub fn one_of(&mut self, key: &'static str, words: &[&'static str]) -> Option<usize> {
        let node = self.get(key)?;
        let choices = words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(", ");
        let Some(word) = node.text() else {
            self.problem(key, format!("must be one of {choices}, not {}", node.shown()));
            return None;
        };
        let found = words.iter().position(|other| *other == word);
        if found.is_none() {
            let bare = word.to_ascii_uppercase();
            let bare = bare.strip_prefix("SIG").unwrap_or(&bare);
            let same = words.iter().find(|other| other.eq_ignore_ascii_case(bare));
            let mend = match same {
                Some(same) => format!("; did you mean {}?", quoted(same)),
                None => did_you_mean(word, words.iter().copied()),
            };
            self.problem(key, format!("{} is not one of {choices}{mend}", quoted(word)));
        }
        found
    }

    /// A list whose items `read` makes; those it cannot make are left out (it notes why).
    pub fn list<T>(
        &mut self,
        key: &'static str,
        read: impl Fn(&Node, Loc, &mut Vec<Problem>) -> Option<T>,
    ) -> Vec<T> {
        let at = self.at.key(key);
        match self.get(key) {
            None => Vec::new(),
            Some(Node::List(items)) => {
                let each = items.iter().enumerate();
                each.filter_map(|(i, item)| read(item, at.index(i), self.problems)).collect()
            }
            Some(other) => {
                let mend = match other {
                    Node::Text(text) => {
                        let words: Vec<_> = text.split_whitespace().map(quoted).collect();
                        format!(": write [{}]", words.join(", "))
                    }
                    _ => String::new(),
                };
                self.problem(key, format!("must be a list, not {}{mend}", other.shown()));
                Vec::new()
            }
        }
    }

    pub fn texts(&mut self, key: &'static str) -> Vec<String> {
        self.list(key, text)
    }

    /// A table of texts.
    pub fn text_table(&mut self, key: &'static str) -> BTreeMap<String, String> {
        let at = self.at.key(key);
        let Some(node) = self.get(key) else { return BTreeMap::new() };
        let Some(fields) = Fields::of(node, at.clone(), self.problems) else { return BTreeMap::new() };
        drop(fields);
        let mut found = BTreeMap::new();
        if let Node::Table(pairs) = node {
            for (name, value) in pairs {
                if let Some(value) = text(value, at.key(name), self.problems) {
                    found.insert(name.clone(), value);
                }
            }
        }
        found
    }

    /// A table within; nothing when it is not there.
    pub fn table(&mut self, key: &'static str) -> Option<Fields<'_>> {
        let at = self.at.key(key);
        let node = self.nullable(key)?;
        Fields::of(node, at, self.problems)
    }

    /// Tell of every key that nobody asked for. `elsewhere` may know where such a key belongs.
    pub fn finish(self, elsewhere: impl Fn(&str) -> Option<String>) {
        let Node::Table(pairs) = self.node else { return };
        for (key, _) in pairs {
            if self.known.contains(&key.as_str()) {
                continue;
            }
            let text = elsewhere(key).unwrap_or_else(|| {
                let near = did_you_mean(&key.to_lowercase(), self.known.iter().copied());
                let all = || {
                    let names: Vec<_> = self.known.iter().map(|name| quoted(name)).collect();
                    format!("; there is {}", names.join(", "))
                };
                format!("no such key{}", if near.is_empty() { all() } else { near })
            });
            self.problems.push(Problem { loc: self.at.key(key), text });
        }
    }
}

pub fn text(node: &Node, loc: Loc, problems: &mut Vec<Problem>) -> Option<String> {
    let found = match node {
        Node::Text(text) if text.contains('\0') => {
            Err("holds a NUL character, which ends a C string: no program can be given it".to_owned())
        }
        Node::Text(text) => return Some(text.clone()),
        Node::Date => Err("a date or time; put it in quotes".to_owned()),
        Node::Int(value) => Err(format!("must be text, not the number {value}: write \"{value}\"")),
        other => Err(format!("must be text, not {}", other.shown())),
    };
    found.map_err(|text| problems.push(Problem { loc, text })).ok()
}

pub fn whole(node: &Node, loc: Loc, least: u64, most: u64, problems: &mut Vec<Problem>) -> Option<u64> {
    let text = match node {
        Node::Int(value) => match u64::try_from(*value) {
            Ok(value) if (least..=most).contains(&value) => return Some(value),
            _ => {
                format!("the number {value} is out of range; it must be at least {least} and at most {most}")
            }
        },
        Node::Text(text) if text.parse::<u64>().is_ok() => {
            format!("must be a whole number, not {}: write {text} without quotes", node.shown())
        }
        other => format!("must be a whole number, not {}", other.shown()),
    };
    problems.push(Problem { loc, text });
    None
}
