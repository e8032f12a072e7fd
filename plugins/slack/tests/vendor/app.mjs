// An app on Slack's own clients, @slack/socket-mode and @slack/web-api: whatever they make of our fake, Slack's apps
// would. Told the folder they are installed in, the root and the tokens; says a line of JSON for all that it hears.
import { createRequire } from "node:module";

const [folder, root, botToken, appToken] = process.argv.slice(2);
const load = createRequire(`${folder}/`);
const { SocketModeClient } = load("@slack/socket-mode");
const { WebClient } = load("@slack/web-api");
const say = (line) => console.log(JSON.stringify(line));
const quiet = { debug() {}, info() {}, warn() {}, error() {}, setLevel() {}, getLevel: () => "error", setName() {} };
const options = { slackApiUrl: `${root}/`, logger: quiet, retryConfig: { retries: 0 } };
const web = new WebClient(botToken, options);
const socket = new SocketModeClient({ appToken, clientOptions: options, logger: quiet });
socket.on("connected", () => say({ connected: true }));
socket.on("message", async ({ event, ack }) => {
  await ack();
  say({ message: event.text, user: event.user, kind: event.channel_type });
  const blocks = [{ type: "actions", elements: [
    { type: "button", action_id: "b1", value: "a:1", text: { type: "plain_text", text: "Yes" } },
  ] }];
  const sent = await web.chat.postMessage({ channel: event.channel, text: "an answer", blocks });
  const edited = await web.chat.update({ channel: sent.channel, ts: sent.ts, text: "an edit", blocks });
  const more = await web.chat.postMessage({ channel: event.channel, text: "away with it", thread_ts: event.ts });
  await web.chat.delete({ channel: more.channel, ts: more.ts });
  const opened = await web.conversations.open({ users: event.user });
  const file = Buffer.from("89504e470d0a1a0a", "hex");
  const shared = await web.filesUploadV2({ channel_id: sent.channel, file, filename: "image.png" });
  say({ sent: sent.ts, edited: edited.ok, opened: opened.channel.id, shared: shared.ok });
});
socket.on("interactive", async ({ body, ack }) => {
  await ack();
  say({ pressed: body.actions[0].value, by: body.user.id, on: body.container.message_ts });
});
socket.on("slash_commands", async ({ body, ack }) => {
  await ack();
  say({ command: body.command, words: body.text, by: body.user_id });
});
socket.on("error", (error) => say({ error: String(error) }));
try {
  const me = await web.auth.test();
  await socket.start();
  say({ ready: me.user_id, team: me.team_id });
} catch (error) {
  say({ error: String(error), data: error.data });
}
process.stdin.resume();
process.stdin.on("end", () => process.exit(0));
setTimeout(() => process.exit(1), 100_000);
