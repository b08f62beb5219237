//! What somebody wants of services: up, down, anew; and what follows for the others.

use crate::backoff::Time;
use crate::core::Core;
use crate::graph;
use crate::service::Phase;

impl Core {
    pub fn start_all(&mut self, now: Time) {
        let all: Vec<usize> = self.live().map(|(i, _)| i).collect();
        self.want(&all, true, now);
    }

    pub fn stop_all(&mut self, now: Time) {
        let all: Vec<usize> = self.live().map(|(i, _)| i).collect();
        self.want(&all, false, now);
    }

    /// Somebody wants these up (and so what they depend on), or down (and so, for the time, what depends on them).
    pub fn want(&mut self, which: &[usize], up: bool, now: Time) {
        let mut border: Vec<usize> = which.to_vec();
        let mut asked = vec![false; self.svcs.len()];
        while let Some(i) = border.pop() {
            if std::mem::replace(&mut asked[i], true) {
                continue;
            }
            let direct = which.contains(&i);
            let Some(svc) = &mut self.svcs[i] else { continue };
            svc.wanted = up && !svc.removed;
            if !up {
                continue;
            }
            border.extend(&svc.deps);
            if matches!(svc.phase, Phase::Failed | Phase::Ended) || (direct && svc.phase == Phase::Backoff) {
                svc.backoff.forget();
                self.enter(i, Phase::Down, now);
            }
        }
        self.rethink(now);
    }

    /// Stop these and start them again; what depends on them goes on.
    pub fn restart(&mut self, which: &[usize], now: Time) {
        let idle: Vec<usize> =
            which.iter().copied().filter(|&i| self.get(i).is_some_and(|s| !s.active())).collect();
        for &i in which {
            if let Some(svc) = self.svcs[i].as_mut().filter(|svc| svc.active() && !svc.removed) {
                svc.again = true;
                svc.wanted = true;
            }
        }
        self.want(&idle, true, now);
    }

    /// Work out anew what shall run, and go there.
    pub fn rethink(&mut self, now: Time) {
        let deps: Vec<Vec<usize>> = self
            .svcs
            .iter()
            .map(|svc| svc.as_ref().map(|svc| svc.deps.clone()).unwrap_or_default())
            .collect();
        for i in graph::settled(&deps) {
            let needed = deps[i].iter().all(|&need| self.get(need).is_some_and(|svc| svc.effective));
            if let Some(svc) = &mut self.svcs[i] {
                svc.effective = svc.wanted && needed;
            }
        }
        let all = (0..self.svcs.len()).collect();
        self.settle(all, now);
    }
}
