//! Liveness: a service that was ready and no longer answers is restarted. Pure: it counts, others ask.

use crate::fields::Fields;
use crate::manifest::Probe;

/// The table `supervisor_rs.liveness`. Times are seconds.
#[derive(Clone, Debug, PartialEq)]
pub struct Liveness {
    pub probe: Probe,
    pub interval: f64,
    pub timeout: f64,
    /// This many bad answers in a row.
    pub failures: u32,
}

pub fn decode(mut fields: Fields) -> Option<Liveness> {
    const KINDS: [&str; 3] = ["tcp", "http", "exec"];
    if fields.get("kind").is_none() {
        fields.problem("kind", "missing; it is one of \"tcp\", \"http\", \"exec\"".to_owned());
    }
    let kind = fields.one_of("kind", &KINDS)?;
    let probe = crate::decode::probe(&mut fields, KINDS[kind]);
    let interval = fields.seconds("interval", 10.0);
    let timeout = fields.seconds("timeout", 1.0);
    let failures = fields.whole("failures", 1, 100).and_then(|n| u32::try_from(n).ok()).unwrap_or(3);
    fields.finish(|_| None);
    Some(Liveness { probe: probe?, interval, timeout, failures })
}

/// How a service's answers have been.
#[derive(Clone, Debug, Default)]
pub struct Health {
    bad_in_a_row: u32,
}

impl Health {
    /// An answer has come (or none in time). Whether the service has to be restarted.
    pub fn answered(&mut self, good: bool, liveness: &Liveness) -> bool {
        self.bad_in_a_row = if good { 0 } else { self.bad_in_a_row + 1 };
        self.bad_in_a_row >= liveness.failures
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_good_answer_forgives_the_bad_ones_before() {
        let liveness = Liveness { probe: Probe::Tcp { port: 1 }, interval: 1.0, timeout: 1.0, failures: 3 };
        let mut health = Health::default();
        let told: Vec<bool> =
            [false, false, true, false, false, false].map(|good| health.answered(good, &liveness)).to_vec();
        assert_eq!(told, [false, false, false, false, false, true]);
    }
}
