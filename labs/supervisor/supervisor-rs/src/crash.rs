//! When supervisor-rs itself fails. A panic or a fault (SIGSEGV and its like) must not end PID 1, as all processes
//! would end with it, and a machine's kernel would panic. So the program executes itself again: same PID, same
//! children. The new image knows nothing of what the old one had begun. It ends all of that, and starts over.
//!
//! What systemd does in its place is to freeze (`systemd.crash_action`, systemd(1)); a restart of every service is
//! dearer, and leaves somebody who supervises.

use std::ffi::{CString, OsString};
use std::io;
use std::time::Duration;

use serde_json::json;

use crate::clock;
use crate::events;
use crate::sys::{self, again};

/// In the environment of an image that a crash has executed: how many there were in a row, and when the one that
/// crashed began, in seconds since the computer started.
const VARIABLE: &str = "SUPERVISOR_RS_CRASHES";
/// One that ran for this long, in seconds, had not crashed at once: counting begins anew.
const STABLE: i64 = 60;
/// So many in a row are taken without holding back.
const FEW: u32 = 3;
/// After so many a machine asks a person.
pub const MANY: u32 = 6;

/// From now on a crash executes this program again. How many there have been in a row before.
pub fn arm() -> io::Result<u32> {
    let now = sys::boot_seconds();
    let before = std::env::var(VARIABLE).map_or(0, |text| in_a_row(&text, now));
    let pair = |key: OsString, value: OsString| {
        let bytes = [key.into_encoded_bytes(), value.into_encoded_bytes()].join(&b'=');
        CString::new(bytes).ok()
    };
    let others = std::env::vars_os().filter(|(key, _)| key != VARIABLE);
    let mut envp: Vec<CString> = others.filter_map(|(key, value)| pair(key, value)).collect();
    envp.extend(pair(VARIABLE.into(), format!("{} {now}", before + 1).into()));
    let argv = std::env::args_os().filter_map(|word| CString::new(word.into_encoded_bytes()).ok());
    let path = std::env::current_exe()
        .ok()
        .and_then(|path| CString::new(path.into_os_string().into_encoded_bytes()).ok());
    let programs = [Some(again::SELF.to_owned()), path].into_iter().flatten().collect();
    again::prepare(
        programs,
        argv.collect(),
        envp,
        "{\"level\":\"error\",\"event\":\"a fault (SIGSEGV or the like); executing myself again\"}\n",
    )?;
    std::panic::set_hook(Box::new(|panic| {
        let time = clock::utc(std::time::SystemTime::now());
        let said =
            json!({"time": time, "level": "error", "event": format!("{panic}; executing myself again")});
        events::write_error(format!("{said}\n").as_bytes());
        again::execute();
    }));
    Ok(before)
}

/// How many crashes in a row, from what the image before left in the environment.
fn in_a_row(text: &str, now: i64) -> u32 {
    let mut words = text.split(' ');
    let count = words.next().and_then(|word| word.parse().ok()).unwrap_or(1);
    let began: i64 = words.next().and_then(|word| word.parse().ok()).unwrap_or(now);
    if now - began >= STABLE { 1 } else { count }
}

/// How long to hold back after so many crashes in a row: a few not at all, then a second, doubled, at most a minute.
pub fn hold_back(crashes: u32) -> Duration {
    match crashes.checked_sub(FEW + 1) {
        None => Duration::ZERO,
        Some(more) => Duration::from_secs(1 << more.min(6)).min(Duration::from_secs(60)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crash_after_a_minute_is_the_first_one_again() {
        assert_eq!(in_a_row("4 1000", 1059), 4);
        assert_eq!(in_a_row("4 1000", 1060), 1);
        assert_eq!(in_a_row("nonsense", 5), 1);
    }

    #[test]
    fn few_crashes_are_not_held_back_and_many_at_most_a_minute() {
        assert_eq!(hold_back(3), Duration::ZERO);
        assert_eq!(hold_back(4), Duration::from_secs(1));
        assert_eq!(hold_back(5), Duration::from_secs(2));
        assert_eq!(hold_back(400), Duration::from_secs(60));
    }
}
