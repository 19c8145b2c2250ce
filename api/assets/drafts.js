// What is being written is kept by the server a second after typing stops, on leaving the field and on leaving the page;
// where that fails, in this tab until it works again.

const composer = document.querySelector("[data-draft]");
const here = (kind) => `draft ${composer.dataset.draft} ${kind}`;

for (const field of composer?.querySelectorAll("textarea[data-kind]") ?? []) {
  const { form, dataset: { kind } } = field;
  const said = form.querySelector(".draft-said");
  const drop = form.querySelector(".draft-drop");
  let kept = field.defaultValue;
  let due;
  let sending = false;
  let leaving = false;

  // What could not be kept stands here; what the server gives back after a refusal goes first.
  const left = sessionStorage.getItem(here(kind));
  if (left && !field.value) {
    field.value = left;
    save();
  }
  sessionStorage.removeItem(here(kind));

  function say(word) {
    if (said) said.textContent = word ? said.dataset[word] : "";
    if (drop) drop.hidden = !field.value.trim();
  }
  function save(last = false) {
    clearTimeout(due);
    const body = field.value;
    if (sending || body === kept) return;
    kept = body;
    fetch(composer.dataset.draft, {
      method: "PUT",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ kind, body }),
      // Browsers carry little once a page is gone: what is longer was kept a second after it was typed.
      keepalive: last && body.length < 20_000,
    }).then((answer) => {
      if (!answer.ok) throw new Error(answer.status);
      say(body.trim() ? "saved" : "");
      sessionStorage.removeItem(here(kind));
    }).catch(() => {
      // A page that is being left hears no answer: that is no failure.
      if (leaving) return;
      sessionStorage.setItem(here(kind), body);
      kept = null;
      say("failed");
    });
  }
  if (drop) drop.hidden = !field.value.trim();
  field.addEventListener("input", () => {
    say("");
    clearTimeout(due);
    due = setTimeout(save, 1_000);
  });
  field.addEventListener("blur", () => save());
  addEventListener("visibilitychange", () => { if (document.hidden) save(true); });
  addEventListener("pagehide", () => {
    leaving = true;
    save(true);
  });
  // The message takes its draft along: nothing that comes later may bring it back.
  form.addEventListener("submit", (event) => {
    if (event.defaultPrevented) return;
    sending = true;
    clearTimeout(due);
  });
  addEventListener("pageshow", () => { sending = leaving = false; });
}

// How long a reply can still be taken back.
const ends = new WeakMap();
function count() {
  for (const form of document.querySelectorAll(".take-back[data-left]")) {
    if (!ends.has(form)) ends.set(form, performance.now() + 1000 * form.dataset.left);
    const left = Math.max(0, Math.ceil((ends.get(form) - performance.now()) / 1000));
    form.querySelector(".hint").textContent = form.dataset.text.replace("#", left);
  }
}
if (document.querySelector("[data-live=ticket], .take-back")) {
  count();
  setInterval(count, 250);
}

// A reload says nothing was done twice.
const done = new URL(location.href);
if (done.searchParams.has("did")) {
  done.searchParams.delete("did");
  history.replaceState(history.state, "", done);
}
