// Comforts only: every page works without script.
import "./ahead.js";
import "./composer.js";
import "./files.js";
import "./drafts.js";
import "./frames.js";
import "./held.js";
import "./keys.js";
import "./list.js";
import "./live.js";
import "./look.js";
import "./near.js";
import "./palette.js";
import "./pick.js";
import "./upload.js";

// What is drawn, now or later, is made ready.
function ready(part) {
  // Copy buttons are hidden where nothing can copy.
  if (!navigator.clipboard) for (const button of part.querySelectorAll("button:is([data-copy], [data-copy-link])")) button.hidden = true;
  // A choice in the side panel is sent at once; its button is for those without script.
  for (const button of part.querySelectorAll("form[data-auto] button")) button.hidden = true;
  // Where the reader chose no time zone, their browser's is meant, and shown.
  for (const field of part.querySelectorAll("[data-zone]")) field.value = Intl.DateTimeFormat().resolvedOptions().timeZone ?? "";
  const { lang } = document.documentElement;
  const own = navigator.languages.find((language) => language.startsWith(lang)) ?? lang;
  for (const text of part.querySelectorAll("[data-until]")) {
    const at = new Date(text.dataset.until).toLocaleString(own, { dateStyle: "medium", timeStyle: "short" });
    text.textContent = text.dataset.text.replace("#", at);
  }
}
ready(document);
addEventListener("postroom:drawn", (event) => ready(event.detail));

document.addEventListener("click", async (event) => {
  const button = event.target.closest?.("[data-copy], [data-copy-link]");
  if (!button || !navigator.clipboard) return;
  // A link to a place on the page would lead there.
  event.preventDefault();
  await navigator.clipboard.writeText(button.dataset.copy ?? location.origin + location.pathname + button.dataset.copyLink);
  const word = button.querySelector("span");
  if (word) word.textContent = button.dataset.copied;
  else button.title = button.dataset.copied;
  button.classList.add("is-done");
});
document.addEventListener("change", (event) => event.target.closest?.("form[data-auto]")?.requestSubmit());

// A menu closes when something else is wanted; without script its own button does.
const shut = (but) => { for (const menu of document.querySelectorAll(".menu[open]")) if (menu !== but) menu.open = false; };
document.addEventListener("click", (event) => shut(event.target.closest?.("a[href*='#redact']") ? null : event.target.closest?.(".menu")));
document.addEventListener("keydown", (event) => {
  const open = event.key === "Escape" && document.querySelector(".menu[open]");
  if (!open) return;
  shut();
  open.querySelector("summary").focus();
});
// What a menu led to is where the typing goes on.
addEventListener("hashchange", () => document.querySelector(".redact:target textarea")?.focus());

// Ctrl+Enter sends what is being written.
for (const form of document.querySelectorAll("form[data-keys=send]")) {
  form.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    // Where a choice is asked for first, there is none to press.
    const send = form.querySelector("button.btn--main, button.btn--note");
    if (send) form.requestSubmit(send);
  });
}

// A message is sent once, however often the button is pressed.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "post" || event.defaultPrevented) return;
  if (form.dataset.sent) event.preventDefault();
  form.dataset.sent = "1";
});
addEventListener("pageshow", (event) => {
  if (event.persisted) for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
});

// Writing opens where the conversation ends.
const flow = document.getElementById("flow");
const fresh = document.getElementById("new");
if (flow && !location.hash && !fresh) flow.scrollTop = flow.scrollHeight;
else if (fresh && !location.hash) fresh.scrollIntoView();

// The words that a search found, marked where it led to.
const find = new URLSearchParams(location.search).get("find");
if (flow && find && window.Highlight) {
  const words = find.toLowerCase().split(/\s+/).filter(Boolean);
  const ranges = [];
  const texts = document.createTreeWalker(flow, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const text = texts.currentNode.data.toLowerCase();
    for (const word of words) {
      for (let at = text.indexOf(word); at >= 0; at = text.indexOf(word, at + word.length)) {
        const range = document.createRange();
        range.setStart(texts.currentNode, at);
        range.setEnd(texts.currentNode, Math.min(at + word.length, texts.currentNode.data.length));
        ranges.push(range);
      }
    }
  }
  CSS.highlights.set("found", new Highlight(...ranges));
}
