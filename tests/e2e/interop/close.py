# Drives Python's `websockets`: opens a socket, says what it is told to, and prints how the socket was closed.
import json
import sys

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

url, options = sys.argv[1:]
told = json.loads(options)
socket = connect(url, additional_headers=told["headers"], open_timeout=20, close_timeout=20)
socket.recv(timeout=20)
if told["hello"]:
    socket.send(told["hello"])
    socket.recv(timeout=20)
if told["frame"]:
    # As it is, whatever the library thinks of it.
    socket.socket.sendall(bytes(told["frame"]))
elif told["close"]:
    socket.close(told["close"], "bye")
else:
    socket.close()
try:
    while True:
        socket.recv(timeout=20)
except ConnectionClosed as closed:
    said = closed.rcvd
    print(json.dumps({"code": said.code if said else 1006, "reason": said.reason if said else ""}))
