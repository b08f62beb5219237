"""Makes the Alpine image's tree: the base system fetched and checked, then Alpine's own apk inside of it.

As root the tree is made in place. An ordinary user's is made in a user namespace with the user's subordinate
ids, and handed over as an archive (see `unpack`).
"""

from __future__ import annotations

import hashlib
import http.client
import os
import re
import shlex
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path

from helpers.errors import ImageError
from helpers.image import failures
from helpers.image.alpine import BUILD, AlpineRecipe, find_alpine_mirror
from helpers.image.progress import Report
from helpers.image.recipe import Recipe
from helpers.image.staging import Staging
from helpers.image.unpack import Owners, unpack

__all__ = ["alpine_command", "build_with_apk", "fetch_base"]

_TIMEOUT = 30  # seconds without a byte
_LARGEST = 64 * 2**20
"""Bytes. The base system has 4 MB: what goes past this is no base system."""

_RESOLVER = "/etc/resolv.conf"
_WITHOUT = "the course goes on without this image"
# What apk says of a mirror that it cannot use (apk-tools, src/print.c and src/io_url_*.c).
_UNREACHABLE = (
    r"temporary error|network error|could not connect|network unreachable|Network is unreachable"
    r"|DNS|timed? ?out|connection (refused|reset|aborted)|HTTP \d|TLS|remote server returned error"
    r"|unexpected end of file"
)
_UNTRUSTED = r"UNTRUSTED|BAD signature|BAD archive|untrusted signature"


def build_with_apk(recipe: Recipe, staging: Staging, report: Report, log: Path) -> Owners:
    """A `Builder` on Alpine's apk. Raises `ImageError`; the log holds every line the tools printed."""
    assert isinstance(recipe, AlpineRecipe)  # noqa: S101 - for the type checker: `choose_builder` pairs them
    as_root = os.geteuid() == 0
    if not as_root:
        failures.require_user_namespaces()
    failures.require_space(staging.folder.parent)
    mirror = find_alpine_mirror()
    with log.open("w") as record:
        print("$ fetch", f"{mirror}/{recipe.base}", file=record, flush=True)
        base = staging.folder / "base.tar.gz"
        try:
            fetch_base(recipe, mirror, base, report)
        except ImageError as error:
            print(error.message, file=record)
            raise
        root = staging.rootfs if as_root else staging.scratch(staging.folder) / "rootfs"
        command = alpine_command(recipe, mirror, root, base, as_root=as_root)
        print(
            "$",
            shlex.join(["…" if word == recipe.tidy else word for word in command]),
            file=record,
            flush=True,
        )
        owners: Owners = {}
        reader = _Reader(report)

        def on_line(line: str) -> None:
            print(line, file=record, flush=True)
            reader.line(line)

        try:
            status = staging.run(
                command,
                on_line,
                None if as_root else lambda stream: owners.update(unpack(stream, staging.rootfs)),
            )
        except ImageError:
            # An archive cut short is the echo of a builder that failed: its own words tell more.
            if not reader.tail:
                raise
            status = 1
    if status != 0:
        raise explain(reader.tail, status, recipe, mirror, staging.folder.parent, log)
    base.unlink()
    return owners


def alpine_command(recipe: AlpineRecipe, mirror: str, root: Path, base: Path, *, as_root: bool) -> list[str]:
    """The command that runs `alpine.sh`: in place as root, else in a user namespace, to standard output."""
    # Passed as text: the user namespace's root may not be allowed into the checkout's folder.
    script = ["sh", "-c", recipe.tidy, "alpine.sh", "folder" if as_root else "archive"]
    words = [str(root), str(base), _RESOLVER, " ".join(recipe.repositories(mirror)), *recipe.names]
    if as_root:
        return [*script, *words]
    # unshare(1): the user is root inside, and has its subordinate ids, newuidmap(1), for the others.
    return [
        "unshare",
        "--map-root-user",
        "--map-auto",
        "--mount",
        "--pid",
        "--fork",
        "--kill-child",
        *script,
        *words,
    ]


