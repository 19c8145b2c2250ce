// The palette: commands, views, tickets and people by a few letters. Commands and their keys are those of the help sheet,
// views those of the rail; tickets and people are asked for.
import { press, keys } from "./keys.js";

const box = document.getElementById("palette");
const field = box?.querySelector("input");
const hits = box?.querySelector(".palette-hits");

// The letters of `asked` in their order: the better the earlier they begin and the closer they stand; null: not there.
export function rank(asked, text) {
  const [letters, all] = [asked.toLowerCase().replace(/\s+/g, ""), text.toLowerCase()];
  const whole = all.indexOf(asked.toLowerCase());
  if (whole >= 0) return whole === 0 ? 0 : /\W/.test(all[whole - 1]) ? 1 : 2;
  let [at, gaps] = [-1, 0];
  for (const letter of letters) {
    const next = all.indexOf(letter, at + 1);
    if (next < 0) return null;
    gaps += next - at - 1;
    at = next;
  }
  return 3 + gaps;
}

const here = (key) => key.on && document.querySelector(key.on);
function known() {
  const all = [...keys.values()].filter((key) => key.act !== "palette" && here(key));
  const commands = all.filter((key) => !here(key).closest(".views"))
    .map((key) => ({ group: "commands", text: key.name, key: key.press, go: () => press(key) }));
  const views = [...document.querySelectorAll(".rail .views a")].map((link) => ({
    group: "views", text: link.querySelector(".word").textContent, key: all.find((key) => link.matches(key.on))?.press, go: () => link.click(),
  }));
  return [...commands, ...views];
}
const best = (asked, all, most) => all.map((hit) => [rank(asked, hit.text), hit]).filter(([n]) => n !== null)
  .sort(([a], [b]) => a - b).slice(0, most).map(([, hit]) => hit);

// The list knows numbers, addresses and beginnings of subjects at once, the search knows people.
async function found(asked) {
  // Half an operator is no search yet.
  if (asked.trim().length < 2 || /\w:\S/.test(asked)) return [];
  const get = async (path) => (await fetch(`/api/support/${path}${encodeURIComponent(asked)}`)).json();
  const [list, search] = await Promise.all([get("tickets?limit=5&q="), get("search?limit=1&q=")]).catch(() => [{}, {}]);
  const to = (href) => () => location.assign(href);
  return [
    ...(list.data ?? []).map((ticket) => ({ group: "tickets", text: ticket.subject || ticket.pid, key: ticket.pid, go: to(`/dashboard/support/${ticket.pid}`) })),
    ...(search.people ?? []).map((who) => ({ group: "people", text: who.name || who.email, key: who.email, go: to(`/dashboard/support?view=all&requester=${who.id}`) })),
  ];
}

let shown = [];
let at = 0;
function draw(list) {
  [shown, at] = [list, 0];
  const parts = [];
  for (const group of ["commands", "views", "tickets", "people"]) {
    const own = list.filter((hit) => hit.group === group);
    if (!own.length) continue;
    const set = document.createElement("div");
    set.setAttribute("role", "group");
    set.setAttribute("aria-label", hits.dataset[group]);
    const head = document.createElement("p");
    head.className = "palette-head";
    head.setAttribute("role", "presentation");
    head.textContent = hits.dataset[group];
    set.append(head, ...own.map(option));
    parts.push(set);
  }
  const none = document.createElement("p");
  none.className = "palette-head";
  none.textContent = hits.dataset.none;
  hits.replaceChildren(...(parts.length ? parts : [none]));
  // In the order in which they stand.
  shown = [...hits.querySelectorAll("[role=option]")].map((node) => list[node.dataset.n]);
  point(0);
}
function option(hit) {
  const node = document.createElement("div");
  const [text, key] = [document.createElement("span"), document.createElement(/commands|views/.test(hit.group) ? "kbd" : "span")];
  node.className = "palette-hit";
  node.setAttribute("role", "option");
  node.dataset.n = shown.indexOf(hit);
  node.id = `palette-${node.dataset.n}`;
  text.className = "clip";
  text.textContent = hit.text;
  if (hit.key) { key.textContent = hit.key; key.classList.add("push"); }
  node.append(text, ...(hit.key ? [key] : []));
  node.addEventListener("click", () => take(hit));
  return node;
}
function point(to) {
  const all = [...hits.querySelectorAll("[role=option]")];
  at = Math.min(Math.max(to, 0), Math.max(all.length - 1, 0));
  all.forEach((node, n) => node.setAttribute("aria-selected", n === at));
  if (all[at]) field.setAttribute("aria-activedescendant", all[at].id);
  else field.removeAttribute("aria-activedescendant");
  all[at]?.scrollIntoView({ block: "nearest" });
}
function take(hit) { box.close(); hit?.go(); }

let wait;
let turn = 0;
function ask() {
  const asked = field.value;
  const mine = ++turn;
  const own = best(asked, known(), asked ? 8 : 20);
  draw(own);
  clearTimeout(wait);
  wait = setTimeout(async () => {
    const more = await found(asked);
    if (mine === turn && more.length) draw([...own, ...more]);
  }, 120);
}

if (box) {
  addEventListener("postroom:palette", () => { field.value = ""; box.showModal(); ask(); });
  addEventListener("keydown", (event) => {
    // While a message is written it makes a link.
    if (event.defaultPrevented || event.key !== "k" || !(event.ctrlKey || event.metaKey) || event.altKey || event.shiftKey) return;
    event.preventDefault();
    if (!box.open) dispatchEvent(new Event("postroom:palette"));
  });
  field.addEventListener("input", ask);
  field.addEventListener("keydown", (event) => {
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (by) point(at + by);
    else if (event.key === "Enter" && !event.isComposing) take(shown[at]);
    else return;
    event.preventDefault();
  });
  box.addEventListener("click", (event) => { if (event.target === box) box.close(); });
}
