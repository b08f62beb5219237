"""SixOS in miniature, from a notebook: a machine that Nix builds from a configuration.

>>> with Machine(WEB) as machine:              # doctest: +SKIP
...     machine.up()
...     machine.configure(WEB.replace("nginx { }", "nginx { port = 8081; }"))
...     print(machine.activate(machine.build()))
"""

from __future__ import annotations

from helpers.six.machine import WEB, Activation, Built, Generation, Machine

__all__ = ["WEB", "Activation", "Built", "Generation", "Machine"]
