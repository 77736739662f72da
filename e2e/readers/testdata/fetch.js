// Connects to every server of /opt/cases.txt with fetch, for Deno and Bun.
import fs from "node:fs";
for (const line of fs.readFileSync("/opt/cases.txt", "utf8").trim().split("\n")) {
  const [id, host, port] = line.split(" ");
  let said = "hello";
  try {
    await (await fetch(`https://${host}:${port}/`)).text();
  } catch (e) {
    said = `${e.code ?? ""} ${e.message} ${e.cause?.message ?? ""}`.replace(/\s+/g, " ");
  }
  console.log(`${id}\t${said}`);
}
