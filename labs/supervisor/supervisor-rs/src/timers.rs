//! What is due when. The loop sleeps until the first of these, and forever when there is none.

use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;

use crate::backoff::Time;

#[derive(Debug)]
pub struct Timers<K> {
    by_time: BTreeSet<(Time, K)>,
    by_key: HashMap<K, Time>,
}

impl<K: Copy + Eq + Hash + Ord> Timers<K> {
    pub fn new() -> Timers<K> {
        Timers { by_time: BTreeSet::new(), by_key: HashMap::new() }
    }

    /// One time for each key; the new one counts.
    pub fn set(&mut self, key: K, at: Time) {
        self.clear(key);
        self.by_key.insert(key, at);
        self.by_time.insert((at, key));
    }

    pub fn clear(&mut self, key: K) {
        if let Some(old) = self.by_key.remove(&key) {
            self.by_time.remove(&(old, key));
        }
    }

    pub fn first(&self) -> Option<Time> {
        self.by_time.first().map(|&(at, _)| at)
    }

    /// Take one that is due.
    pub fn due(&mut self, now: Time) -> Option<K> {
        let &(at, key) = self.by_time.first()?;
        if at > now {
            return None;
        }
        self.clear(key);
        Some(key)
    }
}

impl<K: Copy + Eq + Hash + Ord> Default for Timers<K> {
    fn default() -> Self {
        Timers::new()
    }
}
