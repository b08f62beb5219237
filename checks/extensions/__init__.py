"""The six extensions of the skeleton crate (`labs/supervisor/skeleton`), each asked by what it does.

`part` builds the crate with a learner's file in its place and boots it as PID 1; a module for each of the six
(`logs`, `stopping`, `users`, `limits`, `health`, `reload`) with its hints beside it in `hints`.
"""
