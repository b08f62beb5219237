"""The engine protocol: what a sandbox cannot see and cannot change."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from helpers.engines.base import Network, Pid1, Sandbox
from helpers.engines.embedded import DEFAULT_CAPABILITIES
from tests.engines.support import ECHO_SERVER, IDLE, eventually, python

# Bit numbers of linux/capability.h.
_CAPABILITIES = {
    "CHOWN": 0, "DAC_OVERRIDE": 1, "FOWNER": 3, "FSETID": 4, "KILL": 5, "SETGID": 6, "SETUID": 7,
    "SETPCAP": 8, "NET_BIND_SERVICE": 10, "NET_RAW": 13, "SYS_CHROOT": 18, "SYS_BOOT": 22,
    "AUDIT_WRITE": 29, "SETFCAP": 31,
}  # fmt: skip


def _mask(names: tuple[str, ...]) -> int:
    return sum(1 << _CAPABILITIES[name] for name in names)


@pytest.mark.parametrize("kind", ["pid", "mnt", "net", "ipc", "uts"])
def test_a_sandbox_has_its_own_namespace(box: Sandbox, kind: str) -> None:
    """Own PID, mount, network, IPC and UTS namespaces."""
    inside = box.exec(["readlink", f"/proc/self/ns/{kind}"]).text
    assert inside.startswith(f"{kind}:[")
    assert inside != os.readlink(f"/proc/self/ns/{kind}")
    assert inside == box.exec(["readlink", f"/proc/1/ns/{kind}"]).text


def test_pid_1_is_the_program_that_was_asked_for(box: Sandbox) -> None:
    """A sandbox whose PID 1 is `pid1`."""
    first = box.processes()[0]
    assert (first.pid, first.ppid) == (1, 0)
    assert first.argv == IDLE


def test_the_host_name_is_the_sandboxs_own(box: Sandbox) -> None:
    """Own UTS namespace, called `hostname`."""
    assert box.read("/proc/sys/kernel/hostname") == b"lab7\n"
    assert os.uname().nodename != "lab7"


def test_processes_of_the_host_are_not_visible_inside(box: Sandbox) -> None:
    """Own PID namespace: /proc is the sandbox's own."""
    with subprocess.Popen(["sleep", "98765"]) as host:
        try:
            seen = box.exec(["sh", "-c", "cat /proc/[0-9]*/cmdline | tr '\\0' ' '"]).text
        finally:
            host.kill()
    assert "sleep 1000" in seen  # PID 1's child: we do see what is there
    assert "98765" not in seen
    assert "pytest" not in seen


@pytest.fixture
def shared_memory() -> Iterator[str]:
    """The id of a SysV shared memory segment on the host."""
    if shutil.which("ipcmk") is None:
        pytest.skip("ipcmk (util-linux) is not installed")
    made = subprocess.run(["ipcmk", "--shmem", "4096"], capture_output=True, text=True, check=True)
    number = made.stdout.split()[-1]
    yield number
    subprocess.run(["ipcrm", "--shmem-id", number], check=True)


def test_system_v_objects_of_the_host_are_not_visible_inside(box: Sandbox, shared_memory: str) -> None:
    """Own IPC namespace."""
    assert shared_memory in Path("/proc/sysvipc/shm").read_text()
    assert len(box.read("/proc/sysvipc/shm").splitlines()) == 1  # the heading


def test_the_only_network_interface_is_the_loopback(box: Sandbox) -> None:
    """The network is the sandbox's own loopback only, and there is no way out of it."""
    interfaces = [line.split(b":")[0].strip() for line in box.read("/proc/net/dev").splitlines()[2:]]
    assert interfaces == [b"lo"]
    assert len(box.read("/proc/net/route").splitlines()) <= 1  # the heading, where there is one


