"""The exercises `p0.stack-openrc` and `p0.stack-runit`: the web stack under a real init, with faults."""
