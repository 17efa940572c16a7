// The query box.

import { ask, find, say } from "./ask.js";

const kql = find("kql");
const answer = find("answer");
const LONGEST = 4000;
let asked;

export async function run() {
  // The emulator stops a query that nobody waits for.
  asked?.abort();
  const mine = (asked = new AbortController());
  answer.setAttribute("aria-busy", "true");
  let found, html;
  try {
    found = await ask("POST", "/_emulator/page/query", { query: kql.value }, mine.signal);
    html = await found.text();
  } catch {
    if (mine === asked) say("lost", "no answer to the query");
  }
  if (mine !== asked) return;
  answer.removeAttribute("aria-busy");
  if (!found?.ok) return;
  answer.innerHTML = html;
  // Whoever gets this address sees the same query; a server need not take a longer one.
  const address = new URL(location);
  address.searchParams.set("query", kql.value);
  if (address.href.length < LONGEST) history.replaceState(null, "", address);
}

kql.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) run();
});

const given = new URLSearchParams(location.search).get("query");
if (given) {
  kql.value = given;
  location.hash ||= "#query";
  run();
}
