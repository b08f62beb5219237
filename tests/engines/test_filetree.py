"""File trees: values, and where their entries go in an image."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from helpers.engines._tree import has_known_format, resolved
from helpers.errors import RenderError, SandboxError
from helpers.filetree import File, FileTree, Symlink


def test_entries_are_kept_by_normalised_path() -> None:
    """Paths are absolute and normalised."""
    tree = FileTree()
    tree.add("/etc//lab/./x", "ü")
    tree.script("//opt/run", "#!/bin/sh\n")
    tree.symlink("/etc/link", "../opt/run")
    assert list(tree) == ["/etc/lab/x", "/etc/link", "/opt/run"]
    assert tree["/etc/lab/x"] == File("ü".encode(), 0o644)
    assert tree["/opt/run"] == File(b"#!/bin/sh\n", 0o755)
    assert tree["/etc/link"] == Symlink("../opt/run")
    assert len(tree) == 3
    assert tree.texts() == {"/etc/lab/x": "ü", "/opt/run": "#!/bin/sh\n"}


@pytest.mark.parametrize("path", ["etc/x", "", "/", "/etc/../x", "/..", "//"])
def test_a_path_that_is_no_absolute_path_inside_is_refused(path: str) -> None:
    """Raises `RenderError` for a relative path, or one holding `..`."""
    with pytest.raises(RenderError, match="not an absolute path"):
        FileTree().add(path, "")


@pytest.mark.parametrize("path", ["/run", "/run/x", "/tmp/a/b", "/proc/x", "/dev/x", "/sys/x"])
def test_a_path_the_engine_mounts_over_is_refused(path: str) -> None:
    """Files laid there would vanish."""
    with pytest.raises(RenderError, match="mounts over"):
        FileTree().add(path, "")
    FileTree().add(path.replace("/", "/x", 1), "")  # /xrun is another name


def test_a_path_cannot_be_a_file_and_a_directory() -> None:
    """Raises `RenderError` for a path that would be both."""
    tree = FileTree()
    tree.add("/etc/a", "")
    with pytest.raises(RenderError, match="/etc/a is both a file and the parent of /etc/a/b"):
        tree.add("/etc/a/b", "")
    tree.add("/srv/c/d", "")
    with pytest.raises(RenderError, match="/srv/c is both a file and a directory"):
        tree.add("/srv/c", "")
    tree.add("/srv/c-d", "")  # a longer name is another name


def test_merging_keeps_the_others_entry_and_both_trees() -> None:
    """A new tree with the entries of both."""
    one, two = FileTree(), FileTree()
    one.add("/a", "1")
    one.add("/b", "1")
    two.add("/b", "2")
    merged = one.merge(two)
    assert merged.texts() == {"/a": "1", "/b": "2"}
    assert one.texts()["/b"] == "1"
    assert list(two) == ["/b"]
    two.add("/a/below", "")
    with pytest.raises(RenderError):
        one.merge(two)


def test_a_tree_written_to_a_folder_is_read_back(tmp_path: Path) -> None:
    """`write_to` and `from_folder`: contents, run bits and links."""
    tree = FileTree()
    tree.add("/etc/x", bytes(range(256)))
    tree.script("/etc/deep/run", "#!/bin/sh\n")
    tree.symlink("/etc/link", "deep/run")
    tree.write_to(tmp_path)
    assert stat.S_IMODE((tmp_path / "etc/deep/run").stat().st_mode) == 0o755
    assert (tmp_path / "etc/link").readlink() == Path("deep/run")
    assert FileTree.from_folder(tmp_path).entries == tree.entries
    assert list(FileTree.from_folder(tmp_path / "etc", at="/opt")) == ["/opt/deep/run", "/opt/link", "/opt/x"]


@pytest.fixture
def rootfs(tmp_path: Path) -> Path:
    """An image's root with Debian's links."""
    (tmp_path / "usr/bin").mkdir(parents=True)
    (tmp_path / "usr/lib").mkdir()
    (tmp_path / "var").mkdir()
    (tmp_path / "bin").symlink_to("usr/bin")
    (tmp_path / "var/run").symlink_to("/run")
    (tmp_path / "loop").symlink_to("/loop2")
    (tmp_path / "loop2").symlink_to("loop")
    (tmp_path / "up").symlink_to("../../..")
    for name, head, mode in (("sh", b"\x7fELF", 0o755), ("text", b"echo", 0o755), ("data", b"echo", 0o644)):
        (tmp_path / "usr/bin" / name).write_bytes(head)
        (tmp_path / "usr/bin" / name).chmod(mode)
    (tmp_path / "usr/bin/dash").symlink_to("sh")
    (tmp_path / "usr/lib/absolute").symlink_to("/bin/text")
    return tmp_path


def test_the_images_links_among_the_parents_are_followed(rootfs: Path) -> None:
    """/bin is usr/bin there; a link that climbs above the root stays at the root."""
    tree = FileTree()
    for path in ("/bin/x", "/bin/new/x", "/up/etc/x", "/bin", "/usr/bin/y"):
        if path != "/bin":
            tree.add(path, path)
    found = {path: entry.text for path, entry in resolved(tree, rootfs).items() if isinstance(entry, File)}
    assert found == {
        "/usr/bin/x": "/bin/x",
        "/usr/bin/new/x": "/bin/new/x",
        "/etc/x": "/up/etc/x",
        "/usr/bin/y": "/usr/bin/y",
    }


def test_a_link_itself_is_replaced_not_followed(rootfs: Path) -> None:
    """The last component is the entry's own."""
    tree = FileTree()
    tree.add("/usr/bin/dash", "mine")
    assert list(resolved(tree, rootfs)) == ["/usr/bin/dash"]


def test_a_path_led_under_a_mount_is_refused_with_both_names(rootfs: Path) -> None:
    """Raises `SandboxError` naming the path."""
    tree = FileTree()
    tree.add("/var/run/lab/x", "")
    with pytest.raises(SandboxError, match=r"/var/run/lab/x leads to /run/lab/x.*mounts over /run"):
        resolved(tree, rootfs)


def test_a_circle_of_links_is_named(rootfs: Path) -> None:
    """As the kernel says it: too many levels of symbolic links."""
    tree = FileTree()
    tree.add("/loop/x", "")
    with pytest.raises(SandboxError, match=r"/loop/x: Too many levels of symbolic links"):
        resolved(tree, rootfs)


@pytest.mark.parametrize(
    ("program", "known"),
    [
        ("/bin/sh", True),
        ("/bin/dash", True),
        ("sh", True),
        ("/bin/text", False),
        ("text", False),
        ("/usr/lib/absolute", False),
        ("./text", False),
        ("/bin/data", True),  # no run bit: the kernel says so itself
        ("/nope", True),  # and that there is none
        ("/tree/script", True),
        ("/tree/plain", False),
        ("/tree/link", False),
        ("/tree/closed", True),
    ],
)
def test_a_format_the_kernel_does_not_know_is_seen(
    rootfs: Path, monkeypatch: pytest.MonkeyPatch, program: str, known: bool
) -> None:
    """ENOEXEC (execve(2)): neither #! nor ELF, in the image or in the tree, through links and PATH."""
    monkeypatch.setattr("helpers.engines._tree._other_formats", lambda: False)
    tree = FileTree()
    tree.script("/tree/script", "#!/bin/sh\n")
    tree.script("/tree/plain", "echo\n")
    tree.add("/tree/closed", "echo\n")
    tree.symlink("/tree/link", "plain")
    entries = resolved(tree, rootfs)
    assert has_known_format(program, "/usr/bin", "/none:/bin", entries, rootfs) is known
