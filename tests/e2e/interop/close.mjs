// Drives Node's `ws`: opens a socket, says what it is told to, and prints how the socket was closed.
import { createRequire } from "node:module";

const [folder, url, options] = process.argv.slice(2);
const WebSocket = createRequire(`${folder}/package.json`)("ws");
const { headers, hello, close, frame } = JSON.parse(options);

const socket = new WebSocket(url, { headers });
let heard = 0;
socket.on("message", () => {
  heard += 1;
  if (heard === 1 && hello) return socket.send(hello);
  if (heard !== (hello ? 2 : 1)) return;
  // As it is, whatever the library thinks of it.
  if (frame.length) socket._socket.write(Buffer.from(frame));
  else if (close) socket.close(close, "bye");
  else socket.close();
});
socket.on("error", (error) => console.error(error.message));
socket.on("close", (code, reason) => console.log(JSON.stringify({ code, reason: reason.toString() })));
