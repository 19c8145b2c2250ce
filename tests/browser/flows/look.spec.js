// Every page, in light and dark and at three widths: nothing that a screen reader stumbles over, nothing that scrolls
// sideways. POSTROOM_SHOTS=folder keeps a picture of each.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { deliver, expect, mailbox, test } from "../support/fixtures.js";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const shots = process.env.POSTROOM_SHOTS;

test("@script every page is accessible and fits", async ({ agent: page, browser, server }) => {
  test.setTimeout(300_000);
  const mail = await deliver(server, {
    from: "Daniel Okafor <daniel@okafor.example>",
    to: mailbox,
    subject: "A subject that goes on for longer than any list has room for, because people write such subjects",
    text: `Hello,\n\nplease look at https://shop.example/${"a".repeat(180)} and tell me.\n\nDaniel`,
  });
  await deliver(server, { from: "mara@shop.example", to: mailbox, subject: "Second", text: "x" });
  await page.goto("/dev/mail");
  const captured = await page.locator("#captured li a").first().getAttribute("href");

  const stranger = await browser.newContext({ baseURL: server.url, locale: "en-GB" });
  const pages = [
    [await stranger.newPage(), "form", "/"],
    [await stranger.newPage(), "login", "/login"],
    [page, "queue", "/dashboard/support?view=all"],
    [page, "queue-filtered", "/dashboard/support?view=all&status=solved"],
    [page, "ticket", `/dashboard/support/${mail.pid}`],
    [page, "new", "/dashboard/support/new"],
    [page, "mail", "/dashboard/mail"],
    [page, "mail-trace", `/dashboard/mail/${mail.mail_id}`],
    [page, "outbox", "/dashboard/mail/outbox"],
    [page, "dev-mail", "/dev/mail"],
    [page, "dev-mail-open", captured],
    [page, "dev-inbound", "/dev/inbound"],
  ];
  for (const [on, name, path] of pages) {
    for (const colorScheme of ["light", "dark"]) {
      await on.emulateMedia({ colorScheme, reducedMotion: "reduce" });
      for (const width of [1440, 1024, 375]) {
        await on.setViewportSize({ width, height: 900 });
        const answer = await on.goto(path);
        expect.soft(answer.status(), `${name} answers`).toBe(200);
        if (shots) await on.screenshot({ path: join(shots, `${name}-${colorScheme}-${width}.png`), fullPage: width === 375 });
        const sideways = await on.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        expect.soft(sideways, `${name} at ${width} px scrolls sideways by`).toBeLessThanOrEqual(0);
        if (width === 1024) continue; // the same content as at 1440
        await on.evaluate(axe);
        const { violations } = await on.evaluate(() => axe.run(document, { resultTypes: ["violations"] }));
        const found = violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.target.join(" ")).join(", ")}`);
        expect.soft(found, `${name} in ${colorScheme} at ${width} px`).toEqual([]);
      }
    }
  }
  await stranger.close();
});
