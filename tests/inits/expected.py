"""What the shared tests of the inits expect of each one where they differ.

An init has a line in COMM, PID1, STAMP and PLAIN_NOTES; the other tables name the exceptions.
"""

from __future__ import annotations

__all__ = [
    "AFTER_KILL",
    "CLEAN_ORDER",
    "COMM",
    "CONTROLS_ORDER",
    "EVERY_STOP",
    "FLAT_DELAY",
    "JITTERS",
    "NATIVE_FD",
    "NO_ON_FAILURE",
    "PID1",
    "PLAIN_NOTES",
    "ROOT_FORKS_FREELY",
    "SCRIPTED",
    "STAMP",
    "WEB_STOP",
]

# Inits that start commands and know little else: the scripts of labs/inits/plain do the rest.
SCRIPTED = ("sysvinit", "busybox", "supervisord", "horust", "tini", "dumb-init", "catatonit")
MINIMAL = ("tini", "dumb-init", "catatonit")

# PID 1's name in the process table.
COMM = {
    "runit": "runit",
    "openrc": "openrc-init",
    "s6": "s6-svscan",
    "systemd": "systemd",
    "sysvinit": "init",
    "busybox": "busybox",
    "finit": "finit",
    "supervisord": "supervisord",
    "runsvdir": "runsvdir",
    "s6-rc": "s6-svscan",
    "dinit": "dinit",
    "supervisor-rs": "supervisor-rs",
    "horust": "horust-lab",
    "tini": "tini",
    "dumb-init": "dumb-init",
    "catatonit": "catatonit",
}

# The first word of PID 1's command, its stop signal, and its clean exits.
PID1 = {
    "runit": ("/sbin/runit", 2, {130}),
    "openrc": ("/etc/openrc/init", 15, {130}),
    "s6": ("/etc/s6/init", 15, {0}),
    "systemd": ("/usr/lib/systemd/systemd", 38, {0}),
    "sysvinit": ("/sbin/init", 2, {130}),
    "busybox": ("/bin/busybox", 12, {130}),
    "finit": ("/etc/lab/init", 12, {0}),
    "supervisord": ("/etc/lab/init", 15, {0}),
    "runsvdir": ("/usr/bin/runsvdir", 1, {111}),
    "s6-rc": ("/etc/s6-rc/init", 15, {0}),
    "dinit": ("/usr/sbin/dinit", 15, {0}),
    "supervisor-rs": ("/usr/local/bin/supervisor-rs", 15, {0}),
    "horust": ("/etc/lab/init", 15, {0}),
    "tini": ("/usr/bin/tini", 15, {0}),
    "dumb-init": ("/usr/bin/dumb-init", 15, {0}),
    "catatonit": ("/usr/bin/catatonit", 15, {0}),
}

# What stands before a line of the app in its log.
STAMP = {
    **dict.fromkeys((*SCRIPTED, "openrc", "finit", "systemd"), ""),
    **dict.fromkeys(("runit", "runsvdir"), r"\d{4}-\d\d-\d\d_\S+ "),
    **dict.fromkeys(("s6", "s6-rc", "supervisor-rs"), r"\d{4}-\d\d-\d\d \S+  "),
}

# The fields of the notes for a service that asks for nothing but its command.
PLAIN_NOTES = {
    "runit": set[str](),
    "s6": set[str](),
    "s6-rc": set[str](),
    "supervisor-rs": set[str](),
    "openrc": {"log", "restart.delay"},
    "runsvdir": {"stop_grace"},
    **{
        init: {"log"}
        for init in ("systemd", "sysvinit", "busybox", "finit", "supervisord", "dinit", "horust")
    },
    **{init: {"log", "restart.policy"} for init in MINIMAL},
}

# Restart policies that an init cannot follow.
NO_ON_FAILURE = ("openrc", "sysvinit", "busybox", "finit")
FLAT_DELAY = ("openrc",)
# A tenth at random, up or down.
JITTERS = ("supervisor-rs",)

# The init itself listens to a service that tells its readiness on a file descriptor.
NATIVE_FD = ("s6", "s6-rc", "systemd", "finit", "supervisor-rs")

# The limit of processes is set where it can refuse somebody: not for root (setrlimit(2)).
ROOT_FORKS_FREELY = ("supervisor-rs",)

# Stopping a service stops what needs it; starting one starts what it needs.
CONTROLS_ORDER = ("openrc", "s6-rc", "systemd", "supervisor-rs")

# What an init says of a service that it had to kill when it was to stop; down where nothing is said.
AFTER_KILL = {"systemd": "failed"}

# PID 1 ends at once when it is asked to, and what runs is killed with it.
CLEAN_ORDER = {"runsvdir": False}

# Seconds that a shutdown of a dozen services may take, one of them deaf and some in crash loops.
EVERY_STOP = {"openrc": 8.0, "supervisord": 15.0, "horust": 25.0}
WEB_STOP = {"horust": 9.0}
