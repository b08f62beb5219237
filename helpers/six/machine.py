"""A sandbox that builds its own system: Nix expressions in, s6-svscan as PID 1 out.

What is inside is `labs/nix/six` (see its README) over `labs/s6rc`, at /opt/nix/six and
/usr/local/lib/s6rc; the configuration is /etc/six/configuration.nix. The store, the profile and its
generations are real, and as long-lived as the sandbox.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from types import TracebackType

from helpers.engines.base import Engine, ExecResult, Image, Limits, Network, Pid1, Sandbox
from helpers.errors import LabError, SandboxError
from helpers.filetree import FileTree
from helpers.inits.s6rc_manager import Manager, manager
from helpers.nix.errors import NixError, parse, with_log

__all__ = ["WEB", "Activation", "Built", "Generation", "Machine"]

_LABS = Path(__file__).resolve().parents[2] / "labs"
_CONFIGURATION = "/etc/six/configuration.nix"
_PROFILE = "/nix/var/nix/profiles/activated"
_GENERATIONS = f"""
cd "$(dirname {_PROFILE})" && echo "now $(readlink {_PROFILE})"
for link in activated-*-link; do [ -L "$link" ] && echo "$link $(readlink "$link")"; done
"""
_STATE = """
echo "current $(readlink /run/current-system)"
for name in $(s6-rc -a list); do
    case $name in s6rc-*) continue ;; esac # what s6-rc itself needs
    [ -e "/run/service/$name" ] && echo "$name $(s6-svstat -o pid "/run/service/$name")" || echo "$name -"
