// Writing: marks by button and key, and what they will look like.

// Goes through the browser's own editing, so that its undo knows of it.
function put(field, from, to, text) {
  field.focus();
  field.setSelectionRange(from, to);
  if (!document.execCommand("insertText", false, text)) field.setRangeText(text, from, to, "end");
}

function around(field, mark) {
  const { selectionStart: from, selectionEnd: to, value } = field;
  const n = mark.length;
  if (value.slice(from - n, from) === mark && value.slice(to, to + n) === mark) {
    put(field, from - n, to + n, value.slice(from, to));
    field.setSelectionRange(from - n, to - n);
  } else {
    put(field, from, to, mark + value.slice(from, to) + mark);
    field.setSelectionRange(from + n, to + n);
  }
}

function lines(field, mark) {
  const { selectionStart, selectionEnd, value } = field;
  const from = value.lastIndexOf("\n", selectionStart - 1) + 1;
  const rows = value.slice(from, selectionEnd).split("\n");
  const has = rows.every((row) => row.startsWith(mark));
  put(field, from, selectionEnd, rows.map((row) => has ? row.slice(mark.length) : mark + row).join("\n"));
}

const marks = {
  bold: (field) => around(field, "**"),
  italic: (field) => around(field, "_"),
  list: (field) => lines(field, "- "),
  quote: (field) => lines(field, "> "),
  code(field) {
    const { selectionStart: from, selectionEnd: to, value } = field;
    const picked = value.slice(from, to);
    if (picked.includes("\n")) put(field, from, to, `\`\`\`\n${picked}\n\`\`\``);
    else around(field, "`");
  },
  link(field) {
    const { selectionStart: from, selectionEnd: to, value } = field;
    const picked = value.slice(from, to);
    const address = /^https?:\/\/\S+$/.test(picked);
    put(field, from, to, address ? `[](${picked})` : `[${picked}](https://)`);
    // The caret goes where something is missing.
    const at = address || !picked ? from + 1 : from + picked.length + 3;
    field.setSelectionRange(at, address || !picked ? at : at + 8);
  },
};
const keys = { b: "bold", i: "italic", k: "link" };

for (const bar of document.querySelectorAll(".md-bar[data-md]")) {
  const field = document.getElementById(bar.dataset.md);
  bar.hidden = false;
  bar.addEventListener("click", (event) => marks[event.target.closest("[data-mark]")?.dataset.mark]?.(field));
  field.addEventListener("keydown", (event) => {
    const mark = (event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey && keys[event.key];
    if (!mark) return;
    event.preventDefault();
    marks[mark](field);
  });
  preview(field, bar.querySelector("[data-preview]"));
}

// The server renders: what is seen is what will be sent.
function preview(field, button) {
  const place = document.getElementById(button.dataset.preview);
  const say = (text) => place.replaceChildren(Object.assign(document.createElement("p"), { className: "quiet", textContent: text }));
  let due;
  let asked = 0;
  async function draw() {
    if (!field.value.trim()) return say(button.dataset.empty);
    const turn = asked += 1;
    const answer = await fetch("/api/support/preview", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ body: field.value }),
    }).then((a) => a.ok ? a.json() : null).catch(() => null);
    if (turn !== asked) return;
    if (!answer) say(button.dataset.failed);
    else place.innerHTML = answer.html;
  }
  const show = (on) => {
    button.setAttribute("aria-pressed", on);
    place.hidden = !on;
    if (on) draw();
  };
  button.addEventListener("click", () => {
    show(place.hidden);
    localStorage.setItem("preview", place.hidden ? "" : "on");
  });
  field.addEventListener("input", () => {
    if (place.hidden) return;
    clearTimeout(due);
    due = setTimeout(draw, 250);
  });
  if (localStorage.getItem("preview")) show(true);
}

// The time to send at is the writer's own: the server is told it in UTC.
const at = document.getElementById("send_after");
if (at) {
  const label = document.querySelector("label[for=send_after]");
  label.textContent = label.dataset.local.replace("#", Intl.DateTimeFormat().resolvedOptions().timeZone);
  const utc = Object.assign(document.createElement("input"), { type: "hidden", name: "send_after_utc" });
  const set = () => { utc.value = at.value ? new Date(at.value).toISOString().slice(0, 16) : ""; };
  set();
  at.after(utc);
  at.addEventListener("change", set);
}
for (const link of document.querySelectorAll("[data-focus]")) {
  link.addEventListener("click", (event) => {
    event.preventDefault();
    document.getElementById(link.dataset.focus).focus();
  });
}
