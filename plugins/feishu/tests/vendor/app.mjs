// An app on Feishu's own client, @larksuiteoapi/node-sdk: whatever it makes of our fake, Feishu's apps would. Told the
// folder beside which it is installed, the root, the app and its secret; says a line of JSON for all that it hears.
import { createReadStream } from "node:fs";
import { createRequire } from "node:module";

const [folder, domain, appId, appSecret] = process.argv.slice(2);
const load = createRequire(`${folder}/../lark/`);
const Lark = load("@larksuiteoapi/node-sdk");
const say = (line) => console.log(JSON.stringify(line));
const told = (it) => (it?.response ? JSON.stringify(it.response.data) : String(it?.stack ?? it?.message ?? JSON.stringify(it)));
const logger = { error(...said) { said.length && say({ error: said.map(told).join(" ") }); }, warn() {}, info() {}, debug() {}, trace() {} };
const quiet = { logger, loggerLevel: Lark.LoggerLevel.error };
const client = new Lark.Client({ appId, appSecret, domain, ...quiet });
const socket = new Lark.WSClient({ appId, appSecret, domain, ...quiet });
const messages = client.im.v1.message;
const post = (text) => JSON.stringify({ zh_cn: { content: [[{ tag: "text", text }]] } });
const card = JSON.stringify({
  config: { update_multi: true },
  elements: [{ tag: "action", actions: [
    { tag: "button", text: { tag: "plain_text", content: "Yes" }, value: { d: "x" } },
  ] }],
});
const events = new Lark.EventDispatcher(quiet).register({
  "im.message.receive_v1": async ({ sender, message }) => {
    const user = sender.sender_id.open_id;
    say({ message: JSON.parse(message.content).text, user, kind: message.chat_type });
    const params = { receive_id_type: "open_id" };
    const send = async (msg_type, content, uuid) =>
      (await messages.create({ params, data: { receive_id: user, msg_type, content, uuid } })).data;
    const sent = await send("post", post("an answer"), "uuid-1");
    const again = await send("post", post("an answer"), "uuid-1");
    const path = { message_id: sent.message_id };
    const edited = await messages.update({ path, data: { msg_type: "post", content: post("an edit") } });
    const reply = await messages.reply({ path: { message_id: message.message_id }, data: { msg_type: "post", content: post("below") } });
    const gone = await messages.delete({ path: { message_id: reply.data.message_id } });
    const shown = await send("interactive", card);
    const patched = await messages.patch({ path: { message_id: shown.message_id }, data: { content: card } });
    // A file has a name, which bytes alone have not.
    const file = createReadStream(process.argv[1]);
    const image = await client.im.v1.image.create({ data: { image_type: "message", image: file } });
    say({ sent: sent.message_id, again: again.message_id, chat: sent.chat_id, edited: edited.code, gone: gone.code,
      card: shown.message_id, patched: patched.code, image: image?.image_key });
  },
  "card.action.trigger": async ({ operator, action, context }) => {
    say({ pressed: action.value.d, by: operator.open_id, on: context.open_message_id });
    return {};
  },
});
try {
  const me = await client.request({ method: "GET", url: "/open-apis/bot/v3/info" });
  await socket.start({ eventDispatcher: events });
  say({ ready: me.bot.open_id });
} catch (error) {
  say({ error: String(error), data: error.response?.data });
}
process.on("unhandledRejection", (error) => say({ error: String(error), data: error.response?.data }));
process.stdin.resume();
process.stdin.on("end", () => process.exit(0));
setTimeout(() => process.exit(1), 100_000);
