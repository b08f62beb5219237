"""Whether what a page points to is there: relative links, and paths of the repository named in the text."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote

from helpers.course.curriculum import Curriculum, NotebookSource

__all__ = ["in_page", "in_source"]

# [text](target), ![alt](target "title"); the target may stand in <>.
_LINK = re.compile(r"!?\[[^\]]*\]\(\s*<?([^)\s>]+)>?(?:\s+[\"'][^)]*)?\)")
_CODE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
_FENCED = re.compile(r"^(```+|~~~+).*?^\1[`~]*\s*$", re.MULTILINE | re.DOTALL)
_PATH = re.compile(r"[\w.-]+(?:/[\w.-]+)+/?")
_PLACEHOLDER = re.compile(r"phaseN|\bNN\b")  # `curriculum/sources/phaseN/NN-name.md` stands for many
_ELSEWHERE = re.compile(r"[a-z][a-z0-9+.-]*:|#", re.IGNORECASE)


def in_source(source: NotebookSource, curriculum: Curriculum) -> list[str]:
    """What is wrong with the links of a notebook, a sentence each with `file:line`.

    Learners read it in their workspace: a relative link may lead to another notebook only.
    """
    notebooks = {curriculum.learner(other.name).resolve() for other in curriculum.notebooks()}
    text = source.text()
    problems = []
    for line, target in _links(text):
        if (curriculum.learner(source.name).parent / target).resolve() not in notebooks:
            problems.append(f"{source.path}:{line}: {target} is no notebook a learner gets")
    return problems + _paths(source.path, text, curriculum.root.parent)


def in_page(page: Path, root: Path) -> list[str]:
    """What is wrong with the links of a page of the repository at `root`."""
    text = page.read_text(encoding="utf-8")
    problems = [
        f"{page}:{line}: {target} does not exist"
        for line, target in _links(text)
        if not (page.parent / target).exists()
    ]
    return problems + _paths(page, text, root)


def _links(text: str) -> list[tuple[int, str]]:
    """Relative link targets with their line; not those in code, nor to the web, nor within the page."""
    shown = _CODE.sub(_blank, _FENCED.sub(_blank, text))
    return [
        (_line(text, found.start()), unquote(found[1].split("#")[0]))
        for found in _LINK.finditer(shown)
        if not _ELSEWHERE.match(found[1])
    ]


def _paths(page: Path, text: str, root: Path) -> list[str]:
    """Paths in backticks that begin with a folder of the repository and are not there."""
    shown = _FENCED.sub(_blank, text)
    return [
        f"{page}:{_line(text, found.start())}: `{found[1]}` does not exist"
        for found in _CODE.finditer(shown)
        if _PATH.fullmatch(found[1])
        and (root / found[1].split("/")[0]).is_dir()
        and not found[1].startswith("build/")
        and not _PLACEHOLDER.search(found[1])
        and not (root / found[1]).exists()
    ]


def _blank(found: re.Match[str]) -> str:
    """As long and with the same line ends, so that positions stay."""
    return re.sub(r"[^\n]", " ", found[0])


def _line(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1
