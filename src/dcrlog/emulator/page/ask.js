// How the page asks the emulator, and tells what came of it.

export const find = (id) => document.getElementById(id);

export function say(state, text) {
  const told = find("live");
  told.dataset.is = state;
  told.textContent = text;
}

export async function ask(method, path, content, signal) {
  const answer = await fetch(path, {
    method,
    signal,
    headers: { "Content-Type": "application/json" },
    body: content === undefined ? undefined : JSON.stringify(content),
  });
  if (!answer.ok) say("lost", `${answer.status}: ${(await answer.clone().json()).error.message}`);
  return answer;
}
