// Every page: nothing that a screen reader stumbles over in light and dark, nothing that scrolls sideways or is cut
// off at any width. POSTROOM_SHOTS=folder keeps a picture of each.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { expect, test } from "../support/fixtures.js";
import { everyPage } from "../support/pages.js";
import { words } from "../support/words.js";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const shots = process.env.POSTROOM_SHOTS;

async function open(on, path, act, status = 200) {
  const answer = await on.goto(path);
  expect.soft(answer.status(), `${path} answers`).toBe(status);
  if (act) await act(on);
}

async function pagesOf({ agent, browser, server, complaints, language, javaScriptEnabled }) {
  complaints.allowed.push(/status of (404|410|422)/); // asked for here
  const locale = language === "de" ? "de-DE" : "en-GB";
  const context = await browser.newContext({ baseURL: server.url, locale, javaScriptEnabled });
  const other = await browser.newContext({ baseURL: server.url, locale, javaScriptEnabled });
  const pages = await everyPage({ server, agent, stranger: await context.newPage(), customer: await other.newPage(), t: words(language) });
  return { pages, close: () => Promise.all([context.close(), other.close()]) };
}

test("@script every page can be read by everybody, in light and dark", async ({ agent, browser, server, complaints }) => {
  test.setTimeout(180_000);
  const { pages, close } = await pagesOf({ agent, browser, server, complaints, language: "en", javaScriptEnabled: true });
  for (const [on, name, path, act, status] of pages) {
    // Colours are the same at any width.
    for (const [width, schemes] of [[1440, ["light", "dark"]], [375, ["light"]]]) {
      await on.setViewportSize({ width, height: 900 });
      await on.emulateMedia({ colorScheme: "light", reducedMotion: "reduce" });
      await open(on, path, act, status);
      await on.evaluate(axe);
      for (const colorScheme of schemes) {
        await on.emulateMedia({ colorScheme, reducedMotion: "reduce" });
        const { violations } = await on.evaluate(() => axe.run(document, { resultTypes: ["violations"] }));
        const found = violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.target.join(" ")).join(", ")}`);
        expect.soft(found, `${name} in ${colorScheme} at ${width} px`).toEqual([]);
      }
    }
  }
  await close();
});

test("every page fits", async ({ agent, browser, server, complaints, language, javaScriptEnabled }) => {
  test.setTimeout(180_000);
  const { pages, close } = await pagesOf({ agent, browser, server, complaints, language, javaScriptEnabled });
  for (const [on, name, path, act, status] of pages) {
    await on.setViewportSize({ width: 1440, height: 900 });
    await on.emulateMedia({ colorScheme: language === "de" ? "dark" : "light", reducedMotion: "reduce" });
    await open(on, path, act, status);
    for (const width of [1440, 1024, 900, 375, 320]) {
      await on.setViewportSize({ width, height: 900 });
      if (shots) {
        const file = `${name}-${language}-${width}${javaScriptEnabled ? "" : "-plain"}.png`;
        await on.screenshot({ path: join(shots, file), fullPage: width === 375 });
      }
      const { sideways, cut } = await on.evaluate(() => {
        // What is cut off without a way to read the rest: words of controls and labels, and rows that run out of a box.
        const words = ".btn, .nav, .tab, .filter, .status, .priority, .sla, .chip, .pid, label, dt, dd, td, th, h1, h2, summary";
        const hidden = (n) => !n.checkVisibility() || n.closest(".sr, .trap, [title]") || n.clientWidth < 2;
        const over = (n) => n.scrollWidth > n.clientWidth + 1 && getComputedStyle(n).display !== "inline";
        const name = (n) => `${n.tagName.toLowerCase()}.${n.className} "${n.textContent.trim().slice(0, 40)}"`;
        return {
          sideways: document.documentElement.scrollWidth - innerWidth,
          cut: [...document.querySelectorAll(words)].filter((n) => !hidden(n) && over(n)).map(name),
        };
      });
      expect.soft(sideways, `${name} at ${width} px scrolls sideways by`).toBeLessThanOrEqual(0);
      expect.soft(cut, `${name} at ${width} px cuts off`).toEqual([]);
    }
  }
  await close();
});
