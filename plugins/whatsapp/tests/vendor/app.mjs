// An app on Vercel's client of WhatsApp, @chat-adapter/whatsapp: whatever it makes of our fake, such apps would make of
// Meta. Told the folder beside which it is installed, the root, the number's id and the three secrets; serves the webhook,
// says at which port, and a line of JSON for all that it hears.
import { createServer } from "node:http";
import { pathToFileURL } from "node:url";

const [folder, apiUrl, phoneNumberId, accessToken, appSecret, verifyToken] = process.argv.slice(2);
const adapter = `${folder}/../whatsapp/node_modules/@chat-adapter/whatsapp/dist/index.js`;
const { WhatsAppAdapter } = await import(pathToFileURL(adapter));
const say = (line) => console.log(JSON.stringify(line));
const logger = {
  debug() {}, info() {}, warn(...said) { say({ warning: said }); }, error(...said) { say({ error: said.map((it) => JSON.stringify(it)) }); },
  child() { return logger; },
};
const known = new Map();
const state = { get: async (key) => known.get(key) ?? null, set: async (key, value) => void known.set(key, value) };
const app = new WhatsAppAdapter({
  accessToken, apiUrl, apiVersion: "v25.0", appSecret, logger, phoneNumberId, userName: "app", verifyToken,
});
await app.initialize({
  getState: () => state,
  processMessage: async (_, thread, message) => {
    const { from, from_user_id: id } = message.raw.message ?? message.raw;
    say({ message: message.text, from, id, name: message.author.fullName });
    const sent = await app.postMessage(thread, "an answer").catch((error) => ({ id: String(error) }));
    say({ sent: sent.id });
  },
  processAction: ({ raw }) => say({ pressed: raw.interactive.button_reply.id, on: raw.context.id }),
  processReaction: () => say({ reaction: true }),
});
const server = createServer((request, response) => {
  const pieces = [];
  request.on("data", (piece) => pieces.push(piece));
  request.on("end", async () => {
    const { method, url, headers } = request;
    const body = method === "GET" ? undefined : Buffer.concat(pieces);
    const answer = await app.handleWebhook(new Request(`http://localhost${url}`, { method, headers, body }));
    response.writeHead(answer.status).end(await answer.text());
  });
});
server.listen(0, "127.0.0.1", () => say({ ready: server.address().port }));
process.stdin.resume();
process.stdin.on("end", () => process.exit(0));
setTimeout(() => process.exit(1), 100_000);
