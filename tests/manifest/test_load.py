"""Reading manifests; what is wrong with one is told at once, each line with its place and mend."""

# ruff: noqa: E501 - a message stands on one line, as a person reads it

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.errors import ManifestError
from helpers.manifest import Manifest, Service, Tcp, dumps, from_dict, load, loads, to_dict, validate
from tests.manifest.strategies import manifests

GOOD = """
name = "m"
[[services]]
name = "postgres"
command = ["postgres"]
[[services]]
name = "app"
command = ["app"]
depends_on = ["postgres"]
"""


def problems(text: str, format: str = "toml", folder: Path | None = None) -> list[str]:
    """The lines of the one error that `text` gives, without the name of the source."""
    with pytest.raises(ManifestError) as raised:
        loads(text, format, source="f.toml", folder=folder)  # type: ignore[arg-type]
    lines = raised.value.message.splitlines()
    assert all(line.startswith(("f.toml: ", "    ")) for line in lines)
    assert raised.value.hint
    assert "pydantic" not in str(raised.value)
    assert "http" not in str(raised.value).replace('"http"', "")
    return [line.removeprefix("f.toml: ") for line in lines]


def service(fields: str) -> list[str]:
    """The problems of a manifest with one good-named service that holds `fields` besides."""
    return problems(f'name = "m"\n[[services]]\nname = "a"\n{fields}')


def with_command(fields: str) -> list[str]:
    return service(f'command = ["x"]\n{fields}')


def test_toml_and_json_give_the_same_manifest(tmp_path: Path) -> None:
    """load reads TOML and JSON by the file's suffix."""
    (tmp_path / "m.toml").write_text(GOOD)
    manifest = load(tmp_path / "m.toml")
    (tmp_path / "m.json").write_text(dumps(manifest))
    assert load(tmp_path / "m.json") == manifest
    assert [s.name for s in manifest.services] == ["postgres", "app"]
    assert manifest.service("app").depends_on == ("postgres",)


@given(manifests(), st.booleans())
def test_what_is_written_is_read_back_as_the_same_manifest(manifest: Manifest, defaults: bool) -> None:
    """dumps and loads, to_dict and from_dict are each other's inverse, with and without defaults."""
    assert loads(dumps(manifest, defaults=defaults), "json") == manifest
    assert from_dict(to_dict(manifest, defaults=defaults)) == manifest
    assert validate(manifest) is manifest


def test_writing_leaves_defaults_out_and_keeps_the_kind_of_readiness() -> None:
    """to_dict is as short as the manifest a person would write."""
    manifest = Manifest(name="m", services=(Service(name="a", command=("x",), readiness=Tcp(port=1)),))
    assert to_dict(manifest) == {
        "name": "m",
        "services": [{"name": "a", "command": ["x"], "readiness": {"kind": "tcp", "port": 1}}],
    }


def test_the_format_of_the_messages_is_file_path_what_mend() -> None:
    """`file: services[2].depends_on[0]: no service "pg"; did you mean "postgres"?`"""
    text = GOOD.replace('depends_on = ["postgres"]', 'depends_on = ["pg"]')
    with pytest.raises(ManifestError) as raised:
        loads(text, source="web.toml")
    assert str(raised.value) == (
        'web.toml: services[1].depends_on[0]: no service "pg"; did you mean "postgres"?\n'
        "  next: correct web.toml and load it again"
    )


