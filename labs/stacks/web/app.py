"""The app of the web stack: it counts visits in redis and tells them as JSON.

A service that is easy to supervise: it stays in the foreground, logs one JSON object per line to standard
output, says when it is ready, answers a health check honestly, and ends soon after SIGTERM.
"""

import errno
import json
import os
import signal
import socket
import threading
import time

PATIENCE = 1.0  # seconds to wait for a peer: redis, or a client


def log(level, event, **fields):
    """One line, one write(2): lines of several threads never mix (pipe(7): up to PIPE_BUF bytes)."""
    now = time.time()
    ts = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{now % 1 * 1000:03.0f}Z"
    line = {"ts": ts, "level": level, "event": event, **fields, "pid": os.getpid()}
    os.write(1, (json.dumps(line) + "\n").encode())


def address(text):
    host, port = text.rsplit(":", 1)
    return host, int(port)


def encode(*words):
    """A command as redis reads it: https://redis.io/docs/latest/develop/reference/protocol-spec/."""
    parts = [b"*%d\r\n" % len(words)]
    for word in map(str.encode, words):
        parts.append(b"$%d\r\n%s\r\n" % (len(word), word))
    return b"".join(parts)


def decode(reply):
    """The first line of a reply: +text, :integer, or -error (raised). The app asks for nothing longer."""
    kind, rest = reply[:1], reply[1:].rstrip(b"\r\n").decode()
    if kind == b":":
        return int(rest)
    if kind == b"+":
        return rest
    raise OSError(rest if kind == b"-" else "no answer")


def redis(*words):
    """Ask redis one thing. A new connection each time: a restarted redis needs no special care."""
    with socket.create_connection(address(os.environ.get("REDIS", "127.0.0.1:6379")), PATIENCE) as conn:
        conn.sendall(encode(*words))
        return decode(conn.makefile("rb").readline())


def answer(method, path):
    """The status and the body for a request."""
    if path not in ("/", "/health"):
        return 404, {"error": "no such page"}
    if method not in ("GET", "HEAD"):
        return 405, {"error": "only GET and HEAD"}
    try:
        if path == "/health":
            return 200, {"redis": redis("PING")}
        return 200, {"hits": redis("INCR", "hits"), "pid": os.getpid()}
    except OSError as error:
        return 503, {"error": f"redis: {error.strerror or error}"}


def serve(conn):
    """Read one request, answer it, log it."""
    conn.settimeout(PATIENCE)
    start = time.monotonic()
    try:
        with conn, conn.makefile("rb") as request:
            method, path, _ = request.readline(4096).decode("latin-1").split(" ")
            while request.readline(4096).strip():
                pass  # headers: none matters here
            status, body = answer(method, path.partition("?")[0])
            data = json.dumps(body).encode() + b"\n"
            head = f"HTTP/1.1 {status} {REASONS[status]}\r\nContent-Type: application/json\r\n"
            head += f"Content-Length: {len(data)}\r\nConnection: close\r\n\r\n"
            conn.sendall(head.encode() + (data if method != "HEAD" else b""))
            ms = round((time.monotonic() - start) * 1000, 1)
            level = "info" if status < 500 else "error"
            log(level, "request", method=method, path=path[:200], status=status, ms=ms)
            conn.shutdown(socket.SHUT_WR)
            while request.read1(65536):
                pass  # a close with unread input resets the connection, and the answer may be lost with it
    except (OSError, ValueError):
        pass  # a probe that only connects, or a client that went away


REASONS = {200: "OK", 404: "Not Found", 405: "Method Not Allowed", 503: "Service Unavailable"}


def accept(listener):
    """A thread for each client, so that a slow one keeps nobody waiting."""
    try:
        while True:
            conn, _ = listener.accept()
            threading.Thread(target=serve, args=(conn,), daemon=False).start()
    except (OSError, RuntimeError) as error:
        if getattr(error, "errno", 0) != errno.EINVAL:  # EINVAL: main has shut the listener down
            log("error", "accept", error=str(error))
            os._exit(1)  # a service that cannot serve ends, and its supervisor starts it again


def main():
    # SIGTERM is waited for, not handled: no request is interrupted, and as PID 1 it works the same.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    host, port = address(os.environ.get("LISTEN", "127.0.0.1:8000"))
    listener = socket.create_server((host, port), backlog=64)
    threading.Thread(target=accept, args=(listener,), daemon=True).start()
    log("info", "listening", address=f"{host}:{port}")
    if "NOTIFY_FD" in os.environ:
        # One newline, then the descriptor is closed: https://skarnet.org/software/s6/notifywhenup.html
        with open(int(os.environ["NOTIFY_FD"]), "w") as ready:
            ready.write("\n")
    signal.sigwait({signal.SIGTERM})
    listener.shutdown(socket.SHUT_RDWR)
    log("info", "stopping")
    # The interpreter now waits for the threads: requests that are being answered get their answer.


if __name__ == "__main__":
    main()
