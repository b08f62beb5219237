# hint: stays-down
# Tells the supervisor to keep the service down after the first crash, so the crash is final.
lab.sandbox.exec(["sv", "once", "/etc/service/app"])
lab.kill("app")
