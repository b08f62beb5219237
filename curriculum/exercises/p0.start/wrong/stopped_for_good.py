# hint: asked-politely
# Stops the service with the init's command: it is meant to be down, so nothing brings it back.
lab.stop_service("app")