def test_every_problem_is_told_in_one_error_in_the_order_of_the_services() -> None:
    """Problems of types and of rules come together: a file is mended once."""
    text = """
        name = "m"
        nmae = "x"
        [[services]]
        name = "app"
        command = "run it"
        depends_on = ["redis", "gone"]
        [[services]]
        name = "redis"
        command = ["r"]
        depends_on = ["app"]
        ports = [0, 80]
        [[services]]
        name = "redis"
        kind = "longrn"
    """
    assert problems(text) == [
        'nmae: no such key; did you mean "name"?',
        'services[0].command: must be a list, not the text "run it": write ["run", "it"]',
        "services[0].depends_on[0]: a cycle of dependencies: app → redis → app; remove one of them",
        'services[0].depends_on[1]: no service "gone"; there is "redis"',
        "services[1].ports[0]: the number 0 is out of range; it must be at least 1",
        'services[2].kind: "longrn" is not one of "longrun", "oneshot", "bundle"; did you mean "longrun"?',
        'services[2].name: services[1] is called "redis" too; give each service its own name',
    ]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ('comand = ["x"]', 'services[0].comand: no such key; did you mean "command"?'),
        ('memory = 5', 'services[0].memory: no such key; did you mean "limits.memory"?'),
        ('requires = ["b"]', 'services[0].requires: no such key; did you mean "depends_on"?'),
        ('ExecStart = "x"', 'services[0].ExecStart: no such key; did you mean "command"?'),
        ('environment = {}', 'services[0].environment: no such key; did you mean "env"?'),
        ('[services.log]\nkep = 3', 'services[0].log.kep: no such key; did you mean "keep"?'),
        ('[services.limits]\nzzz = 3', 'services[0].limits.zzz: no such key; there is "memory", "pids", "open_files"'),
        ('readiness = {kind="tcp", port=1, prot=2}', 'services[0].readiness.prot: no such key; did you mean "port"?'),
        ('[services.files]\n"/a" = "b"', 'services[0].files: not a key of a service: write "files" at the top, before the first [[services]]'),
        ('[readiness]\nkind = "fd"', 'readiness: not a key of the manifest: "readiness" belongs to a service, below its [[services]]'),
        ('[environment]\na = "fd"', 'environment: not a key of the manifest: "env" belongs to a service, below its [[services]]'),
    ],
)  # fmt: skip
def test_an_unknown_key_names_the_key_that_was_meant(fields: str, expected: str) -> None:
    """Misspelt keys, other tools' words, and keys that belong elsewhere."""
    assert with_command(fields) == [expected] or service(fields)[0] == expected


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ('description = 3', 'description: must be text, not the number 3: write "3"'),
        ('description = true', 'description: must be text, not true: write "true"'),
        ('description = 2020-01-01', 'description: a date or time; put it in quotes: "2020-01-01"'),
        ('description = "a\\u0000b"', 'description: holds a NUL character, which ends a C string: no program can be given it'),
        ('env = {PORT = 8000}', 'env.PORT: must be text, not the number 8000: write "8000"'),
        ('env = []', 'env: must be a table of keys and values, not an empty list'),
        ('ports = 80', 'ports: must be a list, not the number 80: write [80]'),
        ('ports = ["80"]', 'ports[0]: must be a whole number, not the text "80": write 80 without quotes'),
        ('ports = [8.5]', 'ports[0]: must be a whole number, not the number 8.5'),
        ('ports = [true]', 'ports[0]: must be a whole number, not true'),
        ('depends_on = "b"', 'depends_on: must be a list, not the text "b": write ["b"]'),
        ('stop_grace = "5"', 'stop_grace: must be a number, not the text "5": write 5 without quotes'),
        ('restart = "always"', 'restart: must be a table of keys and values, not the text "always"'),
        ('readiness = 8080', 'readiness: must be a table of keys and values, not the number 8080'),
        ('log = {timestamps = "yes"}', 'log.timestamps: must be true or false, not the text "yes"'),
    ],
)  # fmt: skip
def test_a_value_of_the_wrong_type_is_shown_with_what_to_write(fields: str, expected: str) -> None:
    """Types are strict: what stands there, what belongs there, what to write."""
    assert with_command(fields) == [f"services[0].{expected}"]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ('ports = [70000]', 'ports[0]: the number 70000 is out of range; it must be at most 65535'),
        ('ports = [99999999999999999999999999]', 'ports[0]: the number 999999999999999999999... is out of range; it must be at most 65535'),
        ('stop_grace = 0', 'stop_grace: the number 0 is out of range; it must be more than 0'),
        ('stop_grace = nan', 'stop_grace: the number nan is out of range; it must be at most 3600'),
        ('stop_grace = inf', 'stop_grace: the number inf is out of range; it must be at most 3600'),
        ('limits = {pids = -1}', 'limits.pids: the number -1 is out of range; it must be more than 0'),
        ('readiness = {kind = "fd", fd = 2}', 'readiness.fd: the number 2 is out of range; it must be at least 3'),
        ('readiness = {kind = "tcp"}', 'readiness.port: missing; write port = 8080'),
        ('readiness = {kind = "exec", command = []}', 'readiness.command: empty; write at least one, e.g. command = ["/usr/bin/redis-server"]'),
        ('readiness = {port = 1}', 'readiness.kind: missing; it is one of "fd", "tcp", "http", "exec"'),
        ('readiness = {kind = "htp"}', 'readiness.kind: "htp" is not one of "fd", "tcp", "http", "exec"; did you mean "http"?'),
        ('readiness = {kind = "http", port = 1, path = "health"}', 'readiness.path: "health" is not a path to GET: begin it with / and leave out spaces'),
        ('stop_signal = "SIGTERM"', 'stop_signal: "SIGTERM" is not one of "TERM", "INT", "QUIT", "HUP", "KILL", "USR1", "USR2"; did you mean "TERM"?'),
        ('stop_signal = 15', 'stop_signal: must be one of "TERM", "INT", "QUIT", "HUP", "KILL", "USR1", "USR2", not the number 15'),
        ('cwd = "srv"', 'cwd: "srv" is not an absolute path: begin it with /'),
        ('user = "Root User"', 'user: "Root User" is not a user name: a lower-case letter or _, then lower-case letters, digits, _ and -'),
        ('depends_on = ["a"]', 'depends_on[0]: "a" depends on itself; remove it'),
        ('down = ["x"]', 'down: a longrun has no down command; a oneshot has (kind = "oneshot")'),
        ('env = {"A-B" = "x"}', "env.A-B: a variable's name is letters, digits and _, and does not begin with a digit"),
        ('restart = {delay = 60}', 'restart.max_delay: less than the delay of 60 seconds'),
        ('ports = [80, 80]', 'ports[1]: services[0] listens on 80 too; choose another port'),
    ],
)  # fmt: skip
def test_a_value_that_cannot_be_is_told_with_what_can(fields: str, expected: str) -> None:
    """Ranges, choices, patterns and rules of one service."""
    assert with_command(fields) == [f"services[0].{expected}"]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ("", 'command: a longrun needs a command, e.g. command = ["/usr/bin/redis-server"]'),
        ('kind = "oneshot"', 'command: a oneshot needs a command, e.g. command = ["/usr/bin/redis-server"]'),
        ('command = [""]', "command[0]: the program's name is empty"),
        ('kind = "bundle"', 'depends_on: a bundle holds at least one service; name it in depends_on'),
        ('command = "say \\"it"', 'command: must be a list, not the text "say \\"it": put each word in quotes, between [ and ]'),
    ],
)  # fmt: skip
def test_a_command_must_fit_the_kind_of_service(fields: str, expected: str) -> None:
    """A longrun and a oneshot have a command, a bundle has members."""
    assert service(fields) == [f"services[0].{expected}"]


