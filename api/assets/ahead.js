// A ticket that the pointer or the cursor rests at is fetched ahead: browsers that can do so for links of this class, by the
// rules of ahead.json. Nobody has seen it until it is shown: live.js says so then.

let rest;
function about(event) {
  const row = event.target.closest?.(".row, #near li");
  const link = row?.querySelector(".row-link, a");
  clearTimeout(rest);
  if (!link || link.matches(".is-next, [aria-current]")) return;
  rest = setTimeout(() => {
    for (const old of document.querySelectorAll(".is-next")) old.classList.remove("is-next");
    link.classList.add("is-next");
  }, 60);
}
addEventListener("pointerover", about, { passive: true });
addEventListener("focusin", about);
