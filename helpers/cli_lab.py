"""`initlab lab …`: labs from a terminal."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from helpers.engines.base import Running
from helpers.errors import InitlabError, LabError

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, help="Boot a lab, look at those that run, enter one.")


@app.command()
def up(
    stack: Annotated[
        str, typer.Argument(help="a stack (a folder of labs/stacks) or a manifest file")
    ] = "web",
    init: Annotated[str, typer.Option(help="the init that is PID 1")] = "runit",
    engine: Annotated[str | None, typer.Option(help="embedded or docker; default: what runs here")] = None,
    recipe: Annotated[str, typer.Option(help="the image: debian, or alpine with the real s6-rc")] = "debian",
) -> None:
    """Boot a lab and keep it until Ctrl-C (or `initlab lab down`)."""
    from helpers import image
    from helpers.lab import Lab

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with Lab(stack, init, engine=engine, image=image.ensure(recipe=recipe)) as lab:
        print(f"{lab!r}: booting", flush=True)
        lab.ready()
        print(lab.status())
        for service in lab.manifest.services:
            if service.ports:
                host, port = lab.sandbox.address(service.ports[0])
                print(f"{service.name}: {host}:{port}")
        for note in lab.unsupported():
            print(f"note: {note.service}.{note.field}: {note.note}")
        print(f"\nenter it:   initlab lab shell {lab.sandbox.id}\nend it:     Ctrl-C", flush=True)
        try:
            while lab.sandbox.exit is None:
                time.sleep(0.2)
            print(f"PID 1 ended with {lab.sandbox.exit.code}")
        except KeyboardInterrupt:
            print("\nstopping …", flush=True)
            print(f"PID 1 ended with {lab.stop().code}")


@app.command("list")
def list_() -> None:
    """Show the sandboxes that run now, whoever started them."""
    found = _running()
    if not found:
        print("no lab is running; start one: initlab lab up")
    for box in found:
        title = " ".join(box.title.split())
        title = title if len(title) <= 60 else title[:59] + "…"
        print(f"{box.id}  {title}  ({box.engine}, owner process {box.owner})")


@app.command()
def shell(name: Annotated[str, typer.Argument(help="its id, or the beginning of it")] = "") -> None:
    """Open a shell inside a running lab."""
    command = list(_find(name).shell)
    os.execv(command[0], command)  # noqa: S606 - the terminal becomes the shell


@app.command("exec", context_settings={"ignore_unknown_options": True})
def exec_(name: str, command: list[str]) -> None:
    """Run a command inside a running lab: initlab lab exec ID ps ax."""
    shell_argv = list(_find(name).shell)
    assert shell_argv[-2:] == ["/bin/bash", "-l"]  # noqa: S101 - what every engine's shell ends with
    argv = [*shell_argv[:-2], *command]
    os.execv(argv[0], argv)  # noqa: S606 - exit code and streams pass through


@app.command()
def down(name: Annotated[str, typer.Argument(help="its id, or the beginning of it")] = "") -> None:
    """End a lab that `initlab lab up` started in another terminal."""
    box = _find(name)
    words = Path(f"/proc/{box.owner}/cmdline").read_bytes().split(b"\0")
    if not any(word.endswith(b"initlab") for word in words[:3]):
        raise LabError(
            f"lab {box.id} belongs to process {box.owner}, which is no `initlab lab up`",
            hint="close it there (lab.close()), or shut that notebook's kernel down",
        )
    os.kill(box.owner, signal.SIGTERM)
    print(f"asked process {box.owner} to end lab {box.id}")


def _running() -> list[Running]:
    from helpers.engines import registry

    found: list[Running] = []
    for engine in registry.names():
        try:
            found += registry.get(engine).running()
        except InitlabError:
            continue  # an engine that is not here has nothing running
    return found


def _find(name: str) -> Running:
    found = [box for box in _running() if box.id.startswith(name)]
    if len(found) == 1:
        return found[0]
    if not found:
        what = f"no running lab is called {name!r}" if name else "no lab is running"
        raise LabError(what, hint="initlab lab list")
    raise LabError(f"{len(found)} labs run: say which one", hint="initlab lab list")
