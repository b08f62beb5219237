"""The mirror comes from the computer's own apt settings, in every form apt allows."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpers.errors import ImageError
from helpers.image.mirror import Mirrors, find_mirrors, source_lines

_DEB822 = """\
# the archive
Types: deb
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb deb-src
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main contrib
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 mQINBGPL0BUBEADmW5NdOOHwPIJlgPu6JDcKw/NZJPR8lsD3K87ZM18gzyQZJD+w
"""


def apt(tmp_path: Path, **files: str) -> Path:
    """An /etc/apt with these files; `_` in a name stands for a dot, `list_` is sources.list itself."""
    (tmp_path / "sources.list.d").mkdir(exist_ok=True)
    for name, text in files.items():
        target = "sources.list" if name == "list_" else f"sources.list.d/{name.replace('_', '.')}"
        (tmp_path / target).write_text(text)
    return tmp_path


def test_deb822_sources_are_read(tmp_path: Path) -> None:
    """Debian 12 and 13 write `.sources` files."""
    found = find_mirrors(apt(tmp_path, debian_sources=_DEB822), {})
    assert found == Mirrors("http://mirror.example/debian", "http://mirror.example/debian-security")


def test_one_line_sources_are_read(tmp_path: Path) -> None:
    """An upgraded computer still has /etc/apt/sources.list."""
    text = """
    # deb http://commented.example/debian trixie main
    deb-src http://sources.example/debian trixie main
    deb [arch=amd64 signed-by=/k.gpg] http://mirror.example/debian/ trixie main contrib # inline
    deb http://security.example/sec trixie-security main
    """
    found = find_mirrors(apt(tmp_path, list_=text), {})
    assert found == Mirrors("http://mirror.example/debian/", "http://security.example/sec")


def test_other_peoples_archives_are_not_debian(tmp_path: Path) -> None:
    """Third parties and other distributions in sources.list.d are left alone."""
    files = {
        "a_list": "deb http://third.example/apt nightly main\ndeb http://other.example/node nodistro main",
        "b_list": "deb http://ubuntu.example/ubuntu noble main",
        "c_sources": _DEB822.replace("Types: deb\n", "Enabled: no\nTypes: deb\n"),
    }
    found_apt = apt(tmp_path, **files)
    with pytest.raises(ImageError, match="name no Debian mirror") as caught:
        find_mirrors(found_apt, {})
    assert "INITLAB_DEBIAN_MIRROR=" in caught.value.hint


def test_a_mirror_list_file_is_resolved(tmp_path: Path) -> None:
    """Debian's cloud images name a local list of mirrors, which a chroot cannot see."""
    listing = tmp_path / "mirrors.list"
    listing.write_text("# ours\nhttps://first.example/debian\tpriority:1\nhttps://second.example/debian\n")
    text = f"deb mirror+file:{listing} trixie main"
    assert find_mirrors(apt(tmp_path, list_=text), {}).main == "https://first.example/debian"


def test_media_that_cannot_be_fetched_from_are_passed_over(tmp_path: Path) -> None:
    """A computer installed from a disc lists it first."""
    text = "deb cdrom:[Debian 13]/ trixie main\ndeb http://mirror.example/debian trixie main"
    assert find_mirrors(apt(tmp_path, list_=text), {}).main == "http://mirror.example/debian"


def test_the_environment_names_a_mirror_off_debian(tmp_path: Path) -> None:
    """INITLAB_DEBIAN_MIRROR wins over apt's settings and needs none."""
    environment = {"INITLAB_DEBIAN_MIRROR": "http://named.example/debian"}
    assert find_mirrors(tmp_path / "nowhere", environment) == Mirrors("http://named.example/debian")
    environment["INITLAB_DEBIAN_SECURITY_MIRROR"] = "http://named.example/security"
    assert find_mirrors(tmp_path, environment).security == "http://named.example/security"


def test_an_address_that_is_none_is_told(tmp_path: Path) -> None:
    """Bad input: one clear message naming the object and the next command."""
    with pytest.raises(ImageError, match=r"INITLAB_DEBIAN_MIRROR: 'mirror\.example'"):
        find_mirrors(tmp_path, {"INITLAB_DEBIAN_MIRROR": "mirror.example"})


def test_security_updates_are_taken_where_the_computer_takes_them(tmp_path: Path) -> None:
    """A computer set up without a security mirror gets none in the image either."""
    key = tmp_path / "key.gpg"
    key.touch()
    with_security = source_lines(Mirrors("http://m/debian", "http://s/sec"), "trixie", ["main"], key)
    assert with_security == [
        f"deb [signed-by={key}] http://m/debian trixie main",
        f"deb [signed-by={key}] http://m/debian trixie-updates main",
        f"deb [signed-by={key}] http://s/sec trixie-security main",
    ]
    without = source_lines(Mirrors("http://m/debian"), "trixie", ["main"], tmp_path / "absent.gpg")
    assert without == ["deb http://m/debian trixie main", "deb http://m/debian trixie-updates main"]
