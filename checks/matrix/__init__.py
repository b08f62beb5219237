"""The exercise `p0.matrix`: the learner's columns against the measured matrix."""
