"""supervisor-rs as the first process of a machine: a real kernel in QEMU, nothing else in its initramfs.

Needs qemu-system-x86_64 and a kernel: /boot/vmlinuz-*, or the file that INITLAB_KERNEL names (on Debian
`apt-get download linux-image-cloud-amd64`'s package, unpacked with `dpkg-deb -x`, is enough).
"""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from helpers.engines.base import Image

pytestmark = [pytest.mark.live, pytest.mark.timeout(900), pytest.mark.xdist_group("supervisor-rs")]

QEMU = "qemu-system-x86_64"
APPLETS = ("sh", "sleep", "cat", "mount", "touch", "test", "kill", "ls", "grep")


def kernel() -> Path | None:
    named = os.environ.get("INITLAB_KERNEL")
    found = [Path(named)] if named else sorted(Path("/boot").glob("vmlinuz-*"))
    return next((path for path in reversed(found) if os.access(path, os.R_OK)), None)


def cpio(files: dict[str, tuple[int, bytes]]) -> bytes:
    """An archive as the kernel unpacks it (Documentation/driver-api/early-userspace/buffer-format.rst)."""
    out = bytearray()
    entries = [*files.items(), ("TRAILER!!!", (0, b""))]
    for number, (name, (mode, data)) in enumerate(entries, 1):
        path = name.encode() + b"\0"
        fields = (number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(path), 0)
        out += b"070701" + b"".join(b"%08x" % field for field in fields) + path
        out += bytes(-len(out) % 4) + data
        out += bytes(-len(out) % 4)
    return gzip.compress(bytes(out), 1)


def boot(image: Image, programs: Path, folder: Path, text: str, typed: str = "") -> str:
    """What the console of a machine said until it was off, or 100 seconds had passed."""
    linux = kernel()
    if shutil.which(QEMU) is None or linux is None:
        pytest.skip(f"needs {QEMU} and a kernel (in /boot, or named by INITLAB_KERNEL)")
    busybox = image.rootfs / "usr/bin/busybox"
    files = dict.fromkeys(("bin", "etc", "etc/supervisor", "usr", "usr/bin", "root"), (0o040755, b""))
    files |= {f"bin/{name}": (0o120777, b"busybox") for name in APPLETS}
    files["bin/busybox"] = (0o100755, busybox.read_bytes())
    files["init"] = (0o100755, (programs / "supervisor-rs").read_bytes())
    files["usr/bin/supervisorctl-rs"] = (0o100755, (programs / "supervisorctl-rs").read_bytes())
    files["etc/supervisor/manifest.json"] = (0o100644, text.encode())
    initramfs = folder / "initramfs"
    initramfs.write_bytes(cpio(files))
    command = [QEMU, "-m", "512", "-nographic", "-no-reboot", "-kernel", linux, "-initrd", initramfs]
    command += ["-append", "console=ttyS0 panic=-1 quiet"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as machine:
        assert machine.stdout is not None
        try:
            said = b""
            os.set_blocking(machine.stdout.fileno(), True)
            while typed and b"emergency # " not in said and (more := os.read(machine.stdout.fileno(), 4096)):
                said += more
            rest, _ = machine.communicate(typed.encode(), timeout=100)
            return (said + rest).decode(errors="replace").replace("\r", "")
        finally:
            machine.kill()


def services(*last: str) -> str:
    one = "trap 'echo bye >/dev/console; exit 0' TERM; while :; do sleep 0.1; done"
    look = "mount >/dev/console; test -c /dev/ptmx -a -d /dev/pts && echo devices >/dev/console"
    return json.dumps(
        {
            "name": "machine",
            "services": [
                {"name": "look", "kind": "oneshot", "command": ["/bin/sh", "-c", look]},
                {"name": "one", "command": ["/bin/sh", "-c", one]},
                {
                    "name": "last",
                    "kind": "oneshot",
                    "command": ["/bin/sh", "-c", *last],
                    "depends_on": ["one", "look"],
                },
            ],
        }
    )


@pytest.mark.parametrize(
    ("wish", "end"), [("supervisorctl-rs shutdown", "Power down"), ("kill -INT 1", "Restarting system")]
)
def test_a_machine_has_its_mounts_and_ends_as_asked(
    wish: str, end: str, image: Image, programs: Path, tmp_path: Path
) -> None:
    """/proc, /sys, /dev, /dev/pts, /dev/shm, /run; power off, or reboot on SIGINT, which ctrl-alt-del is."""
    said = boot(image, programs, tmp_path, services(wish))
    for place in ("/proc", "/sys", "/dev", "/dev/pts", "/dev/shm", "/run"):
        assert re.search(rf" on {place} type ", said), said
    assert "devices\n" in said
    assert "bye\n" in said
    assert f"reboot: {end}" in said, said
    assert "panic" not in said


def test_a_machine_survives_a_fault_of_its_pid_1(image: Image, programs: Path, tmp_path: Path) -> None:
    """A segmentation fault of PID 1 is no kernel panic: it is executed again, and powers off when asked."""
    last = "test -e /run/once && supervisorctl-rs shutdown; touch /run/once; supervisorctl-rs drill fault"
    said = boot(image, programs, tmp_path, services(last))
    assert "executing myself again" in said
    assert '"crashes":1' in said
    assert "reboot: Power down" in said, said
    assert "Kernel panic" not in said


def test_a_machine_with_a_bad_manifest_gives_a_shell(image: Image, programs: Path, tmp_path: Path) -> None:
    """The problem is told on the console; when the shell has ended the manifest is read again."""
    bad = services("supervisorctl-rs shutdown").replace('"one", "look"', '"two"')
    mended = services("supervisorctl-rs shutdown").replace("'", "'\\''")
    typed = f"echo '{mended}' >/etc/supervisor/manifest.json; exit\n"
    said = boot(image, programs, tmp_path, bad, typed)
    assert 'no service "two"' in said
    assert "reboot: Power down" in said, said
