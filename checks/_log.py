"""Keeps a log where the lab failed, so that the learner has something to send to us."""

from __future__ import annotations

import platform
import traceback
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

__all__ = ["keep_log"]


def _folder() -> Path:
    """The workspace's `.initlab/logs`, or the user's log folder where there is no workspace."""
    from helpers.course.workspace import find

    workspace = find()
    if workspace is not None:
        return workspace.state / "logs"
    from platformdirs import user_log_path

    return user_log_path("initlab")


def keep_log(exercise: str, seed: int | None, error: BaseException, seen: str) -> Path | None:
    """Write what is known of a failure of ours; returns where, or None where nothing can be written."""
    now = datetime.now(UTC)
    try:
        release = version("initlab")
    except PackageNotFoundError:
        release = "unknown"
    text = "\n".join(
        [
            f"exercise: {exercise}  seed: {seed}  at: {now.isoformat(timespec='seconds')}",
            f"initlab {release}  python {platform.python_version()}  {platform.platform()}",
            "",
            seen,
            "",
            *traceback.format_exception(error),
        ]
    )
    try:
        folder = _folder()
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{exercise}-{now:%Y%m%d-%H%M%S-%f}.log"
        path.write_text(text, encoding="utf-8")
    except OSError:
        return None
    return path
