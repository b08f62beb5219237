"""Random graphs and manifests."""

from __future__ import annotations

from hypothesis import strategies as st

from helpers.manifest import Exec, Fd, Http, Limits, Log, Manifest, Readiness, Restart, Service, Tcp

NAMES = [f"s{i}" for i in range(14)]


@st.composite
def dags(draw: st.DrawFn, most: int = len(NAMES)) -> dict[str, list[str]]:
    """A graph without cycles, its names in any written order."""
    names = NAMES[: draw(st.integers(1, most))]
    needs = {
        name: draw(st.lists(st.sampled_from(names[:i]), unique=True)) if i else []
        for i, name in enumerate(names)
    }
    return {name: needs[name] for name in draw(st.permutations(names))}


@st.composite
def graphs(draw: st.DrawFn) -> dict[str, list[str]]:
    """Any graph: cycles, dependencies on itself, islands."""
    names = NAMES[: draw(st.integers(1, 8))]
    return {name: draw(st.lists(st.sampled_from(names), unique=True, max_size=3)) for name in names}


# Characters that mean something to a shell, to TOML or to JSON, and some that are long in UTF-8.
words = st.text("ab 'Z\"\\$`\n#=;→é😀", min_size=1, max_size=6)
seconds = st.floats(0.01, 3600, allow_nan=False)
ports = st.integers(1, 65535)


def readinesses() -> st.SearchStrategy[Readiness | None]:
    """Every kind of readiness, with and without its defaults."""
    return st.one_of(
        st.none(),
        st.builds(Fd),
        st.builds(Fd, fd=st.integers(3, 9), timeout=seconds),
        st.builds(Tcp, port=ports),
        st.builds(Http, port=ports, path=st.sampled_from(["/", "/health?x=1"])),
        st.builds(Exec, command=st.tuples(words, words)),
    )


@st.composite
def manifests(draw: st.DrawFn) -> Manifest:
    """A valid manifest without files."""
    graph = draw(dags(6))
    each = {name: draw(st.integers(1, 3)) for name in graph}
    services = []
    for i, (name, needs) in enumerate(graph.items()):
        kind = draw(st.sampled_from(["longrun", "oneshot", "bundle"] if needs else ["longrun", "oneshot"]))
        if kind == "bundle":
            services.append(Service(name=name, kind="bundle", depends_on=tuple(needs)))
            continue
        services.append(
            Service(
                name=name,
                kind="oneshot" if kind == "oneshot" else "longrun",
                description=draw(st.sampled_from(["", 'says "hello" → ü'])),
                command=tuple(draw(st.lists(words, min_size=1, max_size=3))),
                down=("/bin/true",) if kind == "oneshot" and draw(st.booleans()) else (),
                env=draw(st.dictionaries(st.sampled_from(["PORT", "_x", "a1"]), words)),
                user=draw(st.sampled_from([None, "redis", "_apt"])),
                depends_on=tuple(needs),
                readiness=draw(readinesses()),
                restart=draw(st.sampled_from([Restart(), Restart(policy="never", delay=2.5, max_delay=9)])),
                limits=draw(st.sampled_from([Limits(), Limits(memory=2**40, pids=1)])),
                log=draw(st.sampled_from([Log(), Log(keep=1, timestamps=False)])),
                stop_signal=draw(st.sampled_from(["TERM", "QUIT"])),
                stop_grace=draw(seconds),
                ports=tuple(1000 + 10 * i + j for j in range(each[name] - 1)),
            )
        )
    return Manifest(name="random", services=tuple(services))
