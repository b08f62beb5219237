# Any service and any signal that ends it will do.
old = lab.kill("redis", "TERM")
lab.wait_restarted("redis", old)
