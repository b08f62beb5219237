"""SixOS in miniature with sugars of one's own: a word of the configuration orders real services."""

from __future__ import annotations

import pytest

from helpers.engines.base import Image
from helpers.nix.errors import NixError
from helpers.six import Machine

pytestmark = pytest.mark.live

_DEFAULT = """let
  system = import /opt/nix/six { configuration = import ./configuration.nix; inherit (mine.v1) infuse; };
  mine = import /opt/nix/infuse.nix {
    sugars = mine.v1.default-sugars ++ [
      {
        name = "__s6-dependency";
        value = path: name:
          if !(system.targets ? ${name})
          then throw "at path ${builtins.concatStringsSep "." path}: no ${name}"
          else mine.v1.desugar { __output.passthru.after.__append = [ system.targets.${name} ]; };
      }
      {
        name = "__listen";
        value = path: port: mine.v1.desugar { __input.port.__assign = port; };
      }
    ];
  };
in
system
"""
_STACK = """final: [
  {
    targets.redis = _: final.services.redis { };
    targets.stock = _: final.six.mkOneshot {
      name = "stock";
      up = [ "/bin/sh" "-c" "
        for n in 1 2 3 4 5 6 7 8 9; do
            s6-svstat -o up /run/service/redis >/run/redis.was
            grep -q true /run/redis.was && break || sleep 0.2
        done" ];
      passthru.before = [ final.targets.default ];
    };
  }
  { targets.redis.__listen = 7001; EDGE }
]
"""


@pytest.mark.parametrize(
    ("edge", "seen"), [('targets.redis.__s6-dependency = "stock";', "false"), ("", "true")]
)
def test_a_sugar_makes_an_edge_and_without_it_there_is_none(image: Image, edge: str, seen: str) -> None:
    """The oneshot sees redis down where redis has to wait for it, and up where it has not."""
    stack = _STACK.replace("EDGE", edge)
    with Machine(stack, files={"/etc/six/default.nix": _DEFAULT}, image=image) as machine:
        machine.up()
        assert machine.read("/run/redis.was").strip() == seen
        assert machine.sh("redis-cli -p 7001 ping") == "PONG"
        assert ("stock" in machine.sh("s6-rc-db dependencies redis").split()) is bool(edge)
        machine.configure(_STACK.replace("EDGE", 'targets.stock.__s6-dependency = "reddis";'))
        with pytest.raises(NixError, match=r"at path targets\.stock\.__s6-dependency: no reddis"):
            machine.build()
        machine.configure(_STACK.replace("EDGE", "targets.stock.__listen-on = 1;"))
        with pytest.raises(NixError):
            machine.build()
