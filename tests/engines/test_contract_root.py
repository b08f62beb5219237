"""The engine protocol: the root file system, the tree laid over it, files read and written."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import pytest

from helpers.engines.base import Image, Sandbox
from helpers.errors import SandboxError
from helpers.filetree import FileTree

Start = Callable[..., Sandbox]


def _mode(box: Sandbox, path: str) -> str:
    return box.exec(["stat", "-c", "%a %U %F", path]).text


def test_what_is_written_inside_does_not_reach_the_image(start: Start, image: Image) -> None:
    """A root file system sandboxes start from, never written to; every sandbox has a fresh one."""
    before = hashlib.sha256((image.rootfs / "etc/passwd").read_bytes()).hexdigest()
    first, second = start(), start()
    assert first.exec(["sh", "-c", "echo x >>/etc/passwd; rm /etc/group; mkdir /srv/new"]).code == 0
    assert first.read("/etc/passwd").endswith(b"x\n")
    for box in (second, start()):
        assert hashlib.sha256(box.read("/etc/passwd")).hexdigest() == before
        assert box.exec(["ls", "/etc/group"]).code == 0
        assert box.exec(["ls", "/srv/new"]).code != 0
    assert hashlib.sha256((image.rootfs / "etc/passwd").read_bytes()).hexdigest() == before
    assert not (image.rootfs / "srv/new").exists()


def test_files_of_the_tree_have_their_content_and_mode(start: Start) -> None:
    """`tree` is laid over the image before PID 1 starts."""
    tree = FileTree()
    tree.add("/etc/lab/plain", "text\n")
    tree.add("/etc/lab/secret", bytes(range(256)), 0o600)
    tree.script("/etc/lab/deep/er/run", "#!/bin/sh\necho ran\n")
    tree.add("/etc/empty", b"")
    tree.add("/etc/with space $(and) 'more'", "odd")
    tree.symlink("/etc/lab/link", "deep/er/run")
    tree.symlink("/etc/lab/dangling", "/nowhere")
    box = start(["/etc/lab/deep/er/run"], tree)
    box.wait(10)
    assert box.logs() == b"ran\n"
    box = start(tree=tree)
    assert box.read("/etc/lab/plain") == b"text\n"
    assert box.read("/etc/lab/secret") == bytes(range(256))
    assert box.read("/etc/with space $(and) 'more'") == b"odd"
    assert _mode(box, "/etc/lab/plain") == "644 root regular file"
    assert _mode(box, "/etc/lab/secret") == "600 root regular file"
    assert _mode(box, "/etc/lab/deep/er/run") == "755 root regular file"
    assert _mode(box, "/etc/empty") == "644 root regular empty file"
    assert box.exec(["readlink", "/etc/lab/link", "/etc/lab/dangling"]).text == "deep/er/run\n/nowhere"
    assert box.exec(["/etc/lab/link"]).text == "ran"


def test_parents_made_for_the_tree_are_open_and_those_of_the_image_stay_as_they_are(start: Start) -> None:
    """Parent directories are implied; those the image has keep mode, owner and content."""
    tree = FileTree()
    tree.add("/var/tmp/x", "sticky")
    tree.add("/root/.x", "closed")
    tree.add("/opt/new/dir/x", "new")
    tree.add("/var/mail/x", "set-group-ID")
    plain, laid = start(), start(tree=tree)
    for folder in ("/", "/var", "/var/tmp", "/root", "/opt", "/var/mail", "/etc"):
        assert _mode(laid, folder) == _mode(plain, folder), folder
    assert _mode(laid, "/var/tmp") == "1777 root directory"
    assert _mode(laid, "/root") == "700 root directory"
    assert _mode(laid, "/opt/new") == _mode(laid, "/opt/new/dir") == "755 root directory"
    assert laid.exec(["ls", "/etc/passwd"]).code == 0


def test_a_tree_goes_through_the_images_links(start: Start) -> None:
    """/bin is a link to usr/bin in the image and stays one."""
    tree = FileTree()
    tree.script("/bin/hello", "#!/bin/sh\necho hello\n")
    tree.script("/sbin/deep/hello", "#!/bin/sh\necho deep\n")
    box = start(tree=tree)
    assert box.exec(["readlink", "/bin"]).text == "usr/bin"
    assert box.exec(["/usr/bin/hello"]).text == "hello"
    assert box.exec(["hello"]).text == "hello"
    assert box.exec(["/usr/sbin/deep/hello"]).text == "deep"
    assert box.exec(["ls", "/bin/sh"]).code == 0


def test_an_entry_replaces_a_file_or_a_link_of_the_image(start: Start) -> None:
    """A tree laid over the image: the tree's entry is the one seen."""
    tree = FileTree()
    tree.add("/etc/passwd", "root:x:0:0::/root:/bin/sh\n", 0o600)
    tree.add("/etc/os-release", "mine")  # a link in Debian
    tree.symlink("/etc/shells", "passwd")
    box = start(tree=tree)
    assert _mode(box, "/etc/passwd") == "600 root regular file"
    assert _mode(box, "/etc/os-release") == "644 root regular file"
    assert box.read("/etc/os-release") == b"mine"
    assert box.read("/etc/shells") == b"root:x:0:0::/root:/bin/sh\n"
    assert box.read("/usr/lib/os-release") != b"mine"


