// Starts the emulator's Feishu, which its command line does not serve: told where its modules are, and where it is to
// record; says what its command line says of others.
const [modules, recorderPath] = process.argv.slice(2);
const { startFeishuServer } = await import(`${modules}/@openclaw/crabline/dist/src/index.js`);
const { manifest } = await startFeishuServer({ adminToken: process.env.CRABLINE_ADMIN_TOKEN, recorderPath });
console.log(JSON.stringify(manifest));
