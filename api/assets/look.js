// A file is looked at above the conversation: what the page behind its link shows comes into a dialog. Without script, with
// another key pressed, or where that fails, the link leads to that page.

const dialog = document.getElementById("look-dialog");
const here = document.getElementById("look-here");
let opener;
let turns = 0;

async function show(link) {
  const mine = ++turns;
  const answer = await fetch(link.href, { headers: { accept: "text/html" } });
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const file = answer.ok && page.getElementById("look");
  // Somebody went on meanwhile.
  if (mine !== turns) return;
  if (!file) return location.assign(link.href);
  here.replaceChildren(document.adoptNode(file));
  const others = strip();
  for (const button of dialog.querySelectorAll("[data-turn]")) {
    button.hidden = others.length < 2;
    button.disabled = !others[others.indexOf(opener) + Number(button.dataset.turn)];
  }
  if (!dialog.open) dialog.showModal();
  // The way on stays under the finger; else the picture or text can be scrolled at once.
  const way = link.rel && here.querySelector(`[rel="${link.rel}"]`);
  (way || (here.querySelector("[tabindex]") ?? dialog)).focus({ preventScroll: true });
  dialog.scrollTop = 0;
}

// The files beside the one that is shown.
const strip = () => [...(opener?.closest(".files")?.querySelectorAll("a[data-look]") ?? [])];

function turn(by) {
  const others = strip();
  const next = others[others.indexOf(opener) + by];
  if (!next) return;
  opener = next;
  show(next);
}

if (dialog) {
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a[data-look]");
    if (!link || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    if (!dialog.contains(link)) opener = link;
    show(link).catch(() => location.assign(link.href));
  });
  dialog.addEventListener("click", (event) => {
    const button = event.target.closest("[data-turn]");
    if (button) turn(Number(button.dataset.turn));
    else if (event.target === dialog) dialog.close();
  });
  dialog.addEventListener("keydown", (event) => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (by && !event.target.matches("pre")) turn(by);
  });
  dialog.addEventListener("close", () => {
    here.replaceChildren();
    opener?.focus();
  });
}
