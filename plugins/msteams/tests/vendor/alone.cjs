// Loaded before Microsoft's playground: it listens on this machine alone, and opens no browser.
const { EventEmitter } = require("node:events");
const net = require("node:net");
const listen = net.Server.prototype.listen;
net.Server.prototype.listen = function (port, ...rest) {
  const done = rest.find((argument) => typeof argument === "function");
  return listen.call(this, { port: port?.port ?? port, host: "127.0.0.1" }, done);
};
require("node:child_process").spawn = () => Object.assign(new EventEmitter(), { unref() {} });
