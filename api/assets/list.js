// The list: rows are chosen, one by one or in ranges, something is done with all of them, and can be taken back.

const form = document.getElementById("bulk");
const picks = () => [...document.querySelectorAll(".pick")];
const count = form?.querySelector("output");
const tally = () => { if (count) count.textContent = count.dataset.text.replace("#", picks().filter((pick) => pick.checked).length); };

let last;
document.addEventListener("click", (event) => {
  const pick = event.target.closest?.(".pick");
  if (!pick) return;
  const all = picks();
  const [from, to] = [all.indexOf(last), all.indexOf(pick)].sort((a, b) => a - b);
  if (event.shiftKey && from >= 0) for (const between of all.slice(from, to)) between.checked = pick.checked;
  last = pick;
  tally();
});

if (form) {
  tally();
  const clear = form.querySelector("[data-clear]");
  clear.hidden = false;
  clear.addEventListener("click", () => { for (const pick of picks()) pick.checked = false; tally(); });
  // A choice is an act; the buttons beside are for those without script.
  for (const button of form.querySelectorAll(".bulk-act button")) button.hidden = true;
  form.addEventListener("change", (event) => {
    if (event.target.matches("select") && event.target.value) form.requestSubmit(event.target.parentElement.querySelector("button"));
  });
}

// The list is drawn anew where it stands: nothing scrolls away.
document.addEventListener("submit", async (event) => {
  const sent = event.target;
  if (!sent.matches("#bulk, .undo form") || !document.getElementById("rows")) return;
  event.preventDefault();
  const row = document.activeElement.closest(".row")?.id ?? document.querySelector(".row:has(.pick:checked)")?.id;
  const at = [...document.querySelectorAll(".row")].findIndex((one) => one.id === row);
  const body = new URLSearchParams(new FormData(sent, event.submitter));
  const answer = await fetch(sent.getAttribute("action"), { method: "POST", body, headers: { accept: "text/html" } });
  if (!answer.ok) { location.assign(answer.url); return; }
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  // It leads elsewhere: what is asked for is asked once more there.
  if (!page.getElementById("rows")) { location.assign(answer.url); return; }
  document.getElementById("rows").replaceWith(document.adoptNode(page.getElementById("rows")));
  form?.reset();
  tally();
  const now = [...document.querySelectorAll(".row")];
  (document.getElementById(row) ?? now[Math.min(Math.max(at, 0), now.length - 1)])?.querySelector(".row-link")?.focus({ preventScroll: true });
  dispatchEvent(new CustomEvent("postroom:drawn", { detail: document.getElementById("rows") }));
  dispatchEvent(new CustomEvent("postroom:acted", { detail: page }));
  offered();
});

// For ten seconds; and what was done is not said again when the page is.
let over;
function offered() {
  clearTimeout(over);
  over = setTimeout(() => document.querySelector(".undo")?.remove(), 10_000);
  const here = new URL(location.href);
  for (const name of ["did", "undo", "changed", "refused", "was", "sent"]) here.searchParams.delete(name);
  if (here.href !== location.href) history.replaceState(null, "", here);
}
if (document.querySelector(".undo")) offered();
