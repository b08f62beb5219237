"""A misbehaving daemon in front of one service's program, whatever init starts it.

Inside the sandbox's copy-on-write root, the file that the service's command names is replaced by a small
script. It knows the service by the command line and the variables of the manifest: for this service it
becomes `misbehave` (labs/daemons), with the program behind it; for everybody else it becomes the program,
with the same arguments, name and environment. So no definition of the init's is touched, nothing has to be
reloaded, and another service with the same program goes on as before.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from helpers.engines.base import Process, Sandbox
from helpers.errors import FaultError, SandboxError
from helpers.inits.shell import join, quote, variable
from helpers.manifest.models import Manifest, Service

__all__ = ["FOLDER", "Program", "Programs", "condition", "front_script", "is_front"]

FOLDER = "/run/initlab-faults"
_DAEMON = f"{FOLDER}/misbehave"
_SOURCE = Path(__file__).resolve().parents[2] / "labs" / "daemons" / "misbehave"
_KEEP = ".initlab"  # beside the program: rename(2) stays within a file system

# A script is executed by the interpreter that its first line names, with its own path as an argument
# (execve(2)); the script itself may also be what another service reads. So it is the interpreter that counts.
_LOCATE = """
resolve() {
    dir=$(cd -- "$(dirname -- "$1")" && pwd -P) || exit 3
    name=$(basename -- "$1")
    target=$dir/.initlab/original/$name
    if [ -L "$dir/.initlab/real/$name" ]; then
        target=$(readlink -- "$dir/.initlab/real/$name")
    elif [ -L "$dir/$name" ]; then
        target=$(readlink -f -- "$dir/$name")
    fi
    actual=$target
    [ -e "$actual" ] || actual=$dir/$name
}
script=$1
case $1 in
    /*) found=$1 ;;
    */*) found=$2/$1 ;;
    *) found=$(PATH=$3 busybox which "$1") script=$found ;;
esac
[ -f "$found" ] || exit 3
resolve /usr/bin/python3
python=$actual
resolve "$found"
option=
line=$(head -c 256 -- "$actual" | tr -d '\\000' | head -n 1)
case $line in
    '#!'*)
        set -f
        set -- ${line#??}
        interpreter=$1
        shift
        option=$*
        resolve "$interpreter"
        ;;
    *) script= ;;
esac
shell="$(command -v busybox) sh"
[ "$name" != busybox ] || shell='/bin/bash -p'
printf '%s\\n' "$dir" "$name" "$target" "$python" "$shell" "$script" "$option" .
"""
# The program is linked before its name is taken over, so that at no moment there is none.
_INSTALL = """
set -e
dir=$1 name=$2 target=$3
keep=$dir/.initlab
mkdir -p "$keep/original" "$keep/real"
cat >"$keep/$name.new"
chmod 755 "$keep/$name.new"
if [ ! -e "$keep/original/$name" ] && [ ! -L "$keep/original/$name" ]; then
    ln -sfn "$target" "$keep/real/$name"
    ln -P "$dir/$name" "$keep/original/$name"
fi
mv -f "$keep/$name.new" "$dir/$name"
"""
_RESTORE = """
set -e
dir=$1 name=$2
keep=$dir/.initlab
if [ -e "$keep/original/$name" ] || [ -L "$keep/original/$name" ]; then
    # Two names of one file: then the script was never put in its place, and rename(2) would do nothing.
    if [ "$dir/$name" -ef "$keep/original/$name" ] && [ ! -L "$keep/original/$name" ]; then
        rm -f "$keep/original/$name"
    else
        mv -f "$keep/original/$name" "$dir/$name"
    fi
fi
rm -f "$keep/$name.new" "$keep/real/$name"
rmdir "$keep/original" "$keep/real" "$keep" 2>/dev/null || :
"""


@dataclass(frozen=True)
class Program:
    """A service's program inside: where its name stands, what is behind it, and what can stand in front.

    `target` is the file to execute once the name is taken over; `python` runs the daemon, `shell` the script.
    Where the service's command is itself a script, this is its interpreter, and `prefix` what the interpreter
    is given before the service's own arguments.
    """

    folder: str
    name: str
    target: str
    python: str
    shell: str
    prefix: tuple[str, ...] = ()

    @property
    def path(self) -> str:
        """The name that is taken over."""
        return f"{self.folder}/{self.name}"

    @property
    def real(self) -> str:
        """Another name for the program, with the same last part: it becomes the process's `comm`."""
        return f"{self.folder}/{_KEEP}/real/{self.name}"


def is_front(process: Process) -> bool:
    """Whether a process is the daemon in front of a service, not (or not yet) the service itself."""
    return _DAEMON in process.argv[:4]


def seen_path(service: str) -> str:
    """The file the script writes its PID to when it has recognised the service."""
    return f"{FOLDER}/{service}.seen"


