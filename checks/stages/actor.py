"""The service that does as it is told: `actor NAME MODE ARGUMENTS…`.

What happens to it, it writes to /run/said, a line each, its name first: a supervisor may do with its standard
output what it likes.

| mode | what it does |
|---|---|
| `stay [SECONDS [CODE]]` | stays; on SIGTERM says `TERM`, needs SECONDS to clean up, says `cleaned`, ends |
| `family N [SECONDS]` | the same, with N helpers in its group, each of which says `helper N TERM` |
| `armed CODE` | stays; on SIGUSR1 it ends with CODE |
| `ends CODE [SECONDS]` | ends with CODE after SECONDS |
| `tries N SECONDS CODE` | ends with CODE, N times at once, then after SECONDS; from then on it stays |
| `killed SIGNAL` | sends itself a signal |
| `orphans N` | leaves N orphans (`sleep 777`) to PID 1, says `adopted`, stays |
| `looks` | says its arguments, folder, `PLOT`, signal masks and file descriptors, then `looked`, stays |

Every mode says `up` first, its PID and the time; what ends by itself says `end` and the time. Times are
seconds since the boot (proc_uptime(5)), a hundredth exact.
"""

from __future__ import annotations

from helpers.filetree import FileTree

__all__ = ["ACTOR", "SAID", "actor"]

ACTOR = "/opt/lab/actor"
SAID = "/run/said"

# Inside of a function $1 is the function's, in a trap too: hence `one` and `two`.
# The sleep is waited for in the background, because a shell runs a trap only between commands (sh(1)).
_TEXT = r"""#!/bin/sh
name=$1 mode=$2
shift 2
one=${1-} two=${2-} three=${3-}
now() { read -r up _ </proc/uptime; echo "$up"; }
say() { echo "$name $*" >>/run/said; }
idle() { while :; do sleep 600 & wait $!; done; }
leave() { kill $! 2>/dev/null; exit "$1"; }
helper() {
    me=$1
    trap 'say "helper $me TERM"; leave 0' TERM
    say "helper $1 up"
    idle
}
i=0
case $mode in
    stay)
        trap 'say TERM; sleep "${one:-0}"; say cleaned; leave "${two:-0}"' TERM
        say "up $$ $(now)"; idle ;;
    family)
        while [ $i -lt "$one" ]; do i=$((i + 1)); helper $i & done
        trap 'say TERM; sleep "${two:-0}"; say cleaned; leave 0' TERM
        say "up $$ $(now)"; idle ;;
    armed)
        trap 'leave "$one"' USR1
        say "up $$ $(now)"; idle ;;
    ends)
        say "up $$ $(now)"
        [ "${two:-0}" = 0 ] || sleep "$two"
        say "end $(now)"
        exit "$one" ;;
    tries)
        n=0
        [ ! -e "/run/tries-$name" ] || read -r n <"/run/tries-$name"
        echo $((n + 1)) >"/run/tries-$name"
        say "up $$ $(now)"
        [ "$n" -le "$one" ] || idle
        [ "$n" -lt "$one" ] || sleep "$two"
        say "end $(now)"
        exit "$three" ;;
    killed)
        say "up $$ $(now)"
        kill -"$one" $$
        idle ;;
    orphans)
        say "up $$ $(now)"
        (while [ $i -lt "$one" ]; do sleep 777 & i=$((i + 1)); done)
        say adopted; idle ;;
    looks)
        say "up $$ $(now)"
        for word; do say "argument $word"; done
        say "cwd $(pwd)"
        say "plot ${PLOT-}"
        say "path ${PATH-}"
        say "status $(tr '\n' ';' </proc/self/status)"
        ls -l /proc/self/fd | tail -n +2 | while read -r _ _ _ _ _ _ _ _ n _ to; do say "fd $n $to"; done
        say looked; idle ;;
esac
"""


def actor() -> FileTree:
    """The file to lay into a sandbox."""
    tree = FileTree()
    tree.script(ACTOR, _TEXT)
    return tree
