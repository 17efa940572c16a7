// The page is complete without this. All HTML comes escaped from the emulator; what is made here is made of text.

import { ask, find, say } from "./ask.js";
import { run } from "./query.js";

const KEEP = { rows: 500, requests: 300 };
const VIEWS = ["rows", "requests", "losses", "rules", "query"];
const body = document.body;
const list = find("row-lines");
const filter = find("filter");
const pause = find("pause");
let held = [], heldRows = 0, isPaused = false;

document.documentElement.classList.add("js");

// What comes

const source = new EventSource(
  `/_emulator/page/events?table=${encodeURIComponent(body.dataset.table)}` +
    `&after=${body.dataset.seen}`,
);
source.onopen = showLife;
source.onerror = () => say("lost", "no answer, trying again");
on("rows", (event) => whenRunning(() => addRows(event), event.count));
on("requests", (event) => whenRunning(() => add(find("requests-lines"), event.html, KEEP.requests), 0));
on("reset", () => {
  held = [];
  heldRows = 0;
  for (const id of ["row-lines", "requests-lines", "story"]) find(id).replaceChildren();
});
on("state", (state) => {
  showTables(state.tables);
  find("loss-count").textContent = state.losses || "";
  if (state.faults !== undefined) swap(find("faults"), state.faults);
  if (state.drops !== undefined) swap(find("losses-lines"), state.drops);
  if (state.rules !== undefined) swap(find("rules"), state.rules);
  applyFilter(find("losses-lines"));
});

function on(name, act) {
  source.addEventListener(name, (event) => act(JSON.parse(event.data)));
}

function whenRunning(act, rows) {
  if (!isPaused) return act();
  held.push(act);
  heldRows += rows;
  if (held.length > KEEP.rows) held.shift();
  showLife();
}

function addRows({ html, missed }) {
  if (missed > 0 && list.children.length) {
    const line = document.createElement("li");
    line.className = "missed";
    line.textContent = `${missed.toLocaleString("en")} rows came too fast to be shown`;
    list.prepend(line);
  }
  add(list, html, KEEP.rows);
}

function add(container, html, most) {
  const { scrollTop, scrollHeight } = container;
  const old = container.firstElementChild;
  container.insertAdjacentHTML("afterbegin", html);
  for (let each = container.firstElementChild; each && each !== old; each = each.nextElementSibling) {
    each.classList.add("new");
    applyFilter(container, each);
  }
  // Who has scrolled down goes on seeing the same lines.
  if (scrollTop >= 4) container.scrollTop += container.scrollHeight - scrollHeight;
  while (container.children.length > most) container.lastElementChild.remove();
}

function swap(container, html) {
  const key = container.contains(document.activeElement) && document.activeElement.dataset.key;
  const open = [...container.querySelectorAll("details")].map(({ open }) => open);
  container.innerHTML = html;
  container.querySelectorAll("details").forEach((each, place) => (each.open = open[place] ?? false));
  if (key) container.querySelector(`[data-key="${CSS.escape(key)}"]`)?.focus();
}

function showTables(tables) {
  const links = new Map([...document.querySelectorAll("#tables a")].map((link) => [link.dataset.table, link]));
  if (!links.size && tables.length) return location.reload();
  for (const { name, count, rate, curve } of tables) {
    const link = links.get(name) ?? newTable(name);
    link.querySelector(".count").textContent = count;
    link.querySelector(".rate").textContent = rate;
    link.querySelector("polyline").setAttribute("points", curve);
  }
}

function newTable(name) {
  const item = document.querySelector("#tables li").cloneNode(true);
  const link = item.firstElementChild;
  link.removeAttribute("aria-current");
  link.href = `?table=${encodeURIComponent(name)}#rows`;
  link.dataset.table = name;
  link.querySelector(".name").textContent = name;
  find("tables").append(item);
  return link;
}

function showLife() {
  const news = heldRows ? `, ${heldRows.toLocaleString("en")} new row${heldRows === 1 ? "" : "s"}` : "";
  if (isPaused) say("paused", `paused${news}`);
  else if (source.readyState === EventSource.OPEN) say("live", "live");
}

// What is done here

