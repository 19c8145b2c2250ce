// A reply that is held can be taken back wherever its author went on to: its form goes along, for as long as it is of use.

const KEY = "held";
const own = () => document.querySelector(":is(.msg, .undo) .take-back[data-left]");

addEventListener("pagehide", () => {
  const form = own();
  const left = Number(form?.querySelector(".hint")?.textContent.match(/\d+/)?.[0] ?? 0);
  if (!left) return;
  const pid = form.dataset.pid ?? document.querySelector("main").dataset.ticket;
  sessionStorage.setItem(KEY, JSON.stringify({ pid, form: form.outerHTML, until: Date.now() + 1000 * left }));
});

const kept = JSON.parse(sessionStorage.getItem(KEY) ?? "null");
sessionStorage.removeItem(KEY);
const rest = kept ? Math.floor((kept.until - Date.now()) / 1000) : 0;
const place = document.querySelector(".app");
if (rest > 0 && place && document.querySelector("main")?.dataset.ticket !== kept.pid) {
  const form = new DOMParser().parseFromString(kept.form, "text/html").querySelector("form");
  form.dataset.left = rest;
  form.prepend(Object.assign(document.createElement("span"), { className: "pid", textContent: kept.pid }));
  const bar = Object.assign(document.createElement("div"), { className: "held" });
  bar.setAttribute("role", "status");
  bar.append(document.adoptNode(form));
  place.append(bar);
  const gone = setTimeout(() => bar.remove(), rest * 1000);
  // On to yet another page: it comes along.
  addEventListener("pagehide", () => {
    const left = kept.until - Date.now();
    if (bar.isConnected && left > 1000 && !form.dataset.sent) sessionStorage.setItem(KEY, JSON.stringify(kept));
  });
  form.addEventListener("submit", () => clearTimeout(gone));
}
