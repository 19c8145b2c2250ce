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

  const set = (files) => {
    const all = new DataTransfer();
    for (const file of files) all.items.add(file);
    input.files = all.files;
    input.dispatchEvent(new Event("change"));
  };
  input.addEventListener("change", () => {
    list.replaceChildren(...[...input.files].map((file, at) => {
      const remove = document.createElement("button");
      remove.type = "button";
      remove.setAttribute("aria-label", `${box.dataset.remove}: ${file.name}`);
      remove.title = box.dataset.remove;
      remove.append(icon("x"));
      remove.addEventListener("click", () => {
        set([...input.files].filter((_, other) => other !== at));
        button.focus();
      });
      const name = Object.assign(document.createElement("span"), { className: "clip", textContent: file.name, title: file.name });
      const size = Object.assign(document.createElement("span"), { className: "quiet", textContent: kilobytes(file.size) });
      const line = document.createElement("li");
      line.className = "chip";
      line.append(name, size, remove);
      return line;
    }));
  });

  // Dropped on the whole form, or pasted into its text.
  const form = input.form;
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
    set([...input.files, ...files(event.dataTransfer)]);
  });
  form.addEventListener("paste", (event) => {
    if (!files(event.clipboardData).length) return;
    event.preventDefault();
    set([...input.files, ...files(event.clipboardData)]);
  });
}
