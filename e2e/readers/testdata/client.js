// Connects to every server of /opt/cases.txt with Node's https.
const https = require("node:https"), fs = require("node:fs");
const get = (host, port) => new Promise((resolve) => {
  const request = https.get({ host, port, path: "/", agent: false, timeout: 20000 }, (answer) => { answer.resume(); resolve("hello"); });
  request.on("error", (e) => resolve(`${e.code}: ${e.message}`.replace(/\s+/g, " ")));
  request.on("timeout", () => request.destroy(new Error("timeout")));
});
(async () => {
  for (const line of fs.readFileSync("/opt/cases.txt", "utf8").trim().split("\n")) {
    const [id, host, port] = line.split(" ");
    console.log(`${id}\t${await get(host, port)}`);
  }
})();
