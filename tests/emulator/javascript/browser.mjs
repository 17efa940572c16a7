// Uses the page as a person would, in a headless Chromium that is driven by its own protocol; needs no packages.
// Arguments: the browser, an empty directory for its profile. The environment has ADDRESS, UPLOAD and TOKEN.
import { spawn } from "node:child_process";
import { strict as assert } from "node:assert";

const [browser, profile] = process.argv.slice(2);
const { ADDRESS, UPLOAD, TOKEN } = process.env;
const PATIENCE = 20_000;

const chromium = spawn(
  browser,
  [
    ...["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"],
    ...[`--user-data-dir=${profile}`, "--remote-debugging-port=0", "--window-size=1280,800", "about:blank"],
  ],
  { stdio: ["ignore", "ignore", "pipe"] },
);
const watchdog = setTimeout(() => end(new Error("the browser hangs")), 60_000);

function end(error) {
  clearTimeout(watchdog);
  if (error) console.error(error.stack);
  chromium.once("exit", () => process.exit(error ? 1 : 0));
  chromium.kill("SIGKILL");
}

async function connect() {
  const address = await new Promise((found) => {
    let told = "";
    chromium.stderr.on("data", (text) => {
      told += text;
      const match = told.match(/ws:\/\/[^/]+/);
      if (match) found(match[0].replace("ws:", "http:"));
    });
  });
  const targets = await (await fetch(`${address}/json`)).json();
  const socket = new WebSocket(targets.find(({ type }) => type === "page").webSocketDebuggerUrl);
  await new Promise((opened) => (socket.onopen = opened));
  return socket;
}

const socket = await connect();
const answers = new Map();
const complaints = [];
socket.onmessage = ({ data }) => {
  const { id, result, method, params } = JSON.parse(data);
  if (id) answers.get(id)(result);
  else if (method === "Runtime.exceptionThrown") complaints.push(params.exceptionDetails.exception?.description);
  // A fault that was ordered is an error of the network, as far as the browser is concerned.
  else if (method === "Log.entryAdded" && params.entry.source !== "network") complaints.push(params.entry.text);
};

function call(method, params = {}) {
  const id = answers.size + 1;
  return new Promise((answered) => {
    answers.set(id, answered);
    socket.send(JSON.stringify({ id, method, params }));
  });
}

async function evaluate(expression) {
  const { result, exceptionDetails } = await call("Runtime.evaluate", { expression, returnByValue: true });
  if (exceptionDetails) throw new Error(`${expression}: ${exceptionDetails.exception.description}`);
  return result.value;
}

async function until(expression) {
  for (const deadline = Date.now() + PATIENCE; ; ) {
    if (await evaluate(expression)) return;
    if (Date.now() > deadline) throw new Error(`it never came to pass that ${expression}`);
    await new Promise((passed) => setTimeout(passed, 20));
  }
}

async function press(key) {
  const text = { Enter: "\r" }[key] ?? (key.length === 1 ? key : undefined);
  await call("Input.dispatchKeyEvent", { type: "keyDown", key, text });
  await call("Input.dispatchKeyEvent", { type: "keyUp", key });
}

async function send(...messages) {
  const answer = await fetch(UPLOAD, {
    method: "POST",
    headers: { Authorization: `Bearer ${TOKEN}`, "Content-Type": "application/json" },
    body: JSON.stringify(messages.map((Message) => ({ Level: "ERROR", Message, Line: "7" }))),
  });
  return answer.status;
}

const LIVE = `document.getElementById("live").textContent`;
const SHOWN = `[...document.querySelectorAll(".row:not([hidden]) .msg")].map(({textContent}) => textContent).join()`;
const SWITCH = `document.querySelector("[data-key=Overload]")`;

const ANSWER = `[...document.querySelectorAll("#answer tr")].map((row) =>
  [...row.children].map(({textContent}) => textContent.replace(" ", "")).join()).join("|")`;

