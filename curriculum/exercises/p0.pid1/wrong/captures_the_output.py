# hint: output-captured
# Reads what the command prints, and keeps it until the end.
import subprocess
import sys

args = sys.argv[1:]
if args[0] == "-g":
    del args[0]
done = subprocess.run(args, capture_output=True)
sys.stdout.buffer.write(done.stdout)
sys.stderr.buffer.write(done.stderr)
sys.exit(done.returncode)
