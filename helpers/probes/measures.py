"""What the comparison matrix measures, in the order it shows it."""

from __future__ import annotations

from helpers.probes.boot import booted, kept_back_by
from helpers.probes.config import config_size
from helpers.probes.idle import at_rest
from helpers.probes.logs import log_kept
from helpers.probes.matrix_packages import Packages
from helpers.probes.measurement import Measure
from helpers.probes.memory import memory
from helpers.probes.restart import restart_seconds
from helpers.probes.shutdown import shut_down
from helpers.probes.zombies import zombies_left

__all__ = ["MEASURES", "get"]

_MS = ("ms", 1000.0)
_KIB = ("KiB", 1 / 1024)
_text = Measure.text_of

_NO_MACHINE = (
    "with the boot of a machine: a process tree in a container has no firmware, no kernel to load, no "
    "devices to find, no disks to check and to mount"
)
_NO_POWER_OFF = "with the power-off of a machine: nothing is unmounted, no device is switched off"
_OURS = "with what somebody writes by hand: our renderer writes for any manifest, and says more than it must"

MEASURES: tuple[Measure, ...] = (
    Measure("boot", "boot to ready", "s", _text(booted), _MS, _NO_MACHINE),
    Measure("order", "kept back by", "", _text(kept_back_by), words=True),
    Measure("restart_first", "restart, first kill", "s", _text(restart_seconds), _MS),
    Measure("restart_second", "restart, second kill", "s", _text(restart_seconds), _MS),
    Measure("shutdown", "shutdown", "s", _text(shut_down), _MS, _NO_POWER_OFF),
    Measure("clean", "clean shutdown", "", _text(shut_down), words=True),
    Measure("stop_order", "stop order", "", _text(shut_down), words=True),
    Measure("exit", "exit code", "", _text(shut_down), words=True),
    Measure("memory_pid1", "memory of PID 1", "B", _text(memory), _KIB),
    Measure("memory_all", "memory of all supervision", "B", _text(memory), _KIB),
    Measure("memory_source", "memory counted as", "", _text(memory), words=True),
    Measure("processes", "supervision processes", "", _text(memory)),
    Measure("wakeups", "wake-ups at rest", "1/s", _text(at_rest), ("1/s", 1.0)),
    Measure("cpu", "CPU at rest", "s/s", _text(at_rest), ("ms/s", 1000.0)),
    Measure("zombies", "zombies left of 5", "", _text(zombies_left)),
    Measure("log_writer", "log written by", "", _text(log_kept), words=True),
    Measure("log_form", "log lines", "", _text(log_kept), words=True),
    Measure("log_path", "log file", "", _text(log_kept), words=True),
    Measure("config_own", "config: own language", "", _text(config_size), ("lines", 1), _OURS, varies=False),
    Measure(
        "config_script", "config: shell script", "", _text(config_size), ("lines", 1), _OURS, varies=False
    ),
    Measure("config_bytes", "config: size", "B", _text(config_size), ("bytes", 1), _OURS, varies=False),
    Measure("package", "package", "B", _text(Packages.get), _KIB, varies=False),
    Measure("package_all", "package and what it brings", "B", _text(Packages.get), _KIB, varies=False),
)
"""Raw units are seconds and bytes; `Measure.show` says how people read them."""

_BY_KEY = {measure.key: measure for measure in MEASURES}


def get(key: str) -> Measure:
    """The measure called `key`. Raises KeyError with the keys there are."""
    if key not in _BY_KEY:
        raise KeyError(f"no measure {key!r}; there are {', '.join(_BY_KEY)}")
    return _BY_KEY[key]