def test_services_of_the_host_are_not_reachable_from_inside(box: Sandbox) -> None:
    """127.0.0.1 inside is not the host's."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        connect = "import socket, sys; socket.create_connection(('127.0.0.1', int(sys.argv[1])), 5)"
        done = box.exec(python(connect, str(port)))
    assert "ConnectionRefusedError" in done.stderr.decode()


def test_no_sandbox_reaches_another(start: Callable[..., Sandbox]) -> None:
    """No sandbox reaches another, not even by an abstract Unix socket or a port both declare."""
    network = Network(ports=(7007,))
    first = start(python(ECHO_SERVER, "0.0.0.0", "7007"), network=network)  # noqa: S104 - inside
    second = start(network=network)
    connect = "import socket; socket.create_connection(('127.0.0.1', 7007), 5)"
    eventually(lambda: first.exec(python(connect)).code == 0, "the first one's service listens")
    assert "ConnectionRefusedError" in second.exec(python(connect)).stderr.decode()

    listen = (
        "import socket, time; s = socket.socket(socket.AF_UNIX); "
        "s.bind('\\0initlab'); s.listen(); time.sleep(60)"
    )
    connect = "import socket; socket.socket(socket.AF_UNIX).connect('\\0initlab')"
    with first.popen(python(listen)) as server:
        eventually(lambda: first.exec(python(connect)).code == 0, "the abstract socket listens")
        assert "ConnectionRefusedError" in second.exec(python(connect)).stderr.decode()
        server.kill()


def test_files_of_the_host_are_not_visible_inside(box: Sandbox, tmp_path: Path) -> None:
    """Own mount namespace: the root is the image's, nothing of the host's is below it."""
    (tmp_path / "here").write_text("host")
    assert box.exec(["ls", "-d", str(tmp_path)]).code != 0
    assert box.exec(["ls", f"/proc/1/root{tmp_path}"]).code != 0


def test_no_disk_of_the_host_is_among_the_devices(box: Sandbox) -> None:
    """/dev holds what programs need and no disk."""
    assert box.exec(["find", "/dev", "-type", "b"]).text == ""
    script = (
        "head -c 4 /dev/zero | wc -c; head -c 4 /dev/urandom | wc -c; echo x >/dev/null; echo x >/dev/shm/x"
    )
    done = box.exec(["sh", "-ec", script])
    assert (done.code, done.text) == (0, "4\n4")


def test_the_capabilities_are_the_default_set_and_no_more(box: Sandbox) -> None:
    """The same default capabilities in every engine, for PID 1 and for commands beside it."""
    for process in ("1", "self"):
        status = box.read(f"/proc/{process}/status").decode()
        for line in ("CapEff", "CapPrm"):
            found = int(status.partition(f"{line}:")[2].split()[0], 16)
            assert found == _mask(DEFAULT_CAPABILITIES), (process, line)


def test_pid_1_and_what_it_starts_gain_no_privileges_by_a_file(box: Sandbox) -> None:
    """No set-user-ID or file capability gives back what was dropped (prctl(2), PR_SET_NO_NEW_PRIVS)."""
    assert b"NoNewPrivs:\t1" in box.read("/proc/1/status")


def test_a_capability_asked_for_is_added(start: Callable[..., Sandbox]) -> None:
    """`Pid1.capabilities` names what is needed beyond the default set."""
    box = start(Pid1(IDLE, capabilities=("SYS_BOOT",)))
    for process in ("1", "self"):
        found = box.read(f"/proc/{process}/status").decode().partition("CapEff:")[2].split()[0]
        assert int(found, 16) == _mask((*DEFAULT_CAPABILITIES, "SYS_BOOT"))


@pytest.mark.parametrize(
    "command",
    [
        "mknod /root/disk b 8 0",
        "mknod /root/mem c 1 1",
        "mount -t tmpfs tmpfs /mnt",
        "mount --bind /etc /mnt",
        "mount -o remount,rw /proc/sys",
        "umount /proc/sys",
        "unshare --mount true",
        "hostname other",
        "nsenter --target 1 --mount --net true",
        "date --set 2001-01-01",
        "chroot /proc/1/root /bin/mount -t tmpfs tmpfs /mnt",
        "busybox reboot -f",
        "dmesg --clear",
        "busybox insmod /etc/passwd",
    ],
)
def test_root_inside_may_not(box: Sandbox, command: str) -> None:
    """Nothing of the host's is writable or can be switched off from inside."""
    assert box.exec(["sh", "-c", command]).code != 0, command
    assert box.exit is None


def _settings_of_the_host() -> list[str]:
    """Files of /proc that change the host when written: sysctls without a namespace, switches."""
    found = [
        "/proc/sys/vm/swappiness",
        "/proc/sys/kernel/panic",
        "/proc/sys/fs/file-max",
        "/proc/sys/kernel/core_pattern",
    ]
    found += ["/proc/sysrq-trigger", "/proc/irq/default_smp_affinity", "/proc/sys/kernel/hostname"]
    return [path for path in found if os.path.exists(path)]


@pytest.mark.parametrize("path", _settings_of_the_host())
def test_root_inside_may_not_write_the_kernels_settings(box: Sandbox, path: str) -> None:
    """Nothing of the host's is writable: /proc/sys, sysrq-trigger, irq."""
    # What is written is what is there, or nothing at all: should it succeed, the host is not harmed.
    script = 'value=$(cat "$1" 2>/dev/null); exec printf "%s" "$value" >"$1"'
    assert box.exec(["sh", "-c", script, "sh", path]).code != 0


@pytest.mark.parametrize(
    "trick",
    [
        "unshare --user --map-root-user --mount sh -c 'umount /proc/sys && echo out'",
        "unshare --user --map-root-user --mount sh -c 'mount -o remount,rw,bind /proc/sys && echo out'",
        "unshare --user --map-root-user --mount sh -c 'mount --bind /proc /mnt && echo out'",
        "unshare --user --map-root-user --mount --pid --fork sh -c 'mount -t proc proc /mnt && echo out'",
        "unshare --user --map-root-user --mount sh -c 'mount -t sysfs sysfs /mnt && echo out'",
    ],
)
def test_a_user_namespace_made_inside_is_no_way_out(box: Sandbox, trick: str) -> None:
    """With capabilities in a namespace of its own, root inside still cannot undo what covers /proc/sys
    (mount_namespaces(7): mounts from a more privileged namespace are locked)."""
    assert "out" not in box.exec(["sh", "-c", trick]).text


def test_the_hosts_environment_is_not_passed_in(
    monkeypatch: pytest.MonkeyPatch, start: Callable[..., Sandbox]
) -> None:
    """PID 1 and commands get an environment of their own."""
    monkeypatch.setenv("INITLAB_TEST_SECRET", "leak")
    box = start()
    assert b"leak" not in box.read("/proc/1/environ")
    assert "leak" not in box.exec(["env"]).text
    assert "PATH=/usr/local/sbin" in box.exec(["env"]).text


def test_descriptors_of_the_host_are_not_passed_in(box: Sandbox) -> None:
    """PID 1 and commands have standard input, output and error, and nothing else open."""
    assert box.exec(["ls", "/proc/1/fd"]).text.split() in (["0", "1", "10", "2"], ["0", "1", "2"])
    targets = box.exec(["sh", "-c", "readlink /proc/1/fd/*"]).text.split()
    assert not [t for t in targets if t.startswith("/") and not t.startswith("/dev/")], targets
    assert box.exec(["ls", "/proc/self/fd"]).text.split() == ["0", "1", "2", "3"]  # 3: the listing itself
