// The neighbours of a ticket: further ones come into the column where it stands.

const near = document.getElementById("near");

near?.addEventListener("click", async (event) => {
  const link = event.target.closest(".near-leaf");
  if (!link || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  const answer = await fetch(link.href, { headers: { accept: "text/html" } }).catch(() => null);
  const page = answer?.ok && !answer.redirected && new DOMParser().parseFromString(await answer.text(), "text/html");
  const column = page && page.getElementById("near");
  if (!column) return location.assign(link.href);
  near.dataset.leafed = "";
  near.replaceChildren(...document.adoptNode(column).childNodes);
  // The finger stays where it was: on the way further, else on the last row that came.
  const way = link.dataset.leaf;
  const rows = near.querySelectorAll("li a");
  (near.querySelector(`[data-leaf=${way}]`) ?? rows[way === "above" ? 0 : rows.length - 1])?.focus();
});
