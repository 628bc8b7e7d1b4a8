"""A moto server for the Rust tests. Prints its port, and ends when its standard input is closed.

The tests hold the other end of that pipe, so the server never outlives them.
"""

import logging
import sys

from moto.ec2.utils import filter_dict_attribute_mapping
from moto.server import ThreadedMotoServer

# moto keeps the client token of an instance, but has no filter by it.
filter_dict_attribute_mapping["client-token"] = "client_token"

# No access log, and no stack traces of what moto lacks: tests see a 500.
logging.getLogger("werkzeug").setLevel(logging.CRITICAL)
server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()
server.stop()
