"""The manifest as JSON Schema, for editors and for programs in other languages.

`python -m helpers.manifest.schema` writes `manifest.schema.json` beside this module (or the file it is
given); a test keeps it up to date. What a schema cannot say (names that exist, no cycles) is in `rules.py`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from helpers.manifest.models import Manifest

__all__ = ["SCHEMA_FILE", "json_schema", "schema_text"]

SCHEMA_FILE = Path(__file__).with_name("manifest.schema.json")


def json_schema() -> dict[str, Any]:
    """The schema of a manifest, JSON Schema draft 2020-12."""
    schema = Manifest.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def schema_text() -> str:
    """The content of `manifest.schema.json`."""
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    target = Path(sys.argv[1]) if sys.argv[1:] else SCHEMA_FILE
    target.write_text(schema_text(), encoding="utf-8")
    print(f"written: {target.name}")
