"""What the notebooks of phase 3 show of the course's own crates: built ahead, it goes into a pack.

The changes are those that notebooks 06 and 07 make in their cells, text for text: a program is found by the
digest of what it is made from.
"""

from __future__ import annotations

from collections.abc import Iterator

from helpers.rust.crates import Crate

__all__ = ["shown"]

_BOXED = ("self.start(&needed).await?", "Box::pin(self.start(&needed)).await?")
_TABLE = (
    "let services: Vec<Service> = toml::from_str(&std::fs::read_to_string(path)?)?;",
    """#[derive(Deserialize)]
        struct Manifest { service: Vec<Service> }
        let text = std::fs::read_to_string(path)?;
        let Manifest { service: services } = toml::from_str(&text)?;""",
)
_BLOCKING = ("        sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::empty()), None)?;\n", "")


def shown() -> Iterator[tuple[Crate, str]]:
    """Each crate as it is shown, and the profile it is built with."""
    yield Crate.of("supervisor-rs"), "release"
    listing = Crate.of("listing")
    boxed = _with(listing, "src/main.rs", _BOXED)
    yield listing, "dev"
    yield boxed, "dev"
    yield _with(boxed, "src/main.rs", _TABLE), "dev"
    skeleton = Crate.of("skeleton")
    yield skeleton, "dev"
    yield _with(skeleton, "src/children.rs", _BLOCKING), "dev"


def _with(crate: Crate, path: str, change: tuple[str, str]) -> Crate:
    return crate.changed(path, crate.text(path).replace(*change))