def test_a_bundle_has_neither_command_nor_readiness() -> None:
    """A bundle is a name for its depends_on."""
    text = GOOD + (
        '[[services]]\nname = "all"\nkind = "bundle"\ndepends_on = ["app"]\ncommand = ["x"]\n'
        'readiness = {kind = "tcp", port = 80}\n'
    )
    assert problems(text) == [
        "services[2].command: a bundle has no command: it is a name for its depends_on",
        "services[2].readiness: a bundle is ready when all in its depends_on are",
    ]


@pytest.mark.parametrize(
    ("name", "better"), [("Web", "web"), ("my app", "my-app"), ("9lives", "lives"), ("a" * 40, "a" * 32)]
)
def test_a_bad_name_is_told_with_a_good_one(name: str, better: str) -> None:
    """What a name is made of, and the nearest one that is."""
    (line,) = problems(GOOD.replace('"m"', f'"{name}"', 1))
    assert line.startswith(f'name: "{name}" is not a name')
    assert line.endswith(f'did you mean "{better}"?')


def test_an_empty_name_is_told_where_it_is_needed() -> None:
    """A service without a name beside one that needs another: both are problems, none an exception."""
    text = GOOD.replace('name = "postgres"', 'name = ""', 1)
    assert problems(text)[1].startswith('services[1].depends_on[0]: no service "postgres"')


def test_a_port_has_one_owner() -> None:
    """Two services that declare one port: the second could not listen."""
    text = GOOD.replace('["postgres"]\n[', '["postgres"]\nports = [80]\n[', 1) + "ports = [81, 80]"
    assert problems(text) == ["services[1].ports[1]: services[0] listens on 80 too; choose another port"]


