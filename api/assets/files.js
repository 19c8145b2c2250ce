// Files: a button, a list of what was chosen, and drop and paste, instead of the browser's own control.

const kilobytes = (bytes) => new Intl.NumberFormat(document.documentElement.lang, {
  style: "unit", unit: bytes < 1_000_000 ? "kilobyte" : "megabyte", maximumFractionDigits: 1,
}).format(bytes < 1_000_000 ? Math.max(bytes / 1000, 0.1) : bytes / 1_000_000);

const icon = (name) => {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("class", "i");
  svg.setAttribute("aria-hidden", "true");
  const use = svg.appendChild(document.createElementNS(svg.namespaceURI, "use"));
  use.setAttribute("href", `#i-${name}`);
  return svg;
};

for (const box of document.querySelectorAll("[data-files]")) {
  const input = box.querySelector("input[type=file]");
  const button = document.createElement("button");
  button.type = "button";
  button.className = "btn";
  button.append(icon("clip"), box.dataset.files);
  if (input.title) button.title = input.title;
  button.addEventListener("click", () => input.click());
  const list = document.createElement("ul");
  list.className = "chosen";
  list.setAttribute("aria-live", "polite");
  // The button stands for the control: also where a refusal's link leads to it.
  input.tabIndex = -1;
  input.setAttribute("aria-hidden", "true");
  input.addEventListener("focus", () => button.focus());
  const wrong = input.getAttribute("aria-describedby");
  if (wrong) button.setAttribute("aria-describedby", wrong);
  if (box.matches("label")) {
    box.classList.add("sr");
    box.after(button, list);
  } else {
    input.classList.add("sr");
    box.prepend(button);
    box.append(list);
    if (box.dataset.drop) button.after(Object.assign(document.createElement("span"), { className: "hint only-wide", textContent: box.dataset.drop }));
  }

  const line = (file, remove) => {
    const drop = document.createElement("button");
    drop.type = "button";
    drop.setAttribute("aria-label", `${box.dataset.remove}: ${file.name}`);
    drop.title = box.dataset.remove;
    drop.append(icon("x"));
    const name = Object.assign(document.createElement("span"), { className: "clip", textContent: file.name, title: file.name });
    const size = Object.assign(document.createElement("span"), { className: "quiet", textContent: kilobytes(file.size) });
    const li = document.createElement("li");
    li.className = "chip";
    li.append(name, size, drop);
    drop.addEventListener("click", () => {
      remove(li);
      button.focus();
    });
    return li;
  };
  const form = input.form;

  // Without a place to send them to at once, files wait for the form.
  const set = (files) => {
    const all = new DataTransfer();
    for (const file of files) all.items.add(file);
    input.files = all.files;
    input.dispatchEvent(new Event("change"));
  };
  let add = (files) => set([...input.files, ...files]);
  let chosen = () => {
    list.replaceChildren(...[...input.files].map((file, at) => line(file, () => set([...input.files].filter((_, other) => other !== at)))));
  };
  if (box.dataset.upload) {
    add = (files) => { for (const file of files) upload(file); };
    chosen = () => {
      add([...input.files]);
      input.value = "";
    };
    uploads(form);
  }
  input.addEventListener("change", () => chosen());

  function upload(file) {
    const { most, tenant, tooLarge, failed } = box.dataset;
    const request = new XMLHttpRequest();
    const li = line(file, (gone) => {
      request.abort();
      gone.remove();
      settle(form);
    });
    list.append(li);
    const wrong = (text) => {
      li.classList.add("chip--bad");
      li.querySelector(".quiet").textContent = text;
      bar.remove();
    };
    const bar = Object.assign(document.createElement("progress"), { max: 1, value: 0 });
    bar.setAttribute("aria-label", file.name);
    if (file.size > Number(most)) return wrong(tooLarge);
    li.querySelector(".quiet").after(bar);
    li.dataset.busy = "";
    request.upload.addEventListener("progress", (event) => { bar.value = event.loaded / event.total; });
    request.addEventListener("loadend", () => {
      delete li.dataset.busy;
      let answer = null;
      try { answer = JSON.parse(request.responseText); } catch { /* no answer of ours */ }
      if (request.status === 201) {
        bar.remove();
        li.append(Object.assign(document.createElement("input"), { type: "hidden", name: "attachment", value: answer.id }));
      } else if (li.isConnected) wrong(answer?.errors?.[0]?.message ?? failed);
      settle(form);
    });
    const body = new FormData();
    body.append("tenant_id", tenant);
    body.append("file", file);
    request.open("POST", box.dataset.upload);
    request.send(body);
  }

  // Dropped on the whole form, or pasted into its text.
  const files = (data) => [...(data?.files ?? [])];
  form.addEventListener("dragover", (event) => {
    if (![...event.dataTransfer.types].includes("Files")) return;
    event.preventDefault();
    form.classList.add("is-over");
  });
  for (const end of ["dragleave", "drop"]) form.addEventListener(end, () => form.classList.remove("is-over"));
  form.addEventListener("drop", (event) => {
    if (!files(event.dataTransfer).length) return;
    event.preventDefault();
    add(files(event.dataTransfer));
  });
  form.addEventListener("paste", (event) => {
    if (!files(event.clipboardData).length) return;
    event.preventDefault();
    add(files(event.clipboardData));
  });
}

// What is sent while files are still on their way waits for them.
const waiting = new WeakMap();
function uploads(form) {
  form.addEventListener("submit", (event) => {
    if (!form.querySelector("[data-busy]")) return;
    event.preventDefault();
    waiting.set(form, event.submitter);
  });
}
function settle(form) {
  if (!waiting.has(form) || form.querySelector("[data-busy]")) return;
  const submitter = waiting.get(form);
  waiting.delete(form);
  // A file that failed is for its writer to look at first.
  if (!form.querySelector(".chip--bad")) form.requestSubmit(submitter);
}
