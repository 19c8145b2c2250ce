// What changes by itself while a page is open: rows of the list, messages and deliveries of the ticket, and who else is
// there. The server tells that something changed; the page is asked for anew, and what differs is put in its place.
import { fit } from "./frames.js";

const main = document.querySelector("main[data-live]");
const ticket = main?.dataset.ticket;
const list = main?.dataset.live === "list" ? document.getElementById("list") : null;

const fresh = async () => {
  // A page that a refused form drew has the form's address.
  const here = ticket ? `/dashboard/support/${ticket}${location.search}` : main.dataset.own;
  const answer = await fetch(here, { headers: { accept: "text/html" } });
  if (!answer.ok || answer.redirected) return null;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  // Made ready as this page was, so that only what changed differs.
  dispatchEvent(new CustomEvent("postroom:drawn", { detail: page }));
  return page;
};

// One question at a time, and one more for all that came meanwhile.
let asking = false;
let asked = 0;
let again = false;
// A page that a form is about to replace asks nothing more: what it shows may be gone by then.
let left = 0;
addEventListener("submit", (event) => { if (!event.defaultPrevented) left = Date.now(); });
async function refresh() {
  if (Date.now() - left < 5_000) return later(5_000);
  if (asking) { again = true; return; }
  asking = true;
  asked = Date.now();
  const page = await fresh().catch(() => null);
  if (page) { (list ? rows : conversation)(page); tallies(page); }
  asking = false;
  if (again) { again = false; later(); }
}
// How many tickets the views have.
function tallies(page) {
  for (const next of page.querySelectorAll(".views .count")) {
    const link = document.querySelector(`.rail a[href="${CSS.escape(next.closest("a").getAttribute("href"))}"]`);
    const old = link?.querySelector(".count");
    if (old?.outerHTML !== next.outerHTML) old ? old.replaceWith(document.adoptNode(next)) : link?.append(document.adoptNode(next));
  }
}
addEventListener("postroom:acted", (event) => tallies(event.detail));
async function count() {
  const answer = await fetch("/dashboard/support/rail", { headers: { accept: "text/html" } }).catch(() => null);
  if (answer?.ok && !answer.redirected) tallies(new DOMParser().parseFromString(await answer.text(), "text/html"));
}
let counting;
const recount = () => { counting ??= setTimeout(() => { counting = undefined; count(); }, 1_000); };

let due;
const later = (wait = 150) => { due ??= setTimeout(() => { due = undefined; refresh(); }, wait); };

// The list: rows change where they stand; new ones wait behind a pill, so that nothing moves under the pointer.
const news = document.getElementById("news");
const touched = new Set();
function rows(page) {
  const now = new Map([...page.querySelectorAll("#list .row")].map((row) => [row.id, row]));
  for (const row of document.querySelectorAll("#list .row")) {
    const next = now.get(row.id);
    now.delete(row.id);
    if (!next) row.classList.toggle("row--left", touched.has(row.id));
    else if (next.innerHTML !== row.innerHTML) {
      const focused = row.contains(document.activeElement);
      const picked = row.querySelector(".pick")?.checked;
      row.className = next.className;
      row.replaceChildren(...document.adoptNode(next).childNodes);
      if (picked) row.querySelector(".pick").checked = true;
      row.classList.remove("row--left");
      if (focused) row.querySelector("a")?.focus({ preventScroll: true });
    }
  }
  touched.clear();
  const more = above(page).filter((id) => now.has(id)).length;
  news.hidden = more === 0;
  news.textContent = news.dataset.text.replace("#", more);
}
// The rows above the last one that was here from the start: what stands below it was on the next page, and is not new.
const shown = new Set([...document.querySelectorAll("#list .row")].map((row) => row.id));
function above(page) {
  const order = [...page.querySelectorAll("#list .row")].map((row) => row.id);
  const last = order.findLastIndex((id) => shown.has(id));
  return last < 0 ? order : order.slice(0, last);
}
news?.addEventListener("click", () => location.reload());

// The ticket: new messages and events come in where they belong; what is being written stays as it is, and so does the
// version that it answers to, so that sending still tells what came between.
function conversation(page) {
  const flow = document.getElementById("flow");
  const box = flow.scrollHeight > flow.clientHeight ? flow : document.scrollingElement;
  const atEnd = box.scrollHeight - box.scrollTop - box.clientHeight < 80;
  let before = null;
  let came = null;
  for (const next of page.querySelectorAll("#flow > [id]")) {
    const old = document.getElementById(next.id);
    if (old) {
      for (const part of [".msg-head", ".delivery", ".take-back"]) swap(old, next, part);
      before = old;
      continue;
    }
    const added = document.adoptNode(next);
    if (before) before.after(added);
    else flow.append(added);
    before = added;
    if (added.matches(".msg")) came = added;
    for (const frame of added.querySelectorAll("iframe[data-fit]")) fit(frame);
  }
  for (const part of [".facts", "#side", ".app--ticket .desk-head .line", "#near:not(:hover, [data-leafed])"]) {
    const [old, next] = [document.querySelector(part), page.querySelector(part)];
    if (!old || !next || old.innerHTML === next.innerHTML || old.contains(document.activeElement)) continue;
    const top = old.scrollTop;
    old.replaceChildren(...document.adoptNode(next).childNodes);
    old.scrollTop = top;
    dispatchEvent(new CustomEvent("postroom:drawn", { detail: old }));
  }
  present();
  if (!came) return;
  came.classList.add("msg--fresh");
  if (atEnd) came.scrollIntoView({ block: "nearest" });
  const said = document.getElementById("said");
  said.textContent = said.dataset.text.replace("#", came.querySelector(".msg-head b")?.textContent ?? "");
}

