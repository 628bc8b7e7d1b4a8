"""A moto server for the tests: prints its port, and ends when its standard input does.

The tests hold the other end of that pipe, so however they end, the server ends with them.
"""

import logging
import sys

from moto.server import ThreadedMotoServer

# A line for each request is of no use to anyone, nor are the stack traces of what moto can't do (filters by client token): the
# tests see the status 500.
logging.getLogger("werkzeug").setLevel(logging.CRITICAL)
server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()
server.stop()
