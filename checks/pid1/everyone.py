"""Everyone the suite can judge here: the inits of the image, the course's supervisors, the learner's own."""

from __future__ import annotations

import difflib
from functools import partial
from pathlib import Path

from checks.pid1.subject import Command, ReadsManifest, Services, Subject
from helpers.errors import InitlabError, LabError
from helpers.filetree import FileTree

__all__ = ["SUPERVISOR", "everyone", "mine", "names", "program", "subjects"]

_COMMANDS = {
    "tini": ("/usr/bin/tini", "--"),
    "dumb-init": ("/usr/bin/dumb-init", "--"),
    "catatonit": ("/usr/bin/catatonit", "--"),
}
SUPERVISOR = Path(__file__).resolve().parents[2] / "labs" / "supervisor" / "python" / "supervisor.py"
_RUST = "/usr/local/bin/supervisor-rs"
_STAGES = ("p3.stage1", "p3.stage2", "p3.stage3", "p3.stage4", "p3.pid1")


def names() -> tuple[str, ...]:
    """What `subjects` knows, in the order of the table: those that run services, those that run a command.

    `supervisor-rs` runs services, `supervisor-rs --` one command. What is `mine` comes last.
    """
    from helpers.inits import registry

    inits = tuple(name for name in registry.names() if name not in _COMMANDS)
    course = ("supervisor.py", "supervisor-rs --")
    return (*inits, *course, *_COMMANDS, *(subject.title for subject in mine()))


def subjects(*wanted: str, progress: bool = True) -> tuple[Subject, ...]:
    """The subjects of these names, in this order. `supervisor-rs` is built with the computer's own Rust where
    it is not yet; without Rust it is a subject that cannot be asked, and says why.

    Raises `LabError` naming the nearest name there is.
    """
    own = {subject.title: subject for subject in mine()}
    return tuple(own.get(name) or _made(name, progress) for name in wanted)


def everyone(*, progress: bool = True) -> tuple[Subject, ...]:
    """All of `names`."""
    return subjects(*names(), progress=progress)


def mine() -> tuple[Subject, ...]:
    """What the learner has made and changed: `my pid1.py` (one command), `my stage1.py` … (services)."""
    from helpers.course import exercises, workspace

    found: list[Subject] = []
    place = workspace.find()
    if place is None:
        return ()
    for name in ("p0.pid1", *_STAGES):
        try:
            made = exercises.load(name)
            file = made.path(place)
            if not file.is_file() or made.untouched(file):
                continue
            text = file.read_bytes()
        except (InitlabError, OSError):
            continue  # no such exercise in this course, or no such file
        title = f"my {file.name}"
        if name == "p0.pid1":
            tree = FileTree()
            tree.add("/opt/lab/pid1.py", text)
            found.append(Command(("/usr/bin/python3", "/opt/lab/pid1.py"), tree, title))
        else:
            found.append(program(text, title))
    return tuple(found)


def program(text: bytes, name: str) -> Services:
    """A supervisor in Python, one file, as a subject: run as `python3 FILE MANIFEST.json`."""
    tree = FileTree()
    tree.add("/opt/lab/supervisor.py", text)
    return Services(ReadsManifest(("/usr/bin/python3", "/opt/lab/supervisor.py"), name), tree)


def _made(name: str, progress: bool) -> Subject:
    from helpers.inits import registry

    if name in _COMMANDS:
        return Command(_COMMANDS[name], name=name)
    if name == "supervisor.py":
        return program(SUPERVISOR.read_bytes(), name)
    if name in ("supervisor-rs", "supervisor-rs --"):
        return _rust(name, progress)
    if name in registry.names():
        return Services(registry.get(name))
    near = difflib.get_close_matches(name.lower(), names(), n=1, cutoff=0.5)
    guess = f'; did you mean "{near[0]}"?' if near else ""
    raise LabError(f"no init {name!r}{guess}", hint=f"choose from {', '.join(names())}")


def _rust(name: str, progress: bool) -> Subject:
    """supervisor-rs of either kind."""
    make = (
        partial(Command, (_RUST, "--"), name=name)
        if name.endswith("--")
        else partial(Services, ReadsManifest((_RUST, "--manifest"), name))
    )
    try:
        from helpers import rust

        built = rust.build("supervisor-rs", progress=progress)
        tree = FileTree()
        tree.add(_RUST, built.read_bytes(), 0o755)
    except InitlabError as error:
        mend = f"; next: {error.hint}" if error.hint else ""
        return make(absent=f"supervisor-rs is not built here: {error.message.splitlines()[0]}{mend}")
    return make(tree=tree)
