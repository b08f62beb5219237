"""What a PID 1 must do, asked of it from outside.

`first` is the exercise `p0.pid1`: its behaviours, with their hints in `first_hints`. `box` is the sandbox a
program runs in as PID 1, and what can be seen of it.
"""
