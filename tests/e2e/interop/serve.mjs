// What `tailscale serve` does: TLS at the name, and on to the gateway, saying for which client.
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { createServer } from "node:tls";

const [host, port, cert, key] = process.argv.slice(2);
createServer({ cert: readFileSync(cert), key: readFileSync(key) }, (from) => {
  const to = connect(Number(port), "127.0.0.1");
  const whence = from.remoteAddress;
  from.once("data", (head) => {
    const line = head.indexOf("\r\n") + 2;
    to.write(Buffer.concat([head.subarray(0, line), Buffer.from(`X-Forwarded-For: ${whence}\r\n`), head.subarray(line)]));
    from.pipe(to);
    to.pipe(from);
  });
  for (const [end, other] of [[from, to], [to, from]]) {
    end.on("error", () => other.destroy());
    end.on("close", () => other.destroy());
  }
}).listen(443, host, () => console.log("ready"));
