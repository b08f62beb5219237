"""What faults decide before they touch a lab: conditions, readers, files."""

from __future__ import annotations

import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.errors import FaultError
from helpers.faults.config import config_files, definition_files
from helpers.faults.logs import choose_reader, socket_peer
from helpers.faults.programs import Program, condition, front_script
from helpers.inits import registry
from helpers.lab import STACKS
from helpers.manifest import Manifest, load
from helpers.manifest.models import Service

WORDS = st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), max_size=12)
NAMES = st.sampled_from(["A", "LISTEN", "app_mode", "B1"])


def manifest(*services: Service) -> Manifest:
    return Manifest(name="m", services=services)


def service(name: str, *command: str, **env: str) -> Service:
    return Service(name=name, command=command or ("/bin/x",), env=env)


def holds(test: str, args: list[str], env: dict[str, str]) -> bool:
    return subprocess.run(["/bin/sh", "-c", test, "sh", *args], env=env, timeout=20).returncode == 0


@settings(max_examples=40)
@given(st.lists(WORDS, max_size=11), st.dictionaries(NAMES, WORDS, max_size=3), st.lists(WORDS, max_size=3))
def test_a_service_is_known_by_its_exact_words_and_variables(
    args: list[str], env: dict[str, str], other: list[str]
) -> None:
    """The condition holds for the service's command line and environment, whatever characters are in them,
    and for no other command line or value."""
    one = Service(name="one", command=("/bin/x", *args), env=env)
    test = condition(one, manifest(one))
    assert holds(test, args, {**env, "OTHER": "x"})
    assert holds(test, other, env) == (other == args)
    for name in env:
        assert not holds(test, args, {**env, name: env[name] + "x"})


def test_services_with_one_program_are_told_apart_by_arguments_or_variables() -> None:
    """Each condition holds for its own service alone, also where the other has more variables."""
    plain, more = service("plain", "/bin/x", "a"), service("more", "/bin/x", "a", MODE="2")
    both = manifest(plain, more, service("else", "/bin/x", "b"))
    assert holds(condition(plain, both), ["a"], {})
    assert not holds(condition(plain, both), ["a"], {"MODE": "2"})
    assert holds(condition(more, both), ["a"], {"MODE": "2"})
    assert not holds(condition(more, both), ["a"], {})


def test_services_that_are_the_same_in_both_are_refused() -> None:
    """Nothing would tell them apart: the error names both and the mend."""
    both = manifest(service("one", "/bin/x", "a"), service("two", "/bin/x", "a"))
    with pytest.raises(FaultError, match=r"one and two have the same command.*\n.*env = "):
        condition(both.services[0], both)


def test_the_interpreter_of_a_script_is_told_the_script() -> None:
    """What stands before the service's own arguments counts as well."""
    one = service("one", "/opt/script", "a")
    test = condition(one, manifest(one), ("-e", "/opt/script"))
    assert holds(test, ["-e", "/opt/script", "a"], {})
    assert not holds(test, ["a"], {})


def test_the_script_in_front_is_valid_and_lets_everybody_else_through() -> None:
    """For a stranger's command line it becomes the program, with the name and arguments it was given."""
    one = service("one", "/bin/x", "it's")
    program = Program("/tmp/no", "sh", "/bin/dash", "/usr/bin/python3", "/bin/bash -p")
    text = front_script(program, {"one": (condition(one, manifest(one)), one.command, ("--never-ready",))})
    assert text.startswith("#!/bin/bash -p\n")
    assert text.endswith('exec -a "$0" /tmp/no/.initlab/real/sh "$@"\n')
    assert "--name one --never-ready --program /tmp/no/.initlab/real/sh -- /bin/x " in text
    here = text.replace(program.real, "/bin/sh")
    argv = ["/bin/bash", "-pc", here, "called", "-c", "tr '\\0' ' ' </proc/$$/cmdline"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=20)
    assert done.stdout.startswith("called -c tr")


def test_the_reader_of_a_log_is_the_logger_and_not_who_keeps_the_pipe() -> None:
    """From who has the pipe open: runsv holds both ends, s6-supervise lends its input, a FIFO may be open
    both ways, supervisord reads many."""
    runit = [(5, 4, 0), (5, 5, 1), (6, 0, 0), (9, 1, 1), (9, 2, 1)]
    assert choose_reader([tuple(end) for end in runit], {6: 5, 9: 5}) == 6
    s6 = [(1, 7, 0), (1, 8, 1), (20, 0, 0), (21, 0, 0), (30, 1, 1)]
    assert choose_reader(list(s6), {20: 1, 21: 20, 30: 19}) == 21
    fifo = [(30, 0, 2), (62, 1, 2), (62, 2, 2)]
    assert choose_reader(list(fifo), {30: 13, 62: 15}) == 30
    assert choose_reader([(1, 9, 0), (7, 1, 1)], {7: 1}) == 1
    assert choose_reader([(7, 1, 1)], {7: 1}) is None


def test_the_other_end_of_a_socket_is_found_by_its_inode() -> None:
    """`ss -xapH` has both inodes in each line."""
    listing = (
        'u_str ESTAB 0 0 * 501 * 777 users:(("app",pid=9,fd=1),("app",pid=9,fd=2))\n'
        'u_str ESTAB 0 0 /run/systemd/journal/stdout 777 * 501 users:(("systemd-journal",pid=31,fd=12))\n'
        "u_str LISTEN 0 4096 /run/x 800 * 0\n"
    )
    assert socket_peer(listing, "501") == 31
    assert socket_peer(listing, "502") is None


def test_config_is_what_the_command_names_of_the_manifests_files() -> None:
    """nginx's and redis's configuration, the app's program; nothing where no file is named."""
    web = load(STACKS / "web" / "manifest.toml")
    found = {one.name: config_files(web, one) for one in web.services}
    assert found == {
        "redis": ["/opt/lab/redis.conf"],
        "app": ["/opt/lab/app.py"],
        "nginx": ["/opt/lab/nginx.conf"],
    }
    assert config_files(web, service("x", "/opt/lab/app.py", "--conf=/opt/lab/redis.conf")) == [
        "/opt/lab/redis.conf"
    ]


@pytest.mark.parametrize("init", registry.names())
def test_the_definition_is_the_files_that_hold_the_services_command(init: str) -> None:
    """Under each init at least one file, among them one that names the service's program; nobody else's, but
    where one file is the definition of all."""
    web = load(STACKS / "web" / "manifest.toml")
    tree = registry.get(init).render(web).tree
    found = {one.name: definition_files(registry.get(init), web, one) for one in web.services}
    for one in web.services:
        assert found[one.name]
        assert any(one.command[1] in tree.texts()[path] for path in found[one.name])
    shared = set(found["redis"]) & set(found["nginx"])
    assert shared == ({"/etc/supervisor/manifest.json"} if init == "supervisor-rs" else set())
