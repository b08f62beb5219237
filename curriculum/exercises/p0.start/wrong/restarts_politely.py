# hint: asked-politely
# Asks the init to restart the service. Nothing crashed, so nothing had to be noticed.
lab.restart("app")
lab.wait_restarted("app", 0)