def test_a_large_tree_is_laid(start: Start) -> None:
    """A tree may hold hundreds of files and some MiB."""
    tree = FileTree()
    for number in range(500):
        tree.add(f"/srv/many/{number % 25}/{number}", f"{number}\n")
    tree.add("/srv/large", b"0123456789abcdef" * 65536 * 4)
    box = start(tree=tree)
    assert box.exec(["sh", "-c", "find /srv/many -type f | wc -l"]).text == "500"
    assert box.exec(["wc", "-c", "/srv/large"]).text.split()[0] == str(4 << 20)


@pytest.mark.parametrize("path", ["/var/run/x", "/var/lock/x"])
def test_a_tree_path_that_leads_under_a_mount_is_refused(start: Start, path: str) -> None:
    """What is laid where the engine mounts something of its own would vanish: refused, naming the path."""
    tree = FileTree()
    tree.add(path, "lost")
    with pytest.raises(SandboxError, match=path) as caught:
        start(tree=tree)
    assert "/run" in str(caught.value)


@pytest.mark.parametrize(("path", "mode"), [("/run", "755"), ("/tmp", "1777")])
def test_run_and_tmp_are_fresh_and_programs_run_from_them(start: Start, path: str, mode: str) -> None:
    """/run and /tmp are fresh tmpfs (programs may be run from them)."""
    box = start()
    assert box.exec(["ls", "-A", path]).text == ""
    assert _mode(box, path) == f"{mode} root directory"
    assert box.exec(["stat", "--file-system", "-c", "%T", path]).text == "tmpfs"
    box.write(f"{path}/program", b"#!/bin/sh\necho ran\n", 0o755)
    assert box.exec([f"{path}/program"]).text == "ran"


@pytest.mark.parametrize(
    ("path", "data", "mode"),
    [
        ("/etc/new", b"text\n", 0o644),
        ("/a/b/c/d", bytes(range(256)) * 100, 0o600),
        ("/run/lab/x", b"", 0o755),
        ("/tmp/-n 'quoted' \"twice\" $HOME", b"x", 0o640),
        ("/dev/shm/x", b"x" * 100_000, 0o644),
    ],
)
def test_a_file_written_is_read_back(box: Sandbox, path: str, data: bytes, mode: int) -> None:
    """Write a file inside, making its parent directories."""
    box.write(path, data, mode)
    assert box.read(path) == data
    assert _mode(box, path).split()[0] == f"{mode:o}"


def test_a_file_written_again_is_replaced(box: Sandbox) -> None:
    """Write a file inside: its whole content and mode are the new ones."""
    box.write("/etc/twice", b"a long first content", 0o755)
    box.write("/etc/twice", b"short", 0o644)
    assert box.read("/etc/twice") == b"short"
    assert _mode(box, "/etc/twice").startswith("644")


@pytest.mark.parametrize(
    ("path", "reason"),
    [("/nope/x", "No such file"), ("/etc", "Is a directory"), ("/etc/passwd/x", "Not a directory")],
)
def test_what_cannot_be_read_is_named(box: Sandbox, path: str, reason: str) -> None:
    """`read` raises `SandboxError` naming the path."""
    with pytest.raises(SandboxError, match=reason) as caught:
        box.read(path)
    assert path in str(caught.value)


@pytest.mark.parametrize("path", ["/etc", "/etc/passwd/x", "/proc/sys/vm/swappiness", "/proc/nope"])
def test_what_cannot_be_written_is_named(box: Sandbox, path: str) -> None:
    """`write` raises `SandboxError` naming the path (no space left, read-only, …)."""
    with pytest.raises(SandboxError) as caught:
        box.write(path, b"0")
    assert path in str(caught.value)


def test_a_full_tmpfs_says_so(start: Start) -> None:
    """`write` raises `SandboxError` naming the path: no space left."""
    box = start()
    assert box.exec(["sh", "-c", "head -c 70000000 /dev/zero >/run/fill"]).code != 0
    with pytest.raises(SandboxError, match=r"/run/x.*No space left"):
        box.write("/run/x", b"x" * 10_000)
