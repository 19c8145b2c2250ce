// Measures the budgets of the pages in Chromium against a server of its own with so many tickets, and writes what it found
// into reports/ui-latency.md. Times are the browser's: from the key or the click to what is painted.
import { chromium as browsers } from "@playwright/test";
import { execFileSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { cpus, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { chromium } from "./playwright.config.js";
import { signIn } from "./support/fixtures.js";
import { LONG, mbox, rareWord, usualWord } from "./support/mbox.js";
import { admin, startServer } from "./support/server.js";
import { words } from "./support/words.js";

const ROUNDS = 40;
const root = resolve(import.meta.dirname ?? new URL(".", import.meta.url).pathname, "../..");
const t = words("en");
const sizes = process.argv.slice(2).map(Number);

const ordered = (all) => [...all].sort((a, b) => a - b);
const at = (all, share) => ordered(all)[Math.min(all.length - 1, Math.floor(all.length * share))];
const times = (all) => ({ p50: at(all, 0.5), p95: at(all, 0.95) });

async function measured(tickets) {
  const folder = await mkdtemp(join(tmpdir(), "postroom-latency-"));
  const file = join(folder, "mail.mbox");
  const messages = await mbox(file, tickets);
  const began = Date.now();
  const server = await startServer();
  server.run("mail", "import", file);
  console.log(`${tickets} tickets, ${messages} messages, taken in within ${Math.round((Date.now() - began) / 1000)} s`);
  const browser = await browsers.launch(chromium);
  try {
    return { tickets, messages, ...(await inBrowser(browser, server, tickets)) };
  } finally {
    await browser.close();
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

async function inBrowser(browser, server, tickets) {
  const page = await browser.newPage({ viewport: { width: 1440, height: 900 }, locale: "en-GB" });
  await page.addInitScript(observe);
  await page.goto(`${server.url}/login`);
  await signIn(page, t);
  await page.waitForURL(/dashboard/);
  const queue = `${server.url}/dashboard/support?view=all`;
  await indexed(page, queue);

  // The first load of all, with nothing kept: what it weighs.
  await page.goto("about:blank");
  const cold = await browser.newContext({ viewport: { width: 1440, height: 900 }, storageState: await page.context().storageState() });
  const first = await cold.newPage();
  await first.goto(queue, { waitUntil: "load" });
  await first.waitForTimeout(500);
  const weight = await first.evaluate(weigh);
  await cold.close();

  const found = { weight, server: {}, open: {}, shift: {} };
  // Warm: each page is opened by a click or a form, as an agent would, and timed by the browser.
  const visit = async (name, go, rounds = ROUNDS) => {
    const [shown, served, shift] = [[], [], []];
    for (let n = 0; n < rounds; n += 1) {
      await go(n);
      await page.waitForLoadState("load");
      const seen = await page.evaluate(look);
      shown.push(seen.shown);
      served.push(seen.served);
      shift.push(seen.shift);
    }
    found.open[name] = times(shown);
    found.server[name] = times(served);
    found.shift[name] = Math.max(...shift);
  };
  const views = ["unassigned", "open", "all"];
  await page.goto(queue);
  await visit("view", async (n) => {
    const view = views[n % views.length];
    await Promise.all([page.waitForURL(new RegExp(`view=${view}`)), page.locator(`.rail a[href$="view=${view}"]`).first().click()]);
  });
  await visit("ticket", async (n) => {
    await page.goto(queue);
    await Promise.all([page.waitForURL(/support\/\d{6}-/), page.locator("#list .row a.subject, #list .row a").nth(n % 20).click()]);
  });
  await visit("long", () => page.goto(`${queue}&q=${LONG}`).then(() =>
    Promise.all([page.waitForURL(/support\/\d{6}-/), page.locator("#list .row a").first().click()])), 15);
  await visit("usual", () => page.goto(`${queue}&q=${usualWord}`));
  await visit("rare", (n) => page.goto(`${queue}&q=${rareWord(n * 97 % tickets)}`));

  await page.goto(queue);
  found.keys = {};
  for (const [name, key] of [["j", "j"], ["x", "x"], ["k", "k"]]) {
    await page.evaluate(() => { window.pressed.length = 0; });
    for (let n = 0; n < ROUNDS; n += 1) {
      await page.keyboard.press(key);
      await page.waitForTimeout(30);
    }
    found.keys[name] = times(await page.evaluate(() => window.pressed));
  }
  return found;
}

// Within the page: layout shifts, and for each key the time until what it changed was painted.
function observe() {
  window.shift = 0;
  window.pressed = [];
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shift += entry.value;
  }).observe({ type: "layout-shift", buffered: true });
  addEventListener("keydown", (event) => {
    requestAnimationFrame(() => {
      const painted = new MessageChannel();
      painted.port1.onmessage = () => window.pressed.push(performance.now() - event.timeStamp);
      painted.port2.postMessage(null);
    });
  }, true);
}
function look() {
  const [page] = performance.getEntriesByType("navigation");
  const paint = performance.getEntriesByName("first-contentful-paint")[0];
  return {
    shown: paint?.startTime ?? page.domContentLoadedEventEnd,
    served: page.responseStart - page.requestStart,
    shift: window.shift,
  };
}
function weigh() {
  const [page] = performance.getEntriesByType("navigation");
  const sum = (ending) => performance.getEntriesByType("resource").filter((r) => new URL(r.name).pathname.endsWith(ending))
    .reduce((n, r) => n + r.encodedBodySize, 0);
  return { page: page.encodedBodySize, script: sum(".js"), style: sum(".css") };
}

// The worker indexes what came in meanwhile; the last mail is found when all is.
async function indexed(page, queue) {
  for (let n = 0; n < 900; n += 1) {
    await page.goto(`${queue}&q=${LONG}`);
    if (await page.locator("#list .row").count()) return;
    await page.waitForTimeout(1_000);
  }
  throw new Error("the worker has not indexed everything within 15 minutes");
}

const ms = (value) => `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`;
const pair = (value) => `${ms(value.p50)} / ${ms(value.p95)}`;
const kb = (bytes) => `${(bytes / 1024).toFixed(1)} KB`;
const worst = (run) => {
  const [name, shift] = Object.entries(run.shift).reduce((a, b) => (b[1] > a[1] ? b : a));
  return [shift.toFixed(3), name];
};
// What is asked for, by how much, and how it stands: [name, budget in words, value of a run, whether it is kept].
const LINES = [
  ["Key to change: `j`", "50 ms", (r) => pair(r.keys.j), (r) => r.keys.j.p95 <= 50],
  ["Key to change: `x` (chooses a row)", "50 ms", (r) => pair(r.keys.x), (r) => r.keys.x.p95 <= 50],
  ["View switch, warm", "100 ms p95", (r) => pair(r.open.view), (r) => r.open.view.p95 <= 100],
  ["Ticket open", "150 ms p95", (r) => pair(r.open.ticket), (r) => r.open.ticket.p95 <= 150],
  ["Ticket of 2,000 messages open", "as the others", (r) => pair(r.open.long), (r) => r.open.long.p95 <= 150],
  ["Search, a word that one mail in ten has", "200 ms", (r) => pair(r.open.usual), (r) => r.open.usual.p95 <= 200],
  ["Search, a word of one ticket", "200 ms", (r) => pair(r.open.rare), (r) => r.open.rare.p95 <= 200],
  ["Server time: view", "30 ms p95", (r) => pair(r.server.view), (r) => r.server.view.p95 <= 30],
  ["Server time: ticket", "30 ms p95", (r) => pair(r.server.ticket), (r) => r.server.ticket.p95 <= 30],
  ["Server time: ticket of 2,000 messages", "30 ms p95", (r) => pair(r.server.long), (r) => r.server.long.p95 <= 30],
  ["Server time: search, usual word", "30 ms p95", (r) => pair(r.server.usual), (r) => r.server.usual.p95 <= 30],
  ["Server time: search, rare word", "30 ms p95", (r) => pair(r.server.rare), (r) => r.server.rare.p95 <= 30],
  ["Queue page over the wire", "60 KB", (r) => kb(r.weight.page), (r) => r.weight.page <= 60 * 1024],
  ["All scripts, compressed", "30 KB", (r) => kb(r.weight.script), (r) => r.weight.script <= 30 * 1024],
  ["Style, compressed", "20 KB", (r) => kb(r.weight.style), (r) => r.weight.style <= 20 * 1024],
  ["Layout shift, the worst page", "0.02", (r) => worst(r).join(", "), (r) => worst(r)[0] < 0.02],
];

const runs = [];
for (const size of sizes) runs.push(await measured(size));
const commit = execFileSync("git", ["-C", root, "rev-parse", "--short", "HEAD"]).toString().trim();
const head = runs.map((r) => ` ${r.tickets.toLocaleString("en")} tickets, ${r.messages.toLocaleString("en")} messages |`).join("");
const rows = LINES.map(([name, budget, value, kept]) =>
  `| ${name} | ${budget} |${runs.map((r) => ` ${value(r)}${kept(r) ? "" : " **over**"} |`).join("")}`);
const report = `# How fast the pages are

Made by \`scripts/ui-latency ${sizes.join(" ")}\`: the release build on SQLite with its worker, headless Chromium on the same
machine (${cpus().length} cores, ${cpus()[0].model.trim()}), at commit ${commit}. Times are p50 / p95 of ${ROUNDS} visits (15 of the ticket of
2,000 messages), as Chromium tells them: from the click to the first content painted, from the key to the frame that shows
it; server time is from the request to the first byte of the answer. What is over its budget says so.

| | budget |${head}
|---|---|${runs.map(() => "---|").join("")}
${rows.join("\n")}
`;
await writeFile(join(root, "reports/ui-latency.md"), report);
console.log(report);
