// The keyboard. What each key does stands in the help sheet of the page, which is drawn from the server's list: this
// file knows verbs, not keys.

const sheet = document.getElementById("keys");
const toggle = document.getElementById("keys-on");
export const keys = new Map();
for (const line of sheet?.querySelectorAll("[data-press]") ?? []) {
  keys.set(line.dataset.press, { ...line.dataset, name: line.querySelector("dd").textContent });
}

const visible = (node) => node.checkVisibility?.({ visibilityProperty: true }) ?? true;
const all = (selector) => [...document.querySelectorAll(selector)].filter(visible);

// Where `j` and `k` stand: the focus itself, so that Enter, screen readers and the eye agree.
function step(selector, by) {
  const items = all(selector);
  if (!items.length) return;
  const active = document.activeElement;
  const focused = items.indexOf(active.closest(selector) ?? active.closest(".row")?.querySelector(selector));
  const at = focused < 0 ? (by > 0 ? 0 : items.length - 1) : focused + by;
  const item = items[Math.min(Math.max(at, 0), items.length - 1)];
  if (!item.matches("a, button")) item.tabIndex = -1;
  item.focus({ preventScroll: true });
  item.scrollIntoView({ block: "nearest" });
}

// On a ticket the next item is the next ticket of the list that it was opened from; after the last one there is none.
function hop(which, selector) {
  if (!document.getElementById("near") || selector.includes(".msg")) return false;
  document.getElementById(`near-${which}`)?.click();
  return true;
}

// What is about chosen rows is about the one where the cursor stands, if none is chosen.
function point(selector) {
  if (!selector.includes("#bulk-") || document.querySelector(".pick:checked")) return;
  document.activeElement.closest(".row")?.querySelector(".pick")?.click();
}

const verbs = {
  next(selector) { if (!hop("next", selector)) step(selector, 1); },
  previous(selector) { if (!hop("previous", selector)) step(selector, -1); },
  follow(selector) { document.activeElement.closest(selector)?.click(); },
  unfold(selector) {
    point(selector);
    const [part] = all(selector);
    if (part?.matches("details")) part.open = true;
    if (part?.matches("button")) return part.click();
    (part?.querySelector("input:not([type=hidden])") ?? part)?.focus();
  },
  focus(selector) { point(selector); const [field] = all(selector); field?.focus(); field?.select?.(); },
  select(selector) { document.activeElement.closest(selector)?.querySelector(".pick")?.click(); },
  choose(selector) {
    point(selector);
    const [list] = all(selector);
    list?.focus();
    try { list?.showPicker?.(); } catch { /* not every browser opens a list by script */ }
  },
  click(selector) { (all(selector)[0] ?? document.querySelector(selector))?.click(); },
  open(selector) { document.querySelector(selector)?.showModal(); },
  write(selector) {
    const field = document.querySelector(selector);
    const tab = document.getElementById(`kind-${field?.id}`);
    if (tab && !tab.checked) tab.click();
    field?.focus();
  },
  insert(selector) {
    const [field] = all(selector);
    if (!field) return;
    field.focus();
    const before = field.value.slice(0, field.selectionStart);
    document.execCommand("insertText", false, !before || before.endsWith("\n") ? "/" : "\n/");
  },
  solve(selector) {
    point(selector);
    const [list] = all(selector);
    if (!list || list.value === "solved") return;
    list.value = "solved";
    list.dispatchEvent(new Event("change", { bubbles: true }));
  },
  // Where the list is the page before this one, it comes back as it was, scrolled and all.
  back(selector) {
    const link = document.querySelector(selector);
    if (!link) return;
    const from = document.referrer && new URL(document.referrer);
    if (from && from.origin === location.origin && from.pathname === new URL(link.href).pathname) history.back();
    else link.click();
  },
  palette() { dispatchEvent(new Event("postroom:palette")); },
  copy(selector) { document.querySelector(selector)?.click(); },
};

export const press = (key) => verbs[key.act](key.on);

const off = () => localStorage.getItem("keys") === "off";
const typing = (node) => node.isContentEditable || node.matches("input:not([type=radio], [type=checkbox]), textarea, select");

let before = "";
let forget;
addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.repeat && !"jkJK".includes(event.key)) return;
  if (event.key === "Escape" && event.target.matches?.("#q, #reply, #note")) return event.target.blur();
  if (off() || document.querySelector("dialog[open]") || typing(event.target) || event.key.length > 1) return;
  const pressed = before ? `${before} ${event.key}` : event.key;
  clearTimeout(forget);
  before = "";
  const key = keys.get(pressed) ?? keys.get(event.key);
  if (key) {
    event.preventDefault();
    press(key);
  } else if ([...keys.keys()].some((k) => k.startsWith(`${event.key} `))) {
    before = event.key;
    forget = setTimeout(() => { before = ""; }, 1500);
  }
});

if (sheet) {
  toggle.checked = !off();
  toggle.addEventListener("change", () => localStorage.setItem("keys", toggle.checked ? "on" : "off"));
  sheet.addEventListener("click", (event) => { if (event.target === sheet) sheet.close(); });
  for (const button of document.querySelectorAll("[data-keys-open]")) {
    button.hidden = false;
    button.addEventListener("click", () => sheet.showModal());
  }
}
