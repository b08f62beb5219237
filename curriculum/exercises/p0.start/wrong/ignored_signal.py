# hint: did-not-end
# SIGWINCH does nothing to a process that does not ask for it.
lab.kill("redis", "WINCH")
