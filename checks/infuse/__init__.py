"""The exercise `p1.infuse`: infuse as a learner writes it, asked beside the real one."""
