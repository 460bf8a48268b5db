"""Python's socket.getaddrinfo: that of the libc that the interpreter is linked with."""
import json
import socket
import sys
import time

for name in sys.argv[1:]:
    started = time.monotonic()
    addresses, error = [], ""
    try:
        found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
        addresses = [address[0] for *_, address in found]
    except OSError as failure:
        error = str(failure)
    ms = (time.monotonic() - started) * 1000
    print(json.dumps({"name": name, "ms": ms, "addresses": addresses, "error": error}), flush=True)
