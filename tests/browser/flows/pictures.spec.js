// The main pages look as in `pictures/`, which people looked at. After a change that is meant:
// npx playwright test pictures --update-snapshots, and look at what changed.
import { deliver, expect, mailbox, signIn, test } from "../support/fixtures.js";
import { makeUser } from "../support/people.js";
import { startServer } from "../support/server.js";

const customer = { email: "kim@shop.example", password: "a password that is long enough" };

// A server of its own: what stands on its pages is always the same, but for the times.
async function stage() {
  const server = await startServer();
  const mails = [
    ["Daniel Okafor <daniel@okafor.example>", "The invoice of March is wrong", "Hello,\n\nthe sum is that of February.\n\nDaniel"],
    ["Kim Weber <kim@shop.example>", "A certificate has expired", "Since this morning our customers see a warning.\n\n-- \nKim"],
    ["Mara Lind <mara@shop.example>", "Größe der Bestellung", "Bitte eine Nummer größer."],
  ];
  const pids = [];
  for (const [from, subject, text] of mails) pids.push((await deliver(server, { from, to: mailbox, subject, text })).pid);
  await makeUser(server, { ...customer, name: "Kim Weber", role: "customer", tenant_id: 1 });
  return { server, pids };
}

// One look at a page: fonts that every machine has, which the pages' own policy would not let in.
async function look(page, name, path) {
  await page.goto(path);
  await page.addStyleTag({ content: "*, *::before, *::after { font-family: 'DejaVu Sans' !important; }" });
  // Frames with mail in them grow to their height.
  await page.waitForTimeout(500);
  await expect.soft(page).toHaveScreenshot(`${name}.png`, { mask: [page.locator("time, .pid")] });
}

test("@script the main pages look as they did", async ({ browser, t }) => {
  test.setTimeout(120_000);
  const { server, pids } = await stage();
  const open = (viewport, colorScheme) => browser.newContext({
    baseURL: server.url, viewport, colorScheme, locale: "en-GB", timezoneId: "UTC", reducedMotion: "reduce", bypassCSP: true,
  });
  try {
    for (const [kind, viewport, scheme] of [
      ["light", { width: 1440, height: 900 }, "light"],
      ["dark", { width: 1440, height: 900 }, "dark"],
      ["phone", { width: 375, height: 812 }, "light"],
    ]) {
      const context = await open(viewport, scheme);
      const page = await context.newPage();
      await look(page, `login-${kind}`, "/login");
      await look(page, `form-${kind}`, "/");
      await page.goto("/login");
      await signIn(page, t);
      await look(page, `queue-${kind}`, "/dashboard/support?view=all");
      await look(page, `ticket-${kind}`, `/dashboard/support/${pids[1]}`);
      await look(page, `users-${kind}`, "/dashboard/settings/users");
      await context.clearCookies();
      await page.goto("/login");
      await signIn(page, t, customer);
      await look(page, `portal-${kind}`, "/portal");
      await look(page, `portal-ticket-${kind}`, `/portal/${pids[1]}`);
      await context.close();
    }
  } finally {
    await server.stop();
  }
});
