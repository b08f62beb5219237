"""The exercise `p1.sixos`: SixOS as a graph, and what the source text says of it."""