def condition(service: Service, manifest: Manifest, prefix: Sequence[str] = ()) -> str:
    """The sh(1) test that holds for this service's command line and environment, and for no other service's.

    Raises `FaultError` where another service is the same in both: nothing would tell them apart.
    """
    words = (*prefix, *service.command[1:])
    tests = [f"[ $# -eq {len(words)} ]"]
    tests += [f'[ "${{{number}}}" = {quote(word)} ]' for number, word in enumerate(words, 1)]
    env = {name: value for name, value in service.env.items() if variable(name)}
    tests += [_has(name, value) for name, value in env.items()]
    for other in manifest.services:
        if other.name == service.name or other.command != service.command:
            continue
        theirs = {name: value for name, value in other.env.items() if variable(name)}
        if any(theirs.get(name) != value for name, value in env.items()):
            continue
        more = [_has(name, value) for name, value in theirs.items() if name not in env]
        if not more:
            raise FaultError(
                f"services {service.name} and {other.name} have the same command and environment: "
                "a fault could not tell one from the other",
                hint=f"give {service.name} a variable of its own in the manifest: env = {{ NAME = ... }}",
            )
        tests.append(f"! {{ {' && '.join(more)}; }}")
    return " && ".join(tests)


def _has(name: str, value: str) -> str:
    return f'[ "${{{name}-}}" = {quote(value)} ]'


def front_script(
    program: Program, rules: Mapping[str, tuple[str, Sequence[str], Sequence[str]]], note: str = ""
) -> str:
    """The script that stands in for `program`. `rules`: service → its condition, its command, the daemon's
    options."""
    lines = [f"#!{program.shell}", f"# initlab: a fault stands in front of this program, {program.target}"]
    for service, (test, command, options) in rules.items():
        words = [program.python, "-I", "-S", _DAEMON, "--name", service, *options]
        words += ["--program", program.real, "--", *command]
        lines += [
            f"if {test}; then",
            f"    {{ echo $$ >{quote(seen_path(service))}; }} 2>/dev/null",
            f"    exec {join(words)}",
            "fi",
        ]
    lines.append(f'exec -a "$0" {quote(program.real)} "$@"')
    return "\n".join(lines) + "\n"


class Programs:
    """The programs of one sandbox that have something in front of them."""

    def __init__(self, box: Sandbox, manifest: Manifest) -> None:
        self._box = box
        self._manifest = manifest
        self._options: dict[str, dict[str, tuple[str, ...]]] = {}  # service → fault's verb → options
        self._programs: dict[str, Program] = {}

    def locate(self, service: Service) -> Program:
        """A service's program. Raises `FaultError` when there is none in the lab."""
        if service.name not in self._programs:
            path = service.env.get("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
            argv = ["/bin/sh", "-c", _LOCATE, "sh", service.command[0], service.cwd or "/", path]
            done = self._box.exec(argv)
            if done.code != 0:
                raise FaultError(
                    f"service {service.name}: the lab has no program {service.command[0]}",
                    hint=f"lab.logs({service.name!r}) says what became of it",
                )
            folder, name, target, python, shell, script, option, _ = done.text.split("\n")
            prefix = tuple(word for word in (option, script) if word)
            if python == f"{folder}/{name}":
                python = target
            self._programs[service.name] = Program(folder, name, target, python, shell, prefix)
        return self._programs[service.name]

    def put(self, service: Service, verb: str, options: Sequence[str]) -> None:
        """Put the daemon in front of a service from its next start on; more options join those in force."""
        condition(service, self._manifest)  # refuses before anything is changed
        program = self.locate(service)
        self._box.exec(["/bin/sh", "-c", f"mkdir -p {FOLDER} && chmod 777 {FOLDER}"])
        self._box.write(_DAEMON, _SOURCE.read_bytes(), 0o755)
        self.forget(service.name)
        self._options.setdefault(service.name, {})[verb] = tuple(options)
        self._apply(program)

    def drop(self, service: Service, verb: str) -> None:
        """Take one verb's options back. The program's own file is put back when nobody needs the script."""
        mine = self._options.get(service.name, {})
        mine.pop(verb, None)
        if not mine:
            self._options.pop(service.name, None)
        if service.name in self._programs:
            self._apply(self._programs[service.name])

    def options(self, service: Service) -> list[str]:
        """The daemon's options that are in force for a service, of every verb."""
        return [word for words in self._options.get(service.name, {}).values() for word in words]

    def forget(self, service: str) -> None:
        """`seen` tells of starts from now on."""
        self._box.exec(["/bin/rm", "-f", seen_path(service)])

    def seen(self, service: str) -> int | None:
        """The PID of the last start of a service that went through the script, since the last `put`."""
        try:
            text = self._box.read(seen_path(service)).decode().strip()
        except SandboxError:
            return None
        return int(text) if text.isdigit() else None

    def _apply(self, program: Program) -> None:
        rules = {}
        for name, verbs in self._options.items():
            service = self._manifest.service(name)
            if self.locate(service).path == program.path:
                words = tuple(word for options in verbs.values() for word in options)
                own = self._programs[name]
                test = condition(service, self._manifest, own.prefix)
                command = (own.path, *own.prefix, *service.command[1:]) if own.prefix else service.command
                rules[name] = (test, command, words)
        argv = ["/bin/sh", "-c", _INSTALL if rules else _RESTORE, "sh", program.folder, program.name]
        text = front_script(program, rules).encode() if rules else b""
        done = self._box.exec([*argv, program.target], input=text)
        if done.code != 0:
            said = done.stderr.decode(errors="replace").strip().rsplit("\n", 1)[-1]
            raise FaultError(
                f"cannot change {posixpath.join(program.folder, program.name)} in the lab: {said}",
                hint="lab.faults.active() shows what is in force; a full disk has to be undone first",
            )
