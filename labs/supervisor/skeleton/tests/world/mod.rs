//! The supervisor, to be tested: the program itself, as PID 1 of namespaces of its own (unshare(1)). There
//! the test's own folder is `/mnt`, a folder in it `/var/log`, and /etc/passwd knows root and `gardener`.
#![allow(dead_code)] // each test file uses a part of it

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

/// How long a test waits for what should be there at once.
pub const SOON: Duration = Duration::from_secs(10);

/// The user `gardener`: UID, GID, and the group `beds` besides.
pub const GARDENER: (u32, u32, u32) = (7001, 7002, 7003);

// The program is linked statically: what else /etc/nsswitch.conf may name it cannot load (nsswitch.conf(5)).
const NSSWITCH: &str = "passwd: files\ngroup: files\n";
const PASSWD: &str = "root:x:0:0::/root:/bin/sh\ngardener:x:7001:7002::/home/gardener:/bin/sh\n";
const GROUP: &str = "root:x:0:\ngardener:x:7002:\nbeds:x:7003:gardener\n";
const BEGIN: &str = r#"
mkdir -p /mnt /var/log
for file in nsswitch.conf passwd group; do
    [ ! -e "/etc/$file" ] || mount --bind "$1/etc/$file" "/etc/$file" || exit
done
mount --bind "$1/log" /var/log && mount --bind "$1" /mnt && exec "$0" /mnt/manifest.json
"#;

/// Cargo's folder for the files of tests.
const HOME: &str = env!("CARGO_TARGET_TMPDIR");

static COUNT: AtomicU32 = AtomicU32::new(0);

/// Ends with everything in it when it is dropped, or when the test ends in another way.
pub struct World {
    unshare: Child,
    events: Receiver<Value>,
    pub folder: PathBuf,
}

impl World {
    /// Boot it on these services: a list of tables, as in a manifest.
    pub fn boot(services: Value) -> World {
        let mut namespaces = vec!["--mount", "--pid", "--fork"];
        if !is_privileged() {
            namespaces.push("--map-root-user");
        }
        let tried = Command::new("unshare").args(&namespaces).arg("true").output().expect("unshare(1)");
        let why = String::from_utf8_lossy(&tried.stderr);
        assert!(tried.status.success(), "no namespaces for a test here: {why}The check has a sandbox.");
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        sweep();
        let folder = Path::new(HOME).join(format!("{}-{number}", std::process::id()));
        for inside in ["log", "etc"] {
            fs::create_dir_all(folder.join(inside)).unwrap();
        }
        // A service that runs as somebody else writes there, too.
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o777)).unwrap();
        let manifest = json!({ "services": services }).to_string();
        for (name, text) in [
            ("manifest.json", manifest.as_str()),
            ("etc/nsswitch.conf", NSSWITCH),
            ("etc/passwd", PASSWD),
            ("etc/group", GROUP),
        ] {
            fs::write(folder.join(name), text).unwrap();
        }
        // setpriv(1): unshare is killed when this test is, however it ends; and PID 1 with it (--kill-child).
        let mut unshare = Command::new("setpriv");
        unshare
            .args(["--pdeathsig", "KILL", "unshare"])
            .args(namespaces)
            .args(["--kill-child", "/bin/sh", "-c", BEGIN])
            .arg(env!("CARGO_BIN_EXE_skeleton"))
            .arg(&folder)
            .stdout(Stdio::piped());
        let mut unshare = unshare.spawn().expect("setpriv(1), of util-linux");
        let output = BufReader::new(unshare.stdout.take().unwrap());
        let (sender, events) = channel();
        std::thread::spawn(move || {
            // What services write comes through the same pipe until there is a log for it.
            for line in output.lines().map_while(Result::ok) {
                if let Ok(event) = serde_json::from_str(&line) {
                    let _ = sender.send(event);
                }
            }
        });
        World { unshare, events, folder }
    }

    /// Wait for an event of a service, such as `start` or `exit`. Panics with what came instead.
    pub fn event(&self, event: &str, service: &str) -> Value {
        let end = Instant::now() + SOON;
        let mut came = Vec::new();
        while let Ok(one) = self.events.recv_timeout(end.saturating_duration_since(Instant::now())) {
            if one["event"] == event && one["service"] == service {
                return one;
            }
            came.push(one.to_string());
        }
        panic!("no event \"{event}\" of \"{service}\" within {SOON:?}; there came {came:?}");
    }

    /// Wait until a file in the test's folder says what it should. Panics with what it says.
    pub fn file(&self, name: &str, is_right: impl Fn(&str) -> bool) -> String {
        let path = self.folder.join(name);
        let read = || fs::read_to_string(&path);
        if until(|| read().is_ok_and(|text| is_right(&text))) {
            return read().unwrap();
        }
        panic!("{name} says {:?} after {SOON:?}", read().map_err(|error| error.to_string()));
    }

    /// Send PID 1 a signal.
    pub fn signal(&self, signal: Signal) {
        let list = format!("/proc/{0}/task/{0}/children", self.unshare.id());
        let pid = fs::read_to_string(list).unwrap().trim().parse().expect("one child of unshare(1)");
        kill(Pid::from_raw(pid), signal).unwrap();
    }

    /// How PID 1 has ended, within `limit`; `None` where it runs on.
    pub fn ended(&mut self, limit: Duration) -> Option<ExitStatus> {
        let end = Instant::now() + limit;
        loop {
            match self.unshare.try_wait().unwrap() {
                None if Instant::now() < end => std::thread::sleep(Duration::from_millis(10)),
                found => return found,
            }
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = self.unshare.kill(); // PID 1 follows, and with it all of its namespace
        let _ = self.unshare.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Look again and again until it is so, for `SOON` at most: whether it is.
pub fn until(is_so: impl Fn() -> bool) -> bool {
    let end = Instant::now() + SOON;
    loop {
        if is_so() {
            return true;
        }
        if Instant::now() > end {
            return false;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Whether the test may mount and become somebody else: root may, but for one in a container with less
/// (capabilities(7): CAP_SYS_ADMIN is bit 21).
pub fn is_privileged() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("CapEff:")).unwrap();
    u64::from_str_radix(line.trim(), 16).unwrap() & (1 << 21) != 0
}

/// Remove the folders of tests that were killed.
fn sweep() {
    for entry in fs::read_dir(HOME).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let pid = name.to_str().and_then(|name| name.split_once('-')).map(|(pid, _)| pid);
        if pid.is_some_and(|pid| !Path::new("/proc").join(pid).exists()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}
