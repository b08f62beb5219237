"""Words of a manifest reach the service as they were written, whatever they hold."""

from __future__ import annotations

import shlex
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.filetree import File
from helpers.inits import registry
from helpers.inits.shell import number
from helpers.manifest import Manifest, Service

# Everything a process can be given: no NUL (execve(2)), no lone surrogate (not UTF-8).
CHARACTERS = st.characters(blacklist_characters="\0", blacklist_categories=("Cs",))
TRICKY = st.sampled_from([*"'\"\\$`*?~#=! \t\n\r-", "", "[a]", "--", "@{x}", "$(x)", "'\"'"])
WORD = st.one_of(st.text(CHARACTERS, max_size=12), st.lists(TRICKY, max_size=6).map("".join))
NAME = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True)


def rendered(init: str, service: Service, path: str) -> bytes:
    entry = registry.get(init).render(Manifest(name="test", services=(service,))).tree[path]
    assert isinstance(entry, File)
    return entry.data


def run(script: bytes) -> list[bytes]:
    done = subprocess.run(["/bin/sh"], input=script, capture_output=True, check=True, timeout=20)
    assert done.stderr == b""
    return done.stdout.split(b"\0")[:-1]


@pytest.mark.parametrize(("init", "path"), [("runit", "/etc/service/a/run"), ("s6", "/etc/s6/service/a/run")])
@settings(max_examples=60, deadline=None)
@given(arguments=st.lists(WORD, min_size=1, max_size=6))
def test_arguments_reach_the_service_through_the_run_script(
    init: str, path: str, arguments: list[str]
) -> None:
    """The rendered script, run by /bin/sh, executes the command with exactly these arguments."""
    service = Service(name="a", command=("/usr/bin/printf", "%s\\0", *arguments))
    assert run(rendered(init, service, path)) == [word.encode() for word in arguments]


@pytest.mark.parametrize(("init", "path"), [("runit", "/etc/service/a/run"), ("s6", "/etc/s6/service/a/run")])
@settings(max_examples=60, deadline=None)
@given(env=st.dictionaries(NAME, WORD, max_size=4))
def test_variables_reach_the_service_through_the_run_script(
    init: str, path: str, env: dict[str, str]
) -> None:
    """Any name, `PATH` and `IFS` too, and any value."""
    service = Service(name="a", command=("/usr/bin/env", "-0"), env=env)
    seen = dict(line.split(b"=", 1) for line in run(rendered(init, service, path)))
    for name, value in env.items():
        if name not in ("PWD", "OLDPWD", "_", "SHLVL"):
            assert seen[name.encode()] == value.encode()


@settings(max_examples=60, deadline=None)
@given(arguments=st.lists(WORD, min_size=1, max_size=6))
def test_arguments_survive_openrcs_evaluation(arguments: list[str]) -> None:
    """OpenRC splits command_args at white space, expands patterns and evaluates what is left."""
    service = Service(name="a", command=("/usr/bin/printf", "%s\\0", *arguments))
    script = rendered("openrc", service, "/etc/init.d/a")
    # supervise-daemon.sh: eval supervise-daemon … $command -- $command_args
    start = b"\neval supervise_daemon $command -- $command_args\n"
    function = b'supervise_daemon() { program=$1; shift 2; exec "$program" "$@"; }\n'
    assert run(function + script + start) == [word.encode() for word in arguments]


@settings(max_examples=60, deadline=None)
@given(env=st.dictionaries(NAME, WORD, max_size=4))
def test_variables_survive_openrcs_evaluation(env: dict[str, str]) -> None:
    """Exported by the script, or handed to supervise-daemon by --env; the script's own settings survive."""
    service = Service(name="a", command=("/usr/bin/env", "-0"), env=env)
    script = rendered("openrc", service, "/etc/init.d/a")
    # In supervise-daemon's place: it sets what --env says in its own environment, on top of the script's.
    put = b"put() { printf '%s\\0' \"$1\"; }\n"
    daemon = b'daemon() { while [ "$1" = --env ]; do put "$2"; shift 2; done; [ "$1" = /usr/bin/env ]; }\n'
    start = (
        b"\neval daemon ${supervise_daemon_args-} $command -- $command_args || exit 3\nexec /usr/bin/env -0\n"
    )
    seen = dict(line.split(b"=", 1) for line in reversed(run(put + daemon + script + start)))
    for name, value in env.items():
        if name not in ("PWD", "OLDPWD", "_", "SHLVL"):
            assert seen[name.encode()] == value.encode()


@settings(max_examples=60, deadline=None)
@given(arguments=st.lists(WORD, min_size=1, max_size=4))
def test_a_readiness_command_gets_its_arguments(arguments: list[str]) -> None:
    """`exec` readiness: the check script hands the words on."""
    from helpers.inits.readiness import check_command
    from helpers.manifest import Exec

    text = check_command(Exec(command=("/usr/bin/printf", "%s\\0", *arguments)))
    assert text is not None
    assert run(text.encode()) == [word.encode() for word in arguments]


@given(st.floats(min_value=0, max_value=3600))
def test_numbers_are_written_as_shells_read_them(value: float) -> None:
    """No exponent, and as exact as a microsecond."""
    text = number(value)
    assert set(text) <= set("0123456789.")
    assert abs(float(text) - value) < 1e-6
    assert shlex.quote(text) == text
