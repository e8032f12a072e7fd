// Drives the published client library: one JSON request a line on standard input, one JSON line for whatever happens.
import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, sign } from "node:crypto";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const [folder, url, options] = process.argv.slice(2);
const entry = createRequire(`${folder}/package.json`).resolve("@openclaw/gateway-client");
const { GatewayClient } = await import(pathToFileURL(entry));

const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);
const raw = (pem) => createPublicKey(pem).export({ type: "spki", format: "der" }).subarray(-32);
const pair = generateKeyPairSync("ed25519");
const publicKeyPem = pair.publicKey.export({ type: "spki", format: "pem" });
const privateKeyPem = pair.privateKey.export({ type: "pkcs8", format: "pem" });
const deviceId = createHash("sha256").update(raw(publicKeyPem)).digest("hex");
const tokens = new Map();

let settings = JSON.parse(options);
let client;
const start = () => {
  client = new GatewayClient({
    url,
    ...settings,
    deviceIdentity: { deviceId, privateKeyPem, publicKeyPem },
    hostDeps: {
      signDevicePayload: (pem, text) => sign(null, Buffer.from(text), createPrivateKey(pem)).toString("base64url"),
      publicKeyRawBase64UrlFromPem: (pem) => raw(pem).toString("base64url"),
      loadDeviceAuthToken: ({ role }) => tokens.get(role) ?? null,
      storeDeviceAuthToken: ({ role, token, scopes }) => tokens.set(role, { token, scopes }),
      clearDeviceAuthToken: ({ role }) => tokens.delete(role),
    },
    onHelloOk: (hello) => say({ hello }),
    onConnectError: (error) => say({ refused: error.message, details: error.details ?? null }),
    onReconnectPaused: (info) => say({ paused: info }),
    onClose: (code, reason) => say({ closed: code, reason }),
    onEvent: (event) => say({ event: event.event, payload: event.payload }),
    onGap: (gap) => say({ gap }),
  });
  client.start();
};
say({ deviceId });
start();
for await (const line of createInterface({ input: process.stdin })) {
  const asked = JSON.parse(line);
  if (asked.restart) {
    client.stop();
    settings = { ...settings, ...asked.restart };
    start();
  } else if (asked.tokens) {
    say({ roles: [...tokens.keys()] });
  } else {
    client.request(asked.method, asked.params).then(
      (answer) => say({ answer }),
      (error) => say({ error: error.message, code: error.gatewayCode ?? error.code ?? null, details: error.details ?? null }),
    );
  }
}
client.stop();
