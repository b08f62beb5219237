# hint: did-not-end
# SIGSTOP freezes the process; it does not end it, and the supervisor sees a living child.
lab.kill("app", "STOP")
