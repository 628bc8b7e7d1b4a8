"""A moto server for the Rust tests. Prints its port, and ends when its standard input is closed.

The tests hold the other end of that pipe, so the server never outlives them.
"""

import logging
import sys

from moto.server import ThreadedMotoServer

# No access log, and no stack traces of what moto lacks (filters by client token): tests see a 500.
logging.getLogger("werkzeug").setLevel(logging.CRITICAL)
server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()
server.stop()
