// What changes by itself while a page is open: deliveries on their way, the height of mail, and the place in a list.

// A reply that is held, queued or being sent: its lines are read anew until they have settled.
const moving = () => document.querySelector('.delivery [data-is="held"], .delivery [data-is="queued"], .delivery [data-is="sending"]');

async function refresh() {
  const answer = await fetch(location.pathname + location.search, { headers: { accept: "text/html" } });
  if (!answer.ok || answer.redirected) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const old of document.querySelectorAll(".msg .delivery, .msg .take-back")) {
    const message = old.closest(".msg").id;
    const now = fresh.getElementById(message)?.querySelector(`.${old.classList[0]}`);
    if (!now) old.remove();
    else if (now.innerHTML !== old.innerHTML && !old.contains(document.activeElement)) old.replaceWith(document.adoptNode(now));
  }
}

let tries = 0;
const again = () => setTimeout(async () => {
  if (!document.hidden) await refresh().catch(() => {});
  tries += 1;
  if (moving() && tries < 60) again();
}, tries < 20 ? 2_000 : 10_000);
if (moving()) again();

// A mail's frame is as high as the mail.
for (const frame of document.querySelectorAll("iframe[data-fit]")) {
  const fit = () => {
    const page = frame.contentDocument?.documentElement;
    if (!page?.isConnected || !page.querySelector("body")?.hasChildNodes()) return;
    frame.style.resize = "none";
    frame.style.height = "0";
    frame.style.height = `${Math.min(page.scrollHeight + 2, 20_000)}px`;
  };
  frame.addEventListener("load", fit);
  frame.closest("details")?.addEventListener("toggle", fit);
  if (frame.contentDocument?.readyState === "complete") fit();
}

// Coming back to a list finds the same scroll and the same row.
const list = document.getElementById("list");
if (list) {
  const place = `list ${location.pathname}${location.search}`;
  const box = () => (list.scrollHeight > list.clientHeight ? list : document.scrollingElement);
  const [how] = performance.getEntriesByType("navigation");
  const kept = sessionStorage.getItem(place);
  if (kept && how?.type === "back_forward") {
    const { top, row } = JSON.parse(kept);
    box().scrollTop = top;
    if (row) document.getElementById(row)?.querySelector("a")?.focus({ preventScroll: true });
  }
  addEventListener("pagehide", () => {
    const row = document.activeElement.closest?.(".row")?.id;
    sessionStorage.setItem(place, JSON.stringify({ top: box().scrollTop, row }));
  });
}