async function ask(query) {
  await evaluate(`(document.getElementById("kql").focus(), document.getElementById("kql").select())`);
  await call("Input.insertText", { text: query });
  await call("Input.dispatchKeyEvent", { type: "rawKeyDown", key: "Enter", modifiers: 2 });
}

async function use() {
  await Promise.all(["Runtime", "Log", "Page"].map((domain) => call(`${domain}.enable`)));
  await call("Page.navigate", { url: ADDRESS });
  await until(`document.readyState === "complete" && ${LIVE} === "live"`);

  // Rows appear without a reload, the newest first.
  await evaluate(`window.sameDocument = true`);
  await send("first");
  await until(`${SHOWN} === "first"`);
  await send("second", "third");
  await until(`${SHOWN} === "third,second,first"`);

  // The filter.
  await press("/");
  for (const letter of "SECOND") await press(letter);
  await until(`${SHOWN} === "second"`);
  await press("Escape");
  await until(`${SHOWN} === "third,second,first"`);

  // The pause.
  await press(" ");
  await send("fourth");
  await until(`${LIVE} === "paused, 1 new row"`);
  assert.equal(await evaluate(SHOWN), "third,second,first");
  await press(" ");
  await until(`${SHOWN} === "fourth,third,second,first"`);

  // A row's story, by keyboard and by mouse.
  for (const key of ["j", "j", "Enter"]) await press(key);
  await until(`document.querySelector("#story h2")?.textContent === "AppLogs_CL #3"`);
  assert.match(await evaluate(`document.getElementById("story").textContent`), /Sent.*Typed.*Transformed.*Stored.*"7"7/s);
  await press("Escape");
  await until(`document.getElementById("story").childElementCount === 0`);
  await evaluate(`document.querySelector(".row").click()`);
  await until(`document.querySelector("#story h2")?.textContent === "AppLogs_CL #4"`);

  // A fault, on and off.
  await evaluate(`${SWITCH}.click()`);
  await until(`${SWITCH}.getAttribute("aria-checked") === "true"`);
  assert.equal(await send("refused"), 503);
  await evaluate(`${SWITCH}.click()`);
  await until(`${SWITCH}.getAttribute("aria-checked") === "false"`);
  assert.equal(await send("fifth"), 204);
  await until(`${SHOWN}.startsWith("fifth,fourth")`);

  // The other views.
  await press("2");
  await until(`document.querySelector(".view.open").id === "requests"`);
  await until(`document.querySelector("#requests-lines").textContent.includes("fault: status")`);

  // A query, its mistakes, and its address.
  await press("5");
  await until(`document.querySelector(".view.open").id === "query"`);
  await ask("AppLogs_CL | where Level == 'ERROR' | summarize Rows = count() by Level, Line");
  await until(`${ANSWER} === "Levelstring,Lineint,Rowslong|ERROR,7,5"`);
  assert.match(await evaluate(`location.search`), /[?&]query=AppLogs_CL/);
  await press("/");
  assert.match(await evaluate(`document.getElementById("kql").value`), /Line\/$/, "what is typed goes into the box");
  await ask("AppLogs_CL | where Levle == 'x'");
  await until(`document.querySelector("#answer .wrong")?.textContent.includes("^^^^^")`);

  // One that is asked meanwhile takes the place of one that takes long.
  await ask(`AppLogs_CL ${"| join kind=inner AppLogs_CL on Level ".repeat(12)} | count`);
  await ask("print Hostile = '<img src=x onerror=document.title=1>', 'y' = 2");
  await until(`document.querySelector("#answer .wrong")?.textContent.includes("'y' = 2")`);
  await ask("print Hostile = '<img src=x>'");
  await until(`${ANSWER} === "Hostilestring|<imgsrc=x>"`);
  await press("Escape");
  assert.equal(await evaluate(`document.activeElement === document.body`), true);

  assert.equal(await evaluate(`window.sameDocument`), true);
  assert.deepEqual(complaints, []);
}

use().then(() => end(), end);
