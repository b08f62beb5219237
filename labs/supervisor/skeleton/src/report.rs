//! What happens, as a line of JSON each on standard output.

use std::io::Write;

use serde_json::{Value, json};

/// `{"event": "exit", "service": "app", "code": 3}`: an event of a service, with what else there is to say.
pub fn tell(event: &str, service: &str, more: &[(&str, Value)]) {
    let mut line = json!({"event": event, "service": service});
    for (key, value) in more {
        line[*key] = value.clone();
    }
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// Something for people, on standard error.
pub fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "skeleton: {text}");
}