const ACTIONS = {
  pause() {
    isPaused = !isPaused;
    pause.setAttribute("aria-pressed", isPaused);
    pause.textContent = isPaused ? "Resume" : "Pause";
    const waiting = held;
    held = [];
    heldRows = 0;
    waiting.forEach((act) => act());
    showLife();
  },
  async fault(button) {
    if (button.getAttribute("aria-checked") === "true") {
      await Promise.all(button.dataset.ids.split(" ").map((id) => ask("DELETE", `/_emulator/faults/${id}`)));
    } else {
      const often = JSON.parse(find("often").value || "{}");
      await ask("POST", "/_emulator/faults", { ...JSON.parse(button.dataset.fault), ...often });
    }
  },
  reset(button) {
    if (button.dataset.sure !== undefined) {
      button.blur();
      return ask("POST", "/_emulator/reset", {});
    }
    button.dataset.sure = "";
    button.textContent = "Forget rows, requests, faults?";
    button.onblur = () => {
      delete button.dataset.sure;
      button.textContent = "Reset everything";
    };
  },
  query: run,
  "close-story"() {
    find("story").replaceChildren();
    (chosen() ?? list).focus();
  },
};

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-do]");
  if (button) ACTIONS[button.dataset.do](button);
  const row = event.target.closest(".row");
  if (row && getSelection().isCollapsed) tell(row);
});

// Rows and their stories

const chosen = () => list.querySelector("[aria-selected=true]");

function choose(row) {
  chosen()?.removeAttribute("aria-selected");
  row.setAttribute("aria-selected", "true");
  row.focus();
}

async function tell(row) {
  choose(row);
  const table = encodeURIComponent(body.dataset.table);
  const answer = await fetch(`/_emulator/page/story/${row.dataset.n}?table=${table}`);
  const story = await answer.text();
  // By then another row may have been chosen; and what is no story is no HTML either.
  if (answer.ok && chosen() === row) find("story").innerHTML = story;
  row.scrollIntoView({ block: "nearest" });
}

function move(step) {
  const rows = [...list.querySelectorAll(".row:not([hidden])")];
  const row = rows[chosen() ? rows.indexOf(chosen()) + step : 0];
  if (!row) return;
  if (find("story").hasChildNodes()) tell(row);
  else choose(row);
}

// Views and the filter

function show() {
  const name = VIEWS.includes(location.hash.slice(1)) ? location.hash.slice(1) : "rows";
  for (const view of VIEWS) find(view).classList.toggle("open", view === name);
  for (const link of document.querySelectorAll("nav > a")) link.ariaCurrent = link.hash === `#${name}` ? "page" : null;
}

function applyFilter(container, only) {
  const wanted = filter.value.toLowerCase();
  for (const each of only ? [only] : container.children) {
    each.hidden = wanted !== "" && !each.textContent.toLowerCase().includes(wanted);
  }
}

filter.addEventListener("input", () => {
  for (const id of ["row-lines", "requests-lines", "losses-lines", "answer-lines"]) {
    if (find(id)) applyFilter(find(id));
  }
});
addEventListener("hashchange", show);
show();

// Keys

const KEYS = {
  "/": () => filter.focus(),
  " ": () => ACTIONS.pause(),
  j: () => move(1),
  k: () => move(-1),
  ArrowDown: () => move(1),
  ArrowUp: () => move(-1),
  Enter: () => chosen() && tell(chosen()),
  Escape: () => ACTIONS["close-story"](),
};
VIEWS.forEach((view, place) => (KEYS[place + 1] = () => (location.hash = view)));

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const { target } = event;
  if (target.closest("input, select, textarea")) {
    if (event.key !== "Escape") return;
    target.blur();
    if (target !== filter) return;
    filter.value = "";
    filter.dispatchEvent(new Event("input"));
    return;
  }
  // A button and a link have their own use for these.
  if ((event.key === " " || event.key === "Enter") && target.closest("button, a, summary")) return;
  if (event.key.startsWith("Arrow") && !target.closest("#rows") && target !== body) return;
  const act = KEYS[event.key];
  if (!act) return;
  event.preventDefault();
  act();
});
