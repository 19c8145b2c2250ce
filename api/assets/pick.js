// What is typed after `@` in a note names a colleague, after `/` a canned reply: a list under the text offers what fits,
// by arrows and Enter, or by a click. The list of canned replies shows what each would say on this ticket.

const box = document.getElementById("pick");
const list = box?.querySelector("ul");
const shown = box?.querySelector(".rich");
const ticket = document.querySelector("main[data-ticket]")?.dataset.ticket;
const people = [...document.querySelectorAll("#colleagues li")].map((li) => ({ word: li.dataset.handle, name: li.textContent }));
const json = (url, body) => fetch(url, body && {
  method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body),
}).then((answer) => { if (!answer.ok) throw new Error(answer.status); return answer.json(); });

let canned;
const texts = new Map();
const said = (id) => {
  if (!texts.has(id)) texts.set(id, json(`/api/support/canned-replies/${id}/resolve`, { ticket }));
  return texts.get(id);
};

// Where the caret stands in a word that asks for a list: what kind, from where, and what was typed of it.
function asked(field) {
  if (field.selectionStart !== field.selectionEnd) return null;
  const before = field.value.slice(0, field.selectionStart);
  const word = /(^|[\s(])([@/])([\p{L}\p{N}._@-]*)$/u.exec(before);
  if (!word || (word[2] === "@" && field.id !== "note")) return null;
  return { kind: word[2], from: before.length - word[3].length - 1, typed: word[3].toLowerCase() };
}

let state = null;
function close() {
  if (!state) return;
  state.field.removeAttribute("aria-activedescendant");
  state = null;
  box.hidden = true;
}

async function open(field) {
  const now = asked(field);
  if (!now) return close();
  if (now.kind === "/") {
    canned ??= json(`/api/support/canned-replies?ticket=${ticket}`).then((a) => a.data.map((c) => ({ word: c.shortcut, name: c.name, id: c.id }))).catch(() => []);
  }
  const all = now.kind === "@" ? people : await canned;
  // Typing went on meanwhile.
  if (asked(field)?.from !== now.from || document.activeElement !== field) return;
  now.typed = asked(field).typed;
  const fits = ({ word, name }) => word.includes(now.typed) || name.toLowerCase().includes(now.typed);
  const found = all.filter(fits).sort((a, b) => b.word.startsWith(now.typed) - a.word.startsWith(now.typed)).slice(0, 8);
  if (!found.length && !(now.kind === "/" && !now.typed)) return close();
  state = { ...now, field, found, at: 0 };
  draw();
}

function draw() {
  const { field, found, at, kind } = state;
  list.replaceChildren(...found.map((one, n) => {
    const li = document.createElement("li");
    li.id = `pick-${n}`;
    li.role = "option";
    li.ariaSelected = n === at;
    li.append(Object.assign(document.createElement("b"), { textContent: `${kind}${one.word}` }), ` ${one.name}`);
    // Before the field loses the focus.
    li.addEventListener("pointerdown", (event) => { event.preventDefault(); choose(n); });
    return li;
  }));
  box.hidden = false;
  list.hidden = found.length === 0;
  box.querySelector(".quiet").hidden = found.length > 0;
  field.closest("form").querySelector("textarea").after(box);
  if (found.length) field.setAttribute("aria-activedescendant", `pick-${at}`);
  shown.hidden = true;
  const { id } = found[at] ?? {};
  if (!id) return;
  said(id).then((text) => {
    if (state?.found[state.at]?.id !== id) return;
    shown.innerHTML = text.html;
    shown.hidden = false;
  }).catch(() => texts.delete(id));
}

async function choose(n) {
  const { field, from, found, kind } = state;
  const { word, id } = found[n];
  const to = field.selectionStart;
  let text = `@${word} `;
  if (kind === "/") {
    try { text = (await said(id)).body; } catch { texts.delete(id); return; }
    field.form.append(Object.assign(document.createElement("input"), { type: "hidden", name: "canned", value: id }));
  }
  close();
  field.focus();
  field.setSelectionRange(from, to);
  if (!document.execCommand("insertText", false, text)) field.setRangeText(text, from, to, "end");
  field.dispatchEvent(new Event("input", { bubbles: true }));
  close();
}

for (const field of box ? document.querySelectorAll("#reply, #note") : []) {
  field.setAttribute("aria-autocomplete", "list");
  field.setAttribute("aria-controls", "pick-list");
  field.addEventListener("input", () => open(field));
  field.addEventListener("blur", close);
  field.addEventListener("keydown", (event) => {
    if (state?.field !== field || box.hidden || event.isComposing) return;
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (by && state.found.length) state.at = (state.at + by + state.found.length) % state.found.length;
    else if (["Enter", "Tab"].includes(event.key) && state.found.length && !event.ctrlKey && !event.metaKey) choose(state.at);
    else if (event.key === "Escape") close();
    else return;
    event.preventDefault();
    event.stopImmediatePropagation();
    if (state && by) draw();
  });
}