function swap(old, next, part) {
  const [was, is] = [old.querySelector(part), next.querySelector(part)];
  if (!was && !is) return;
  if (was && !is) was.remove();
  else if (!was) old.append(document.adoptNode(is));
  else if (was.innerHTML !== is.innerHTML && !was.contains(document.activeElement)) was.replaceWith(document.adoptNode(is));
}

// A reply that is held or on its way changes by the clock alone, too.
const moving = () => document.querySelector('.delivery [data-is="held"], .delivery [data-is="queued"], .delivery [data-is="sending"]');
let looks = 0;
function watch() {
  if (!ticket || !moving() || looks >= 60) return;
  looks += 1;
  setTimeout(() => { if (!document.hidden) refresh(); watch(); }, looks < 20 ? 2_000 : 10_000);
}
watch();

// One stream, and only while the page is in sight: browsers allow few connections to one host.
let source;
let mark = main?.dataset.mark ?? "";
function listen() {
  if (source || document.hidden || !main) return;
  const ask = new URLSearchParams();
  if (ticket) ask.set("ticket", ticket);
  if (mark) ask.set("since", mark);
  source = new EventSource(`/api/events/stream?${ask}`);
  source.addEventListener("hello", () => { document.documentElement.dataset.heard = "yes"; });
  source.addEventListener("ticket", (event) => {
    mark = event.lastEventId || mark;
    const change = JSON.parse(event.data);
    if (list) { touched.add(`t-${change.pid}`); later(Math.max(300, asked + 1_000 - Date.now())); }
    else if (change.pid === ticket) { looks = 0; later(); watch(); }
    else recount();
  });
  source.addEventListener("reload", () => { mark = ""; later(); });
  source.addEventListener("presence", (event) => present(JSON.parse(event.data).viewers));
  source.addEventListener("error", () => {
    if (source?.readyState !== EventSource.CLOSED) return;
    // The session has ended, or the ticket is out of sight: asked again now and then.
    hush();
    setTimeout(listen, 30_000);
  });
}
function hush() { source?.close(); source = undefined; }
addEventListener("visibilitychange", () => (document.hidden ? hush() : listen()));
addEventListener("pagehide", hush);
addEventListener("pageshow", (event) => { if (event.persisted) { left = 0; listen(); later(); } });
listen();

// Who else is here, and who writes.
let viewers = [];
function present(told = viewers) {
  viewers = told;
  const others = document.getElementById("others");
  if (!others) return;
  const writing = viewers.filter((viewer) => viewer.typing);
  const text = (words, people) => words.replace("#", people.map((person) => person.name).join(", "));
  others.textContent = writing.length ? text(others.dataset.typing, writing)
    : viewers.length ? text(others.dataset.here, viewers) : "";
  others.classList.toggle("is-typing", writing.length > 0);
  others.hidden = viewers.length === 0;
}

if (document.getElementById("others")) {
  const url = `/api/support/tickets/${ticket}/presence`;
  let typed = 0;
  let told = 0;
  // A page that was fetched ahead was shown to nobody until now.
  let seen = performance.getEntriesByType("navigation")[0]?.deliveryType ? Number(main.dataset.newest) : undefined;
  const tell = (gone) => {
    told = Date.now();
    const body = JSON.stringify({ typing: Date.now() - typed < 5_000, gone, seen });
    seen = undefined;
    if (gone) navigator.sendBeacon(url, new Blob([body], { type: "application/json" }));
    else fetch(url, { method: "POST", headers: { "content-type": "application/json" }, body }).catch(() => {});
  };
  addEventListener("visibilitychange", () => tell(document.hidden));
  addEventListener("pagehide", () => tell(true));
  document.getElementById("composer")?.addEventListener("input", () => {
    const began = Date.now() - typed > 5_000;
    typed = Date.now();
    if (began || Date.now() - told > 3_000) tell(false);
  });
  setInterval(() => { if (!document.hidden) tell(false); }, 5_000);
  if (!document.hidden) tell(false);
}

// Coming back to a list finds the same scroll and the same row.
if (document.getElementById("list")) {
  const list = document.getElementById("list");
  const place = `list ${location.pathname}${location.search}`;
  const box = () => (list.scrollHeight > list.clientHeight ? list : document.scrollingElement);
  const [how] = performance.getEntriesByType("navigation");
  const kept = sessionStorage.getItem(place);
  // From a ticket that was come to by its neighbours: where it stands.
  const row = /^#t-/.test(location.hash) && document.getElementById(location.hash.slice(1));
  // The browser takes the focus away as it goes to the row, at the latest when all is loaded.
  if (row && how?.type !== "back_forward") addEventListener("load", () => setTimeout(() => row.querySelector(".row-link").focus()));
  if (kept && how?.type === "back_forward") {
    const { top, row } = JSON.parse(kept);
    box().scrollTop = top;
    if (row) document.getElementById(row)?.querySelector("a")?.focus({ preventScroll: true });
  }
  addEventListener("pagehide", () => {
    const row = document.activeElement.closest?.(".row")?.id;
    sessionStorage.setItem(place, JSON.stringify({ top: box().scrollTop, row }));
  });
}
