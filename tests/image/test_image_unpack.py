"""A tar stream becomes the user's own tree, and the other way round."""

from __future__ import annotations

import io
import os
import stat
import tarfile
from pathlib import Path

import pytest

from helpers.errors import ImageError
from helpers.image.unpack import pack, unpack


def member(name: str, kind: bytes = tarfile.REGTYPE, mode: int = 0o644, **more: object) -> tarfile.TarInfo:
    """A tar member."""
    info = tarfile.TarInfo(name)
    info.type, info.mode, info.mtime = kind, mode, 1_700_000_000
    for key, value in more.items():
        setattr(info, key, value)
    return info


def archive(*members: tuple[tarfile.TarInfo, bytes]) -> io.BytesIO:
    """A tar of these members."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for info, data in members:
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    out.seek(0)
    return out


def debian() -> io.BytesIO:
    """The kinds of entries a Debian tree has, as mmdebstrap's archives spell their names."""
    return archive(
        (member("./", tarfile.DIRTYPE, 0o755), b""),
        (member("./dev/", tarfile.DIRTYPE, 0o755), b""),
        (member("./dev/null", tarfile.CHRTYPE, 0o666, devmajor=1, devminor=3), b""),
        (member("./dev/fd", tarfile.SYMTYPE, linkname="/proc/self/fd"), b""),
        (member("./run/", tarfile.DIRTYPE, 0o755), b""),
        (member("./run/lock/", tarfile.DIRTYPE, 0o1777), b""),
        (member("./tmp/", tarfile.DIRTYPE, 0o1777), b""),
        (member("./usr/bin/", tarfile.DIRTYPE, 0o755), b""),
        (member("./usr/bin/su", mode=0o4755), b"#!su"),
        (member("./usr/bin/perl"), b"perl"),
        (member("./usr/bin/perl5", tarfile.LNKTYPE, linkname="./usr/bin/perl"), b""),
        (member("./bin", tarfile.SYMTYPE, linkname="usr/bin"), b""),
        (member("./etc/shadow", mode=0o640, gid=42), b"root"),
        (member("./var/lib/redis/", tarfile.DIRTYPE, 0o550, uid=100, gid=101), b""),
        (member("./var/lib/redis/dump", uid=100, gid=101), b"data"),
    )


@pytest.fixture
def as_user(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unpack as an ordinary user would, whoever runs the tests."""
    monkeypatch.setattr("helpers.image.unpack.os.geteuid", lambda: 1000)


@pytest.mark.usefixtures("as_user")
def test_a_users_tree_is_the_users_and_the_lost_owners_are_told(tmp_path: Path) -> None:
    """Everything is written as the user's; set-id bits are left out; the table tells what was lost."""
    root = tmp_path / "rootfs"
    owners = unpack(debian(), root)
    assert owners == {
        "usr/bin/su": (0, 0, 0o4755),
        "etc/shadow": (0, 42, 0o640),
        "var/lib/redis": (100, 101, 0o550),
        "var/lib/redis/dump": (100, 101, 0o644),
    }
    found = {path.relative_to(root).as_posix(): path.lstat() for path in root.rglob("*")}
    assert {status.st_uid for status in found.values()} == {os.getuid()}
    assert stat.S_IMODE(found["usr/bin/su"].st_mode) == 0o755
    assert stat.S_IMODE(found["tmp"].st_mode) == 0o1777
    assert stat.S_IMODE(found["var/lib/redis"].st_mode) == 0o550
    assert found["usr/bin/perl"].st_ino == found["usr/bin/perl5"].st_ino
    assert (root / "bin").readlink() == Path("usr/bin")
    made_on_the_way = {"usr", "etc", "var", "var/lib"}  # the archive does not name them
    assert {int(found[name].st_mtime) for name in found.keys() - made_on_the_way} == {1_700_000_000}


@pytest.mark.usefixtures("as_user")
def test_nothing_is_unpacked_where_engines_mount(tmp_path: Path) -> None:
    """Device nodes and everything below /dev, /proc, /sys and /run is left out; the folders stay."""
    unpack(debian(), tmp_path / "rootfs")
    for mounted in ("dev", "run"):
        assert list((tmp_path / "rootfs" / mounted).iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: files of other owners")
def test_roots_tree_keeps_its_owners(tmp_path: Path) -> None:
    """As root, owners are kept and the returned table is empty."""
    root = tmp_path / "rootfs"
    assert unpack(debian(), root) == {}
    status = (root / "usr/bin/su").stat()
    assert (status.st_uid, stat.S_IMODE(status.st_mode)) == (0, 0o4755)
    status = (root / "var/lib/redis/dump").stat()
    assert (status.st_uid, status.st_gid) == (100, 101)


@pytest.mark.usefixtures("as_user")
def test_a_packed_tree_has_the_owners_it_was_built_with(tmp_path: Path) -> None:
    """From the table a faithful archive can be made again: what Docker imports."""
    owners = unpack(debian(), tmp_path / "rootfs")
    out = io.BytesIO()
    pack(tmp_path / "rootfs", owners, out)
    out.seek(0)
    with tarfile.open(fileobj=out) as tar:
        packed = {info.name: info for info in tar}
    assert (packed["usr/bin/su"].uid, packed["usr/bin/su"].mode) == (0, 0o4755)
    assert (packed["etc/shadow"].uid, packed["etc/shadow"].gid) == (0, 42)
    assert (packed["usr/bin/perl"].uid, packed["usr/bin/perl"].uname) == (0, "")
    assert packed["usr/bin/perl5"].islnk()
    assert packed["bin"].linkname == "usr/bin"


@pytest.mark.parametrize("name", ["../escape", "usr/../../escape", "/etc/passwd"])
def test_an_entry_outside_of_the_tree_is_refused(tmp_path: Path, name: str) -> None:
    """Nothing is written outside, whatever the archive says."""
    with pytest.raises(ImageError, match="lies outside"):
        unpack(archive((member(name), b"x")), tmp_path / "rootfs")
    assert not (tmp_path / "escape").exists()


def test_an_archive_cut_short_is_told(tmp_path: Path) -> None:
    """Raises `ImageError` when the stream ends inside a file."""
    whole = archive((member("./big"), bytes(100_000))).getvalue()
    with pytest.raises(ImageError, match="archive is broken"):
        unpack(io.BytesIO(whole[:50_000]), tmp_path / "rootfs")
