// Looks for gateways on the network of one address, as a phone does: one JSON line for each that comes or goes.
import { createRequire } from "node:module";

const [folder, address] = process.argv.slice(2);
const { Bonjour } = createRequire(`${folder}/`)("bonjour-service");
const bonjour = new Bonjour({ interface: address, bind: "0.0.0.0" }, (error) => {
  console.log(JSON.stringify({ error: String(error) }));
});
const say = (what) => ({ name, host, port, txt, addresses }) =>
  console.log(JSON.stringify({ [what]: { name, host, port, txt, addresses } }));
const browser = bonjour.find({ type: "openclaw-gw" });
browser.on("up", say("up"));
browser.on("down", say("down"));
setInterval(() => browser.update(), 1000);
setTimeout(() => process.exit(1), 60_000);
