"""A stack's order, asserted on a recording of its boot: nothing is waited for by sleeping."""

from __future__ import annotations

import pytest

from helpers.engines.base import Image
from helpers.inits import registry
from helpers.lab import Lab
from helpers.probes.connector import refusal

pytestmark = [pytest.mark.live, pytest.mark.timeout(120)]


@pytest.mark.skipif(bool(refusal()), reason=refusal() or "it answers")
@pytest.mark.parametrize("init", registry.names())
def test_each_service_of_the_web_stack_is_executed_when_what_it_needs_is_ready(
    init: str, image: Image
) -> None:
    """`depends_on`: the program itself runs only then; a run script that waits may run before."""
    lab = Lab("web", init=init, image=image)
    found = registry.runnable(init, image, tree=lab.tree())
    if not found.ok:
        pytest.skip(found.reason)
    rec = lab.record()
    with lab:
        lab.ready()
    assert rec.lost == 0
    for needed, program in (("redis", "app exec /usr/bin/python3"), ("app", "nginx exec /usr/sbin/nginx")):
        if "tracing" in rec.source:  # both times are the kernel's
            rec.assert_before(f"{needed} listen", program)
        # The probe is asked now and then: on a busy computer too late to be certain, never to the contrary.
        order = rec.before(f"{needed} ready", program)
        assert order.verdict in ("before", "cannot tell"), order
    assert not rec.before("nginx exec /usr/sbin/nginx", "redis ready")