def test_a_dependency_listed_twice_is_told() -> None:
    """depends_on names each service once."""
    text = GOOD.replace('depends_on = ["postgres"]', 'depends_on = ["postgres", "postgres"]')
    assert problems(text) == ['services[1].depends_on[1]: "postgres" is listed already; remove it']


def test_a_cycle_is_told_as_its_path() -> None:
    """A cycle is reported as its path, at the dependency it begins with."""
    names = ["a", "b", "c", "d"]
    text = 'name = "m"\n' + "".join(
        f'[[services]]\nname = "{name}"\ncommand = ["x"]\ndepends_on = ["{names[i - 3]}"]\n'
        for i, name in enumerate(names)
    )
    assert problems(text) == [
        "services[0].depends_on[0]: a cycle of dependencies: a → b → c → d → a; remove one of them"
    ]


def test_no_name_is_called_missing_while_a_service_has_none() -> None:
    """A service without a usable name may be the one that is missed: better silent than misleading."""
    text = GOOD.replace('name = "postgres"', "name = 7")
    assert problems(text) == ['services[0].name: must be text, not the number 7: write "7"']


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ["name: missing; write name = \"redis\"", "services: missing; write one [[services]] table for each service"]),
        ('name = "m"\nservices = []', ["services: empty; write at least one, e.g. one [[services]] table for each service"]),
        ('name = "m"\nservices = 3', ["services: must be a list, not the number 3: write [3]"]),
        ('name = "m"\nservices = [3]', ["services[0]: must be a table of keys and values, not the number 3"]),
        (GOOD.replace("[[services]]", "[[service]]"), ["service: no such key; write [[services]], with an s"]),
    ],
)  # fmt: skip
def test_a_manifest_without_services_is_told_how_to_write_them(text: str, expected: list[str]) -> None:
    """`[[services]]`, with an s."""
    assert problems(text) == expected


def test_toml_that_is_none_is_pointed_at() -> None:
    """Syntax errors name line and column and show the place."""
    assert problems('name = "m"\n[[services]]\nname = redis\n') == [
        "line 3, column 8: not TOML: invalid value; put text in quotes",
        "    name = redis",
        "           ^",
    ]
    assert problems('name = "m')[0].startswith("line 1, column ")
    assert problems("a = [1,\n2")[0].startswith("line 2, column ")
    assert "cannot overwrite a value" in problems('name = "a"\nname = "b"')[0]


def test_json_that_is_none_is_pointed_at() -> None:
    """Syntax errors name line and column and show the place."""
    assert problems('{\n  "name": m\n}', "json") == [
        "line 2, column 11: not JSON: expecting value",
        '      "name": m',
        "              ^",
    ]
    assert problems("", "json") == ["line 1, column 1: not JSON: expecting value"]


def test_a_very_long_line_is_shown_around_the_mistake() -> None:
    """The caret stays below the place it points at."""
    lines = problems('{"name": "' + "x" * 500 + '", ?', "json")
    assert lines[1][lines[2].index("^")] == "?"
    assert len(lines[1]) < 120


def test_json_keys_written_twice_are_told() -> None:
    """JSON's own reader would keep the last one silently."""
    text = '{"name": "a", "name": "b", "services": [{"name": "x", "command": ["x"], "name": "x"}]}'
    assert problems(text, "json") == [
        "name: written twice in this table; keep one",
        "services[0].name: written twice in this table; keep one",
    ]


@pytest.mark.parametrize("text", ["[]", "3", "null", '"x"'])
def test_json_that_is_no_table_is_told(text: str) -> None:
    """A manifest is a table."""
    assert problems(text, "json") == ["a manifest is a table with the keys name, services and files"]


def test_half_a_surrogate_pair_is_told() -> None:
    """JSON can write what is no character."""
    text = '{"name": "m", "services": [{"name": "a", "command": ["\\ud800"]}]}'
    assert problems(text, "json") == [
        "services[0].command[0]: holds half of a surrogate pair, which is no character"
    ]


@pytest.mark.parametrize(
    ("text", "format"),
    [
        ("a = " + "[" * 5000 + "]" * 5000, "toml"),
        ("[" * 100_000, "json"),
        ('{"a": ' + "[" * 300 + "]" * 300 + "}", "json"),
    ],
)
def test_absurd_nesting_is_told_and_does_not_crash(text: str, format: str) -> None:
    """Neither a parser's recursion limit nor ours shows as a traceback."""
    assert problems(text, format) == ["nested too deeply for a manifest"]


