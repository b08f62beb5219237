"""The hints of `p0.stack-openrc` and `p0.stack-runit`: what is wrong, not what to type."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["OPENRC_HINTS", "RUNIT_HINTS"]

_BOTH: Mapping[str, str] = {
    "not-written": (
        "One of the files is not there, or says what it said at the start. Write all three services, "
        "and run each cell: running it saves it."
    ),
    "no-run-bit": (
        "The init executes these files, so the kernel must know what runs them: the first line names "
        "the interpreter (execve(2)), and the file needs its run bit. The cell sets the bit on every "
        "file that begins with such a line."
    ),
    "no-env": (
        "The app asks its environment where to listen and where redis is. An init starts services with "
        "a nearly empty environment: what a service needs there, its own definition must set and "
        "export."
    ),
    "wrong-address": (
        "All run, but one of them listens, or asks, at another address than its neighbour thinks. "
        "Compare LISTEN and REDIS with the table of the contract."
    ),
    "does-not-start": (
        "A service does not get as far as running its program. Boot your files in the lab above, and "
        "look at its console and its status: the init says why."
    ),
    "nginx-early": (
        "nginx was started while the app was starting: whoever came then got 502. That the app's "
        "process is there says little; only its own answer says that it is ready."
    ),
    "stderr-lost": (
        "What the app writes to its standard error is not in the log, and there a program complains. A "
        "process has two outputs (stderr(3)), and each has to be told where to go."
    ),
    "not-stopped": (
        "At the shutdown a service was not asked to end, or was not given the time to: it died with PID "
        "1 or by SIGKILL, its work unfinished. Which signal does the init send, to which process, and "
        "how long does it wait?"
    ),
}

OPENRC_HINTS: Mapping[str, str] = {
    **_BOTH,
    "foreground": (
        "OpenRC waits for your program to go into the background, and this program stays in the "
        "foreground, so nothing after it is started. A program that stays is what a supervisor wants: "
        "openrc-run(8) has a setting that names one."
    ),
    "no-log-folder": (
        "The log's folder does not exist, and nobody makes it on the way: then supervise-daemon cannot "
        "open the log, and starts nothing. A service script may prepare what the service needs before "
        "it starts."
    ),
    "no-order": (
        "OpenRC started the app before it had begun to start redis: it knows of no need between them, "
        "and goes by the names. Who needs whom is said in a function of the service script."
    ),
    "need-not-ready": (
        "redis had been started and was not ready yet. For OpenRC a service is started when its start "
        "function has returned, and supervise-daemon returns as soon as it has forked. Something must "
        "wait for redis's answer: at the end of redis's start, or at the beginning of the app's."
    ),
    "gives-up": (
        "With a slow redis the stack did not come up: a script waited, and gave up too soon. The "
        "contract says how long a service may take."
    ),
    "after-not-need": (
        "The order at boot is right, but it is only an order: the app was not stopped with redis, or "
        "redis was not started with the app. `after` says when, if both are started anyway; another "
        "word says that one cannot be without the other."
    ),
    "want-not-need": (
        "To start a service starts the one below it too, but the one below could be stopped under it. "
        "`want` and `use` are wishes; another word of depend() is a demand, and works in both "
        "directions."
    ),
    "forks-away": (
        "The process that runs is not the one supervise-daemon has started: the program has put itself "
        "into the background and its first process has ended. The supervisor now watches nothing, and "
        "can neither stop nor restart the service. Keep the program in the foreground."
    ),
    "not-back": (
        "A service that was killed stays away. start-stop-daemon starts a program and is gone; only a "
        "supervisor, a parent that stays, is told that its child has ended. And a supervisor that may "
        "give up, will."
    ),
    "log-not-there": (
        "What the app says is not in the file the contract names. supervise-daemon throws away the "
        "output it is not told to keep; openrc-run(8) names the settings for either output."
    ),
    "not-json": (
        "A line of the log is no JSON object. Whatever stands before or between the app's lines was put "
        "there by the service's own definition."
    ),
}

RUNIT_HINTS: Mapping[str, str] = {
    **_BOTH,
    "no-log-folder": (
        "svlogd writes into a folder that is there; it makes none. The script that starts it can make "
        "it first."
    ),
    "no-wait": (
        "The app was started while redis was starting. runit starts everything at the same time and "
        "knows no order: who needs another service has to wait for it, in its own run script."
    ),
    "waits-for-process": (
        "The app waits for redis's process, which is there long before redis answers. sv(8) asks a file "
        "in the service's folder whether the service is available; where there is none, a process is "
        "enough for it, and `sv check` is content even while there is no process at all. Or ask redis "
        "itself."
    ),
    "nginx-early": (
        "nginx was started while the app was starting: whoever came then got 502. That the app's "
        "process is there says little, and `sv check` is content even while there is none; only the "
        "app's own answer says that it is ready."
    ),
    "gives-up": (
        "With a slow redis the stack did not come up: a run script waited, and gave up for good. The "
        "contract says how long a service may take."
    ),
    "no-exec": (
        "A shell stands between runsv and the program: what sv sends ends the shell, and the program "
        "runs on as an orphan, with the port in its hands. A run script's last step is to become the "
        "program."
    ),
    "forks-away": (
        "The program has put itself into the background, and runsv's child has ended: runsv now starts "
        "a second one, again and again, and what sv sends reaches nobody. Keep the program in the "
        "foreground."
    ),
    "not-back": (
        "A service that was killed stays away, or comes back and does not work. runsv starts a service "
        "again unless its own files tell it to keep it down."
    ),
    "log-not-there": (
        "What the app says is not in the file the contract names. runsv starts a logger where the "
        "service has a folder log with a run script, and connects the app's output to it; which folder "
        "that logger writes to is the logger's argument."
    ),
    "not-json": (
        "A line of the log is no JSON object: the logger puts something before what the app says. "
        "svlogd(8) does so when asked; the app's lines have their own times."
    ),
}
