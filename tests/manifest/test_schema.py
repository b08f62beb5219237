"""The JSON Schema: up to date, and in agreement with `load`."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import helpers.manifest
from helpers.errors import ManifestError
from helpers.manifest import from_dict, json_schema
from helpers.manifest.schema import SCHEMA_FILE, schema_text

WEB = Path(__file__).parents[2] / "labs" / "stacks" / "web" / "manifest.toml"


@pytest.fixture
def web() -> dict[str, Any]:
    return tomllib.loads(WEB.read_text())


def test_the_committed_schema_is_up_to_date() -> None:
    """`python -m helpers.manifest.schema` writes it; run it after a change of the model."""
    assert SCHEMA_FILE.read_text(encoding="utf-8") == schema_text()


def test_the_module_writes_the_schema(tmp_path: Path) -> None:
    """The command that the message above names works, and warns of nothing."""
    target = tmp_path / "s.json"
    command = [sys.executable, "-W", "error", "-m", "helpers.manifest.schema", str(target)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "written: s.json\n", "")
    assert target.read_text(encoding="utf-8") == schema_text()


def test_the_schema_is_one_and_accepts_the_web_stack(web: dict[str, Any]) -> None:
    """Editors that know the schema find no fault with our own stack."""
    jsonschema.Draft202012Validator.check_schema(json_schema())
    jsonschema.validate(web, json.loads(SCHEMA_FILE.read_text(encoding="utf-8")))


@pytest.mark.parametrize(
    ("where", "key", "value"),
    [
        ([], "nmae", "x"),
        ([], "services", []),
        (["services", 0], "kind", "longrn"),
        (["services", 0], "name", "Redis"),
        (["services", 0], "ports", [0]),
        (["services", 0], "command", "x"),
        (["services", 1, "readiness"], "kind", "htp"),
        (["services", 1, "readiness"], "port", "8000"),
        (["services", 1], "env", {"PORT": 8000}),
    ],
)
def test_the_schema_and_load_reject_alike(
    web: dict[str, Any], where: list[Any], key: str, value: Any
) -> None:
    """Types, ranges, choices and unknown keys are in the schema as well."""
    broken = copy.deepcopy(web)
    part: Any = broken
    for step in where:
        part = part[step]
    part[key] = value
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(broken, json_schema())
    with pytest.raises(ManifestError):
        from_dict(broken, folder=WEB.parent)


def test_every_field_is_described() -> None:
    """An editor shows the description of the field under the cursor."""
    definitions = json_schema()["$defs"]
    bare = {"kind", "name", "description", "restart", "limits", "log"}  # said by their type's description
    for title, definition in definitions.items():
        for name, field in definition["properties"].items():
            assert "description" in field or name in bare, f"{title}.{name}"


def test_every_public_name_is_there() -> None:
    """`__all__` holds names that can be imported."""
    for name in helpers.manifest.__all__:
        assert getattr(helpers.manifest, name)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        helpers.manifest.nothing  # noqa: B018
