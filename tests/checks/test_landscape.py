"""The landscape: every passage says where it was read, and the key of the exercise rests on passages."""

from __future__ import annotations

import re
import tomllib

import pytest

from checks.landscape import CHOICES, KEY
from helpers.course import exercises
from helpers.errors import InitlabError
from helpers.landscape.data import FEATURES, load


def test_every_passage_names_a_repository_a_whole_commit_and_a_path() -> None:
    """A sentence without a commit cannot be checked."""
    repositories = {project.id: project.repository for project in load().projects}
    for one in load().passages.values():
        assert re.fullmatch(r"[0-9a-f]{40}", one.commit), one.id
        assert one.path, one.id
        assert one.repository == repositories[one.project], one.id


def test_the_key_rests_on_passages_of_the_project_that_fill_no_other_cell() -> None:
    """A passage fills one cell at most, the course's own columns among them."""
    used = [one.id for one in load().passages.values() if one.feature]
    for feature, rows in KEY.items():
        assert set(rows) == {project.id for project in load().projects}
        for project, passages in rows.items():
            for id, value in passages.items():
                assert load().passage(id).project == project
                assert value in CHOICES[feature]
                used.append(id)
    assert len(used) == len(set(used))


def test_the_courses_own_columns_are_filled() -> None:
    """Language, configuration and types, for all five."""
    for project in load().projects:
        for feature in FEATURES:
            assert load().value(project.id, feature) is not None, (project.id, feature)


def test_the_starter_has_the_rows_and_columns_of_the_table() -> None:
    """Five of each, empty."""
    starter = exercises.load("p3.landscape").starter
    assert starter is not None
    rows = tomllib.loads(starter)
    assert set(rows) == {project.id for project in load().projects}
    assert all(row == {feature: [] for feature in CHOICES} for row in rows.values())


def test_what_is_not_there_is_told_with_what_is() -> None:
    """A project, a passage."""
    with pytest.raises(InitlabError, match="no project 'runit'"):
        load().of("runit")
    with pytest.raises(InitlabError, match="no passage 'x1'"):
        load().passage("x1")
