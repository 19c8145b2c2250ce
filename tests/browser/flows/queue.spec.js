// The queue: filters stand in the address, pages follow each other without a gap.
import { deliver, expect, mailbox, test } from "../support/fixtures.js";

test("filters narrow the list and can be cleared", async ({ agent: page, server, t }) => {
  const { pid } = await deliver(server, { from: "a@shop.example", to: mailbox, subject: "Filter me", text: "Hello" });
  await page.goto("/dashboard/support?view=all&status=solved");
  await expect(page.locator(`#t-${pid}`)).toHaveCount(0);
  await page.getByRole("link", { name: t("filters-clear") }).first().click();
  await expect(page.locator(`#t-${pid}`)).toBeVisible();
});

test("paging shows every ticket once", async ({ agent: page, server, t }) => {
  const wanted = new Set();
  for (let n = 0; n < 60; n += 1) {
    const mail = await deliver(server, { from: `p${n}@pages.example`, to: mailbox, subject: `Page ${n}`, text: "x" });
    wanted.add(mail.pid);
  }
  await page.goto("/dashboard/support?view=all");
  const seen = [];
  for (;;) {
    seen.push(...(await page.locator(".row .pid").allTextContents()));
    const next = page.getByRole("link", { name: t("page-next") });
    if ((await next.count()) === 0) break;
    await next.click();
    await page.waitForLoadState();
  }
  expect(new Set(seen).size, "a ticket stands on two pages").toBe(seen.length);
  for (const pid of wanted) expect(seen).toContain(pid);
});