def test_a_number_of_ten_thousand_digits_is_told() -> None:
    """Python refuses to read it; the message names the file."""
    for text, form in (("a = " + "9" * 10_000, "toml"), ('{"a": ' + "9" * 10_000 + "}", "json")):
        (line,) = problems(text, form)
        assert "digits" in line


def test_text_that_is_not_utf_8_is_told_with_its_line(tmp_path: Path) -> None:
    """A file saved in another encoding."""
    (tmp_path / "m.toml").write_bytes('name = "m"\ndescription = "für"'.encode("latin-1"))
    with pytest.raises(ManifestError, match=r"m\.toml: line 2: byte 0xfc is not UTF-8 text"):
        load(tmp_path / "m.toml")


def test_a_byte_order_mark_is_read_over(tmp_path: Path) -> None:
    """Editors of other systems write one."""
    (tmp_path / "m.toml").write_bytes(b"\xef\xbb\xbf" + GOOD.encode())
    assert load(tmp_path / "m.toml").name == "m"


def test_a_file_that_cannot_be_read_is_told_with_the_nearest_name(tmp_path: Path) -> None:
    """No such file, no such folder, a folder, a wrong suffix."""
    (tmp_path / "manifest.toml").write_text(GOOD)
    with pytest.raises(ManifestError, match=r'no such file; did you mean "manifest\.toml"'):
        load(tmp_path / "manfest.toml")
    with pytest.raises(ManifestError, match="no folder"):
        load(tmp_path / "gone" / "manifest.toml")
    with pytest.raises(ManifestError, match="a folder, not a manifest") as raised:
        load(tmp_path)
    assert raised.value.hint == f"load {tmp_path / 'manifest.toml'}"
    with pytest.raises(ManifestError, match=r"ends in \.toml or \.json") as raised:
        load(tmp_path / "manifest.yaml")
    assert raised.value.hint == "rename it to manifest.toml"
    with pytest.raises(ManifestError, match="no format"):
        loads(GOOD, "yaml")  # type: ignore[arg-type]


def test_a_file_without_permission_is_told(tmp_path: Path) -> None:
    """Permission denied, to the file or on the way to it."""
    folder = tmp_path / "closed"
    folder.mkdir()
    (folder / "m.toml").touch()
    before = os.geteuid()
    folder.chmod(0)
    try:
        if before == 0:  # whom no mode of a file keeps out
            os.seteuid(65534)
        for name in ("m.toml", "gone.toml", ""):
            with pytest.raises(ManifestError, match="cannot be read: Permission denied"):
                load(folder / "sub" / name)
    finally:
        os.seteuid(before)
        folder.chmod(0o700)


def test_a_path_that_leads_through_a_file_is_told(tmp_path: Path) -> None:
    """Any error of the file system is ours to tell."""
    loop = tmp_path / "loop.toml"
    loop.symlink_to(loop)
    with pytest.raises(ManifestError, match="cannot be read: Too many levels of symbolic links"):
        load(loop)


def test_files_become_absolute_paths_of_the_host(tmp_path: Path) -> None:
    """`files` values are resolved against the manifest's folder."""
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "a.conf").write_text("x")
    (tmp_path / "m.toml").write_text('files = {"/etc/a.conf" = "conf/a.conf"}\n' + GOOD)
    manifest = load(tmp_path / "m.toml")
    assert manifest.files == {"/etc/a.conf": str((tmp_path / "conf" / "a.conf").resolve())}
    assert from_dict(to_dict(manifest), folder=tmp_path) == manifest
    assert validate(manifest) is manifest


