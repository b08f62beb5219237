"""The hints of `p0.run-script`: what is wrong, not what to type."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["HINTS"]

HINTS: Mapping[str, str] = {
    "no-run-bit": (
        "runsv executes ./run as a program. The kernel must be allowed to (the run bit), and must know what "
        "reads it: the first line names the interpreter (execve(2)). The cell sets the bit on a file that "
        "begins with such a line."
    ),
    "no-env": (
        "The daemon asks its environment for PLOT and finds nothing. runsv starts a service with next to "
        "nothing there, and a shell's variable stays the shell's own until it is told to hand it on."
    ),
    "wrong-env": (
        "The daemon runs, for another plot than the one this machine stands on. Which one it is says the "
        "file /etc/plot, and it says something else on another machine."
    ),
    "not-the-daemon": (
        "Something answers on the daemon's port, and it is not /opt/lab/fieldd. The script is to become the "
        "daemon, not to do its work."
    ),
    "exits-at-once": (
        "The script ends at once, and runsv starts it again, second after second. What the daemon says "
        "before it ends is in the service's log, what runsv says is on the console: boot it in the lab "
        "above and read both."
    ),
    "too-slow": (
        "The script runs, and no daemon answers. What does it wait for? A service that is killed should be "
        "back at once, and it is runsv that holds it back where it must."
    ),
    "in-background": (
        "The daemon was started as a child of the script, and the script went on without it and ended. For "
        "runsv that is the end of the service: it starts a second one, while the first has become an orphan "
        "of PID 1's and holds the port. What the script starts last it must not start beside itself."
    ),
    "daemonizes": (
        "The daemon has put itself into the background, as it does when it is not told otherwise. Its "
        "parent is PID 1 now; runsv has lost it, and starts another, again and again. Its own help says how "
        "to keep it in the foreground."
    ),
    "no-exec": (
        "A shell stands between runsv and the daemon. kill -9 for the daemon may look right, but what sv "
        "sends ends the shell alone, and the daemon runs on as an orphan. A shell that has nothing left to "
        "do can turn into the program in place of starting it: same process, same PID."
    ),
    "keeps-parent": (
        "A program stands between runsv and the daemon: it started the daemon as a child and waits for it. "
        "Tools made for people who log in do so. Others change the user and then become the command: "
        "chpst(8) is one."
    ),
    "own-loop": (
        "The script starts the daemon again by itself. That is runsv's work: it does it for every service "
        "in the same way, tells how often, and can be told to stop. Two who restart one service do not know "
        "of each other."
    ),
    "as-root": (
        "Something of root's is left: the user, the group, or one of the further groups. A process that "
        "gives up its rights has to give up all three, the user last (credentials(7)). chpst(8) does it in "
        "the right order."
    ),
    "stderr-lost": (
        "What the daemon says on standard error is not in its log, and warnings go there. runsv connects "
        "standard output to the logger, nothing else; the script has to send the other to the same place "
        "before it becomes the daemon."
    ),
    "log-not-there": (
        "What the daemon says is not in its logger's file. runsv has put a pipe to the logger on the "
        "script's standard output: leave it there."
    ),
    "not-back": (
        "It came up after the boot, and not after a kill. What does the script find then that it did not "
        "find at first? kill -9 leaves nobody the time to clean up."
    ),
    "no-last-word": (
        "`sv stop` asks the daemon to end with SIGTERM, and it did not get to its last word. Look what "
        "stands in the signal's way: a file of your own in the service's folder, or what the script did to "
        "its signals before it became the daemon."
    ),
}