def fetch_base(recipe: AlpineRecipe, mirror: str, target: Path, report: Report) -> None:
    """Fetch the base system from `mirror` into the file `target`: there whole and checked, or not at all.

    Raises `ImageError` when it cannot be fetched, and when it is not the one that the recipe pins.
    """
    url = f"{mirror}/{recipe.base}"
    report.phase("fetching the base system")
    digest, count = hashlib.sha256(), 0
    request = urllib.request.Request(url, headers={"User-Agent": "initlab"})  # noqa: S310 - http or https, see the mirror
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT) as answer, target.open("wb") as file:  # noqa: S310
            total = int(answer.headers.get("Content-Length") or 0)
            while block := answer.read(1 << 16):
                file.write(block)
                digest.update(block)
                count += len(block)
                if count > _LARGEST:
                    raise _wrong(url, f"is larger than {_LARGEST // 2**20} MB: no base system")
                report.progress(min(count, total), max(total, 1))
            if count < total:
                raise _unreachable(mirror, f"{url}: it ended after {count} of {total} bytes")
        if digest.hexdigest() != recipe.sha256:
            raise _wrong(url, f"has the SHA-256 {digest.hexdigest()}, the recipe pins {recipe.sha256}")
    except urllib.error.HTTPError as error:
        error.close()  # it is the answer, too
        target.unlink(missing_ok=True)
        raise _unreachable(mirror, f"{url}: HTTP {error.code} {error.reason}") from None
    except urllib.error.URLError as error:
        target.unlink(missing_ok=True)
        raise _unreachable(mirror, f"{url}: {_reason(error.reason)}") from None
    except (TimeoutError, ConnectionError, http.client.HTTPException) as error:
        target.unlink(missing_ok=True)
        raise _unreachable(mirror, f"{url}: {_reason(error)}") from None
    except BaseException:
        target.unlink(missing_ok=True)
        raise


def explain(
    lines: Sequence[str], status: int, recipe: AlpineRecipe, mirror: str, folder: Path, log: Path
) -> ImageError:
    """The message for an `alpine.sh` that ended with `status` after printing `lines`."""
    text = "\n".join(lines)
    if re.search(r"No space left on device|Disk quota exceeded", text):
        return failures.from_os_error(OSError(28, "No space left on device"), folder, log)
    if missing := re.search(r"^\s*(\S+) \(no such package\)", text, re.MULTILINE):
        return ImageError(
            f"Alpine image: Alpine {recipe.branch} has no package {missing.group(1)}\n  log: {log}",
            hint="labs/image/alpine.toml names the packages and the release; change it, then: " + BUILD,
        )
    if bad := _line(lines, _UNTRUSTED):
        return ImageError(
            f"Alpine image: {mirror}: {bad}\n  log: {log}",
            hint=f"use another mirror: INITLAB_ALPINE_MIRROR=https://…/alpine {BUILD}",
        )
    if re.search(r"newuidmap|newgidmap|/etc/subuid|unshare: ", text):
        user = os.environ.get("USER") or str(os.geteuid())
        return ImageError(
            f"Alpine image: no subordinate user ids for {user}: {lines[-1].strip()}\n  log: {log}",
            hint=f"sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 {user}",
        )
    if telling := _line(lines, _UNREACHABLE):
        return _unreachable(mirror, f"{telling}\n  log: {log}")
    said = _line(lines, r"^ERROR|^sh: |^chroot: |^mount: |^tar: ") or (
        lines[-1].strip() if lines else "no word"
    )
    return ImageError(
        f"Alpine image: the build ended with status {status}: {said}\n  log: {log}",
        hint=f"read the log, then: {BUILD}",
    )


class _Reader:
    """Turns the lines of alpine.sh and apk into progress, and keeps the last ones for messages."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self.tail: list[str] = []

    def line(self, text: str) -> None:
        self.tail = [*self.tail[-79:], text]
        if text.startswith("phase: "):
            self._report.phase(text.removeprefix("phase: "))
        # "(12/87) Installing s6-rc (0.5.4.3-r0)"
        elif step := re.match(r"\(\s*(\d+)/(\d+)\) Installing ", text):
            self._report.progress(int(step.group(1)), int(step.group(2)))


def _line(lines: Sequence[str], pattern: str) -> str:
    return next((line.strip() for line in lines if re.search(pattern, line)), "")


def _unreachable(mirror: str, what: str) -> ImageError:
    return ImageError(
        f"Alpine image: cannot fetch from {mirror}: {what.removeprefix(mirror)}",
        hint=f"it needs a network ({_WITHOUT}); then: {BUILD}   (another mirror: INITLAB_ALPINE_MIRROR=https://…/alpine)",
    )


def _wrong(url: str, what: str) -> ImageError:
    return ImageError(
        f"Alpine image: {url} {what}",
        hint=f"use another mirror: INITLAB_ALPINE_MIRROR=https://…/alpine {BUILD}   ({_WITHOUT})",
    )


def _reason(error: object) -> str:
    return str(getattr(error, "strerror", None) or error)
