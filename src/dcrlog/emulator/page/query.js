// The query box.

import { ask, find } from "./ask.js";

const kql = find("kql");
const answer = find("answer");
const LONGEST = 4000;
let asked = 0;

export async function run() {
  const mine = ++asked;
  answer.setAttribute("aria-busy", "true");
  const found = await ask("POST", "/_emulator/page/query", { query: kql.value });
  const html = await found.text();
  // By then another query may have been asked.
  if (mine !== asked) return;
  answer.removeAttribute("aria-busy");
  if (!found.ok) return;
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
