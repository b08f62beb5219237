# hint: does-not-run
# Ends with an error of Python's before anything is started: an import is missing.
import sys

child = os.fork()
if child == 0:
    os.execvp(sys.argv[1], sys.argv[1:])
os.wait()