@pytest.mark.parametrize(
    ("inside", "host", "expected"),
    [
        ("/etc/a", "a.cnf", 'files./etc/a: no file "a.cnf"; did you mean "a.conf"?'),
        ("/etc/a", "zzz", 'files./etc/a: no file "zzz"'),
        ("/etc/a", "../outside", "files./etc/a: \"../outside\" lies outside the manifest's folder; copy the file into it"),
        ("/etc/a", "/etc/passwd", "files./etc/a: \"/etc/passwd\" lies outside the manifest's folder; copy the file into it"),
        ("/etc/a", "link", "files./etc/a: \"link\" lies outside the manifest's folder; copy the file into it"),
        ("/etc/a", "folder", 'files./etc/a: "folder" is not a regular file'),
        ("/etc/a", "loop", 'files./etc/a: "loop" is a symbolic link that leads nowhere'),
        ("/run/a", "a.conf", "files./run/a: /run/a lies under /run, which the engine mounts over"),
        ("etc/a", "a.conf", "files.etc/a: 'etc/a' is not an absolute path inside the sandbox"),
        ("/etc/../a", "a.conf", "files./etc/../a: '/etc/../a' is not an absolute path inside the sandbox"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_laid_in_the_lab_is_told(
    tmp_path: Path, inside: str, host: str, expected: str
) -> None:
    """Missing files, paths that leave the folder (by a link as well), places a lab cannot have."""
    folder = tmp_path / "stack"
    (folder / "folder").mkdir(parents=True)
    (folder / "a.conf").touch()
    (tmp_path / "outside").touch()
    (folder / "link").symlink_to("../outside")
    (folder / "loop").symlink_to("loop")
    text = f'files = {{"{inside}" = "{host}"}}\n{GOOD}'
    path = expected.replace(f"files.{inside}:", f'files."{inside}":', 1)
    assert problems(text, folder=folder) == [path]


def test_files_of_the_wrong_type_are_told() -> None:
    """`files` is a table of texts."""
    assert problems(f"files = [1]\n{GOOD}") == ["files: must be a table of keys and values, not a list"]
    assert problems(f'files = {{"/a" = 1}}\n{GOOD}') == [
        'files."/a": must be text, not the number 1: write "1"'
    ]


def test_a_manifest_made_in_python_is_validated_by_the_same_rules() -> None:
    """validate: cycles, unknown names and missing files of a manifest that no file was read for."""
    manifest = Manifest(
        name="m",
        services=(
            Service(name="app", command=("x",), depends_on=("redis",)),
            Service(name="redis", command=("x",), depends_on=("app", "ap")),
        ),
        files={"/etc/a": "a.conf", "/etc/b": "/nowhere/b.conf"},
    )
    with pytest.raises(ManifestError) as raised:
        validate(manifest)
    assert raised.value.message.splitlines() == [
        'manifest m: files."/etc/a": "a.conf" is not an absolute path; a file beside a manifest needs load()',
        'manifest m: files."/etc/b": no file "/nowhere/b.conf"',
        "manifest m: services[0].depends_on[0]: a cycle of dependencies: app → redis → app; remove one of them",
        'manifest m: services[1].depends_on[1]: no service "ap"; did you mean "app"?',
    ]


def test_plain_data_of_other_types_is_told() -> None:
    """from_dict takes what Python holds; what a file cannot hold has no place."""
    with pytest.raises(ManifestError) as raised:
        from_dict({"name": "m", "services": [{"name": "a", "command": [b"x"]}], 3: 4})  # type: ignore[dict-item]
    assert raised.value.message.splitlines() == [
        "manifest: 3: a key must be text",
        "manifest: services[0].command[0]: a Python bytes has no place in a manifest",
    ]
    endless: dict[str, object] = {"name": "m"}
    endless["services"] = endless
    with pytest.raises(ManifestError, match="nested too deeply"):
        from_dict(endless)


_json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text("ab/\0é→.", max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("ab/\0é→.", max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(st.data())
def test_whatever_stands_in_a_field_gives_a_manifest_or_our_error(data: st.DataObject) -> None:
    """No value in any field escapes as another exception, and no message uses pydantic's jargon."""
    keys = list(Service.model_fields)
    broken = {"name": "a", "command": ["x"]}
    broken |= data.draw(st.dictionaries(st.sampled_from(keys), _json_values, max_size=3))
    document = {"name": "m", "services": [broken, {"name": "b", "command": ["x"], "depends_on": ["a"]}]}
    document |= data.draw(
        st.dictionaries(st.sampled_from(["files", "name", "service", "zz"]), _json_values, max_size=1)
    )
    text = json.dumps(document)
    told = ""
    try:
        manifest = loads(text, "json")
        assert loads(dumps(manifest), "json") == manifest
    except ManifestError as error:
        told = error.message
    assert "should" not in told
