"""Write down what a service was given, then stay: argv[1] is the file."""

import json
import os
import resource
import sys
import time

record = {
    "argv": sys.argv[2:],
    "env": dict(os.environ),
    "cwd": os.getcwd(),
    "uid": os.getuid(),
    "groups": os.getgroups(),
    "open_files": resource.getrlimit(resource.RLIMIT_NOFILE)[0],
    "pids": resource.getrlimit(resource.RLIMIT_NPROC)[0],
    "memory": resource.getrlimit(resource.RLIMIT_AS)[0],
    "began": time.time(),
}
with open(sys.argv[1] + ".new", "w") as file:
    json.dump(record, file)
os.rename(sys.argv[1] + ".new", sys.argv[1])
time.sleep(1000)
