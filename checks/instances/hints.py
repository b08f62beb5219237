"""What `p1.instances` says to each mistake, by key."""

from __future__ import annotations

__all__ = ["HINTS"]

HINTS = {
    "no-syntax": "Nix does not understand the file: its message names the line. `;` ends every binding.",
    "data-as-leaf": (
        "There is data where infuse expects an edit: a number, a string or a target stands where a function"
        " or a sugar belongs. The path in the message says where."
    ),
    "not-there": (
        "An infusion edits a value that is there, and under that name nothing is yet. A new target is a"
        " function that gives a value; what it starts from is the value of another target."
    ),
    "unknown-argument": (
        "A service is a function, and it was called with an argument it does not have. The file of postgres"
        " in /opt/nix/six/by-name begins with the names it takes; what belongs into postgresql.conf is one"
        " level below one of them."
    ),
    "not-by-name": (
        "A dependency is a target, known by the name that the set gives it. Something in your file depends on"
        " a service's value instead."
    ),
    "recursion": (
        "A target that is made of itself: Nix looks for its value and finds that it needs this very value."
        " Which of the names on the right is also the one on the left?"
    ),
    "cycle": "Targets wait for each other: the message has the whole ring. Which of its arrows did you add?",
    "no-build": (
        "The system does not build with your file, and Nix says why. Nothing has been started: that is what a"
        " build is for. Read the last line of the message first."
    ),
    "endless": (
        "Nix evaluates your file and does not come to an end: a function that calls itself, a list without an"
        " end?"
    ),
    "lacking": (
        "Not all three instances are in the system. Their names stand on the left side of `=`, as targets."
    ),
    "touches-base": (
        "pg itself is another one with your file than without it. An edit of `targets.pg` reaches pg; an"
        " instance is a value of its own that begins with pg's."
    ),
    "same-folder": (
        "Two instances have the same data folder. It is made from one of the arguments, and an instance that"
        " does not change that one has its base's."
    ),
    "lost-template": (
        "An instance does not wait for the template, from which it takes its data folder. `__input` sees the"
        " arguments that were given to the base, and `after` was not among them: what do you append to then?"
    ),
    "same-port": "Two instances want the same port, and the second one cannot have it.",
    "copy-failed": (
        "The copy of the primary's data folder failed: its log line names what it could not reach. Where the"
        " primary listens is something that the primary's value knows."
    ),
    "key-mode": (
        "PostgreSQL refuses a private key that others may read. Where does yours lie, who owns it, and who"
        " may read what lies in the store?"
    ),
    "no-certificate": (
        "pg-tls was started before its certificate was there. On a quiet machine it may win the race: what"
        " says that it has to wait?"
    ),
    "does-not-start": (
        "An instance ended right after its start, and what PostgreSQL said of it stands above. Its log is in"
        " /var/log/NAME/current."
    ),
    "not-default": (
        "An instance is in the system and does not come up at boot. What comes up is the bundle `default` and"
        " what it needs; pg says that it belongs to it, and so does what begins with pg."
    ),
    "silent": "An instance is up, and does not answer on the port that was asked for.",
    "copied-base": (
        "An instance does not have what pg has. It was called anew, with arguments written by hand, or was"
        " given what nobody asked for; what pg has been given does not reach it. Begin with the value of pg,"
        " and say the difference."
    ),
    "drops-sibling": (
        "An instance has most of what pg has, and lost a setting. Something replaced a whole attribute set to"
        " change one name in it. `//` looks at one level only, `__assign` at none below its own."
    ),
    "writable": (
        "One can write to pg-replica: it leads a life of its own. What makes a server a follower lies in its"
        " data folder, so that folder must come from the primary, and be there before the server starts."
    ),
    "not-following": (
        "pg-replica refuses to write, and does not get what is written on pg either. To be read-only is not"
        " to be a replica."
    ),
    "no-tls": (
        "pg-tls does not speak TLS. Who may come in is one question, what the server can speak is another."
    ),
    "plain-text": (
        "pg-tls lets a client in that does not encrypt. PostgreSQL goes through pg_hba.conf from above and"
        " takes the first line that matches: `host` matches both kinds."
    ),
    "plain-replication": (
        "pg-tls turns plain clients away, and lets a replica in that does not encrypt: it would be sent every"
        " row there is. Which lines of pg_hba.conf are about replication? `all` is not."
    ),
    "tls-everywhere": "TLS was asked of pg-tls, and another instance speaks it as well.",
    "smart-shutdown": (
        "With a client connected, pg-steady does not end: it waits until that client leaves. PostgreSQL knows"
        " three ways to be shut down, and the signal says which."
    ),
    "unclean": (
        "pg-steady ended at once, and left a data folder that needs recovery. Of PostgreSQL's three ways to"
        " be shut down one sends clients away and still writes a checkpoint."
    ),
    "finish-always": (
        "pg-steady was killed, its data folder is whole, and it was not started again. 125 is the word for a"
        " failure that another start will not mend."
    ),
    "finish-by-code": (
        "pg-steady ended with an exit code, for a reason that was soon over, and its finish gave up. The code"
        " says how the process ended; only the data folder says whether another start has any sense."
    ),
    "finish-never": (
        "The data folder of pg-steady is broken, and s6-supervise starts it again and again. Which exit code"
        " of finish says that this has no sense, and does finish look into the right folder?"
    ),
    "finish-half": (
        "One of the two files is gone, and pg-steady is still started again and again. Does finish look for"
        " both?"
    ),
    "lost-data": (
        "pg-steady was killed, and does not come back with what had been committed before. PostgreSQL"
        " recovers by itself from its data folder; finish may look at that folder, and no more."
    ),
    "no-deaths": (
        "/run/pg-steady.deaths does not tell of each death. s6-supervise gives finish the exit code as its"
        " first argument and the signal as its second; and a line more is not a new file."
    ),
}