done
"""

WEB = """final: {
  targets.redis = _: final.services.redis { };
  targets.app   = _: final.services.app { };
  targets.nginx = _: final.services.nginx { };
}
"""
"""The web stack as a configuration: three services by name, each with its defaults."""

_DEFAULT = "import /opt/nix/six { configuration = import ./configuration.nix; }\n"
_BOOT = """#!/bin/sh
# PID 1 builds the system that it then becomes. s6-rc is the image's own, or else the one of labs/s6rc.
export PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin HOME=/root
command -v s6-rc-compile >/dev/null || ln -s /usr/local/lib/s6rc/bin/* /usr/local/bin
system=$(nix-build --no-out-link /etc/six -A system 2>/run/build.log) && exec "$system/boot/init"
cat /run/build.log >&2
exec sleep infinity # for a look at what the build says
"""


@dataclass(frozen=True)
class Built:
    """A system in the store: its path, the seconds it took, and how many derivations were built for it."""

    path: str
    seconds: float
    derivations: int

    def __str__(self) -> str:
        return f"{self.path} ({self.derivations} derivations built)"


@dataclass(frozen=True)
class Generation:
    """One generation of the profile: a number, the system it is, and whether the profile is at it."""

    number: int
    path: str
    current: bool


@dataclass(frozen=True, repr=False)
class Activation:
    """What an activation did. `before` and `after` map what was up to its PID (None: a oneshot)."""

    ok: bool
    seconds: float
    before: Mapping[str, int | None]
    after: Mapping[str, int | None]
    said: str

    @property
    def moved(self) -> tuple[str, ...]:
        """The services that were started, stopped or restarted, sorted."""
        names = self.before.keys() | self.after.keys()
        return tuple(sorted(n for n in names if self.before.get(n, 0) != self.after.get(n, 0)))

    @property
    def stayed(self) -> tuple[str, ...]:
        """The services that kept their process, sorted."""
        return tuple(sorted(self.before.keys() & self.after.keys() - set(self.moved)))

    def _rows(self) -> list[tuple[str, str, str, str]]:
        def pid(table: Mapping[str, int | None], name: str) -> str:
            return "" if name not in table else "up" if table[name] is None else str(table[name])

        rows = []
        for name in sorted(self.before.keys() | self.after.keys()):
            what = "stayed" if name in self.stayed else "moved"
            rows.append((name, pid(self.before, name), pid(self.after, name), what))
        return rows

    def __str__(self) -> str:
        head = "activated" if self.ok else "the activation failed"
        lines = [f"{head}: {len(self.moved)} moved, {len(self.stayed)} stayed"]
        lines += [f"  {name:<16} {old:>6} → {new:<6} {what}" for name, old, new, what in self._rows()]
        return "\n".join(lines if self.ok else [*lines, self.said.rstrip()])

    __repr__ = __str__  # a cell's value as plain text is its repr: a failure with its reason

    def _repr_html_(self) -> str:
        head = "Activated" if self.ok else "The activation failed"
        rows = "".join(
            f"<tr><td>{escape(name)}</td><td>{old}</td><td>{new}</td>"
            f"<td>{what if what == 'stayed' else f'<b>{what}</b>'}</td></tr>"
            for name, old, new, what in self._rows()
        )
        said = "" if self.ok else f"<pre>{escape(self.said.rstrip())}</pre>"
        caption = f"{head}: {len(self.moved)} moved, {len(self.stayed)} stayed"
        return (
            f"<table><caption>{caption}</caption><tr><th>service</th><th>PID before</th><th>PID after</th>"
            f"<th></th></tr>{rows}</table>{said}"
        )


def _build_error(said: str) -> NixError:
    """What Nix said of a build, in the words of a machine."""
    error = with_log(parse(said))
    if error.kind == "full":
        error.hint = (
            'machine.sh("df -h /nix/store; nix-collect-garbage"): garbage is what no generation needs'
        )
    return error


class Machine:
    """One machine. A context manager, and a plain object: `Machine(…).start()` … `close()`.

    `configuration` is the text of a Nix file: a function of `final` that gives an infusion. `files` maps
    further paths inside to texts. `ports` are those that the notebook reaches.
    """

    def __init__(
        self,
        configuration: str = WEB,
        *,
        files: Mapping[str, str] | None = None,
        ports: tuple[int, ...] = (8080, 8081, 8082),
        engine: str | Engine | None = None,
        image: Image | None = None,
        limits: Limits = Limits(),  # noqa: B008 - frozen
    ) -> None:
        self.configuration = configuration
        self._files = dict(files or {})
        self._ports = ports
        self._engine = engine
        self._image = image
        self._limits = limits
        self._sandbox: Sandbox | None = None

    # -- life ---------------------------------------------------------------------------------

    def start(self) -> Machine:
        """Boot: PID 1 builds the system and becomes s6-svscan. Returns at once; `up` waits."""
        from helpers.lab import _find_engine

        if self._sandbox is None:
            image = self._image
            if image is None:
                from helpers import image as images

                image = images.ensure()
            pid1, network = Pid1(("/etc/six/boot",)), Network(self._ports)
            engine = _find_engine(self._engine)
            self._sandbox = engine.start(image, pid1, self.tree(), self._limits, network, hostname="six")
        return self

    def up(self, timeout: float = 60.0) -> Machine:
        """Start if need be, and wait until the first activation has ended.

        Raises `NixError` for a configuration that does not build, `LabError` when a service does not come up.
        """
        end = time.monotonic() + timeout
        self.built(timeout)
        while not self._ok("test -e /run/current-system"):
            if self._ok("test -e /run/activation.failed") or time.monotonic() > end:
                raise LabError(f"the machine did not come up:\n{self.logs()}", hint="machine.logs()")
            time.sleep(0.05)
        return self

    def built(self, timeout: float = 60.0) -> Machine:
        """Start if need be, and wait until PID 1 has built the system and is about to start its services.

        Raises `NixError` for a configuration that does not build, `LabError` when the time is up.
        """
        self.start()
        end = time.monotonic() + timeout
        while not self._ok("test -e /run/service/.s6-svscan/finish"):
            if self.sandbox.processes()[0].comm == "sleep":
                raise parse(self.sh("cat /run/build.log"))
            if time.monotonic() > end:
                raise LabError(f"the machine does not end its build:\n{self.logs()}", hint="machine.logs()")
            time.sleep(0.02)
        return self

    def close(self) -> None:
        """Remove every trace of the machine. Safe to call twice."""
        box, self._sandbox = self._sandbox, None
        if box is not None:
            box.destroy()

    def __enter__(self) -> Machine:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def sandbox(self) -> Sandbox:
        """The sandbox of a started machine. Raises `LabError` when it is not started."""
        if self._sandbox is None:
            raise LabError("the machine is not running", hint="machine.start()")
        return self._sandbox

    def tree(self) -> FileTree:
        """Every file laid over the image."""
        tree = FileTree()
        for source, target in (("s6rc", "/usr/local/lib/s6rc"), ("nix", "/opt/nix")):
            for path in sorted((_LABS / source).rglob("*")):
                if path.is_file() and "__pycache__" not in path.parts:
                    mode = 0o755 if path.stat().st_mode & 0o100 else 0o644
                    tree.add(f"{target}/{path.relative_to(_LABS / source)}", path.read_bytes(), mode)
        tree.add("/opt/lab/app.py", (_LABS / "stacks" / "web" / "app.py").read_bytes())
        tree.add("/etc/nix/nix.conf", "build-users-group =\nsandbox = false\nsubstituters =\n")
        tree.add(
            "/etc/six/default.nix", "import /opt/nix/six { configuration = import ./configuration.nix; }\n"
        )
        tree.add(_CONFIGURATION, self.configuration)
        tree.script("/etc/six/boot", _BOOT)
        for path_inside, text in self._files.items():
            tree.add(path_inside, text)
        return tree

    # -- systems ------------------------------------------------------------------------------

    def configure(self, configuration: str) -> None:
        """Write another configuration. Nothing that runs changes."""
        self.configuration = configuration
        self.sandbox.write(_CONFIGURATION, configuration.encode())

    def build(self, attribute: str = "system") -> Built:
        """Build the system (or `compiled`, `source`) from the present configuration.

        Raises `NixError` where Nix refuses, a build fails (with its last lines) or the disk is full: then,
        too, nothing that runs changes.
        """
        began = time.monotonic()
        done = self._run(f"nix-build --no-out-link /etc/six -A {attribute}")
        said = done.stderr.decode(errors="replace")
        if done.code != 0:
            raise _build_error(said)
        built = len(re.findall(r"^building '", said, re.MULTILINE))
        return Built(done.stdout.decode().strip(), time.monotonic() - began, built)

    def dry_activate(self, built: Built) -> str:
        """What an activation would stop and start; nothing is done."""
        return self.sh(f"{built.path}/bin/dry-activate")

    def activate(self, built: Built | str | None = None) -> Activation:
        """Put a system under the running machine; without one, the system of the present configuration.

        A failed activation is a value, not an exception: what it did until then is done.
        """
        path = built if isinstance(built, str) else (built or self.build()).path
        before = self.pids()
        began = time.monotonic()
        done = self._run(f"{path}/bin/activate")
        seconds = time.monotonic() - began
        said = (done.stdout + done.stderr).decode(errors="replace")
        return Activation(done.code == 0, seconds, before, self.pids(), said)

    def rollback(self) -> Activation:
        """Take the profile one generation back, and activate that. Raises `LabError` where there is none."""
        done = self._run(f"nix-env -p {_PROFILE} --rollback")
        if done.code != 0:
            raise LabError(f"no rollback: {done.stderr.decode().strip()}", hint="machine.generations()")
        return self.activate(_PROFILE)

    def generations(self) -> list[Generation]:
        """The profile's generations, oldest first."""
        # The links themselves: `nix-env --list-generations` has to write, and cannot where the disk is full.
        lines = [line.partition(" ")[::2] for line in self.sh(_GENERATIONS).splitlines()]
        now = dict(lines).pop("now", "")
        links = [(int(link.split("-")[-2]), link, path) for link, path in lines if link != "now"]
        return [Generation(number, path, link == now) for number, link, path in sorted(links)]

    def fill_disk(self) -> str:
        """Write /var/filler and /var/rest until not a byte is left. Empty; or why nothing was written.

        Without a limit of the machine's own it would be the disk of this computer that is filled.
        """
        missing = [text for text in self.sandbox.limits_missing if text.startswith("no disk")]
        if self._limits.disk is None or missing:
            return missing[0] if missing else "no disk limit: the machine was started without one"
        self.sh("dd if=/dev/zero of=/var/filler bs=64k; dd if=/dev/zero of=/var/rest bs=1k")
        return ""

    # -- looking ------------------------------------------------------------------------------

    def manager(self) -> Manager:
        """Which s6-rc runs: the image's own, or the manager of `labs/s6rc`. The machine is asked."""
        return manager(self.sandbox)

    def pids(self) -> dict[str, int | None]:
        """What s6-rc holds for up: name → PID, None for a oneshot."""
        lines = self.sh(_STATE).splitlines()[1:]
        return {name: None if pid == "-" else int(pid) for name, _, pid in (x.partition(" ") for x in lines)}

    def current(self) -> str:
        """The system that /run/current-system names; empty before the first activation."""
        return self.sh("readlink /run/current-system")

    def sh(self, script: str, timeout: float = 60.0) -> str:
        """Run a line of shell inside; what it printed, errors too."""
        done = self._run(script, timeout)
        return (done.stdout + done.stderr).decode(errors="replace").rstrip("\n")

    def logs(self) -> str:
        """What PID 1 and its children wrote to the console."""
        return self.sandbox.logs().decode(errors="replace").rstrip("\n")

    def read(self, path: str) -> str:
        """A file inside."""
        return self.sandbox.read(path).decode(errors="replace")

    def http(self, port: int = 8080, path: str = "/") -> str:
        """The body of an answer. Raises `LabError` when nothing answers."""
        from helpers.show.http import fetch

        host, outside = self.sandbox.address(port)
        try:
            return fetch(host, outside, path, 5.0).text
        except OSError as error:
            said = error.strerror or error
            raise LabError(f"nothing answers on port {port}: {said}", hint="machine.pids()") from None

    def _run(self, script: str, timeout: float = 60.0) -> ExecResult:
        return self.sandbox.exec(["/bin/sh", "-c", f"export HOME=/root; {script}"], timeout=timeout)

    def _ok(self, script: str) -> bool:
        try:
            return self._run(script).code == 0
        except SandboxError:
            return False
