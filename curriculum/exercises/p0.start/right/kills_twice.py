# Killed twice in a row: the second restart is held back for a second, and still counts.
lab.wait_restarted("app", lab.kill("app"))
lab.wait_restarted("app", lab.kill("app"))
