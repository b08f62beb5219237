//! Back-off against the formula it is described by.

use std::time::Duration;

use proptest::prelude::*;
use supervisor_rs::backoff::{Backoff, Next};
use supervisor_rs::manifest::{Own, Policy, Restart};

proptest! {
    /// The n-th restart in a row comes delay × factor^(n-1) after the end, ± the jitter, at most max_delay.
    #[test]
    fn delays_grow_to_their_cap(
        delay in 0.2..5.0_f64, factor in 1.0..4.0_f64, cap in 5.0..60.0_f64, jitter in 0.0..0.5_f64,
        chances in prop::collection::vec(0.0..=1.0_f64, 1..20),
    ) {
        let restart = Restart { policy: Policy::Always, delay, max_delay: cap, factor };
        let own = Own { jitter, ..Own::default() };
        let mut backoff = Backoff::default();
        let mut now = Duration::from_secs(10);
        for (n, chance) in (0..).zip(chances) {
            backoff.started(now, &own);
            let began = now;
            now += Duration::from_millis(10);
            let Next::At(at) = backoff.next(&restart, &own, began, now, chance) else { panic!("no limit was set") };
            let plain = (delay * factor.powi(n)).min(cap);
            let spread = if n == 0 { 0.0 } else { plain * jitter };
            let waited = (at - now).as_secs_f64();
            prop_assert!((waited - plain).abs() <= spread + 1e-6, "restart {n}: {waited} s, not {plain} ± {spread}");
            prop_assert!(waited <= cap + 1e-6, "restart {n}: {waited} s is more than max_delay, {cap}");
            now = at;
        }
    }

    /// A process that was up for its stable time makes its end the first one again.
    #[test]
    fn a_stable_process_forgets(delay in 0.2..5.0_f64, before in 1..12_u32, stable in 1.0..100.0_f64) {
        let restart = Restart { policy: Policy::Always, delay, max_delay: 60.0, factor: 2.0 };
        let own = Own { jitter: 0.0, stable: Some(stable), ..Own::default() };
        let mut backoff = Backoff::default();
        let mut now = Duration::ZERO;
        for _ in 0..before {
            let Next::At(at) = backoff.next(&restart, &own, now, now, 0.5) else { panic!("no limit was set") };
            now = at;
        }
        let end = now + Duration::from_secs_f64(stable);
        prop_assert_eq!(backoff.next(&restart, &own, now, end, 0.5), Next::At(end + Duration::from_secs_f64(delay)));
    }

    /// `most` starts within `seconds` and no more; after `seconds` of rest there may be some again.
    #[test]
    fn a_start_limit_is_kept(most in 1..10_u32, seconds in 5.0..100.0_f64) {
        let restart = Restart { policy: Policy::Always, delay: 0.2, max_delay: 0.2, factor: 1.0 };
        let own = Own { jitter: 0.0, start_limit: Some((most, seconds)), ..Own::default() };
        let mut backoff = Backoff::default();
        let mut now = Duration::from_secs(1);
        let mut starts = 0;
        loop {
            backoff.started(now, &own);
            starts += 1;
            match backoff.next(&restart, &own, now, now, 0.5) {
                Next::At(at) => now = at,
                Next::TooOften => break,
            }
            prop_assert!(starts <= most);
        }
        prop_assert_eq!(starts, most);
        let later = now + Duration::from_secs_f64(seconds);
        prop_assert!(matches!(backoff.next(&restart, &own, later, later, 0.5), Next::At(_)));
    }
}
