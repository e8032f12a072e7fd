// Google's own library judges tokens as an app on it would. Told the folder of the libraries, where certificates are, and
// then for each token its kind, what it is for, and the token; says a line of JSON for each.
import { createRequire } from "node:module";

const [folder, certificates, ...told] = process.argv.slice(2);
const load = createRequire(`${folder}/../google-auth/`);
const { OAuth2Client } = load("google-auth-library");
const chat = "chat@system.gserviceaccount.com";
const client = new OAuth2Client({ endpoints: { oauth2FederatedSignonPemCertsUrl: certificates } });
const pem = await (await fetch(certificates)).json();
for (let at = 0; at + 2 < told.length; at += 3) {
  const [kind, audience, token] = told.slice(at, at + 3);
  try {
    const ticket = kind === "Number"
      ? await client.verifySignedJwtWithCertsAsync(token, { chat: pem.google }, audience, [chat])
      : await client.verifyIdToken({ idToken: token, audience });
    say({ judged: kind, email: ticket.getPayload().email ?? null });
  } catch (error) {
    say({ judged: kind, refused: String(error.message).slice(0, 60) });
  }
}
process.stdin.resume();
process.stdin.on("end", () => process.exit(0));
setTimeout(() => process.exit(1), 100_000);

function say(line) {
  console.log(JSON.stringify(line));
}
