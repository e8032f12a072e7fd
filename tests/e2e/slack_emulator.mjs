// The emulator's Slack, which calls an app at a door of ours: where the gateway is behind it, we are told on the
// standard input. Says the emulator's manifest.
import { createHmac } from "node:crypto";
import { createServer, request } from "node:http";
import { createInterface } from "node:readline";

const [folder, recorderPath, botToken, signingSecret] = process.argv.slice(2);
const { startSlackServer } = await import(`${folder}/node_modules/@openclaw/crabline/dist/src/index.js`);
let port = 0;
// Slack says of what kind a conversation is, and the emulator does not; what is changed is signed anew.
const whole = (body, headers) => {
  const payload = JSON.parse(body);
  payload.event.channel_type = payload.event.channel.startsWith("D") ? "im" : "channel";
  const text = JSON.stringify(payload);
  const timestamp = headers["x-slack-request-timestamp"];
  const digest = createHmac("sha256", signingSecret).update(`v0:${timestamp}:${text}`).digest("hex");
  const length = Buffer.byteLength(text);
  return [text, { ...headers, "x-slack-signature": `v0=${digest}`, "content-length": length }];
};
const door = createServer(async (from, to) => {
  const { url: path, method } = from;
  const [text, headers] = whole(Buffer.concat(await from.toArray()).toString(), from.headers);
  const on = request({ host: "127.0.0.1", port, path, method, headers }, (answer) => {
    to.writeHead(answer.statusCode);
    answer.pipe(to);
  });
  on.on("error", () => to.writeHead(502).end());
  on.end(text);
});
door.listen(0, "127.0.0.1", async () => {
  const eventsRequestUrl = `http://127.0.0.1:${door.address().port}/slack/events`;
  const server = await startSlackServer({ adminToken: "admin", botToken, eventsRequestUrl, recorderPath, signingSecret });
  console.log(JSON.stringify(server.manifest ?? server));
});
const lines = createInterface({ input: process.stdin });
lines.on("line", (line) => (port = Number(line)));
lines.on("close", () => process.exit(0));
