// The queue: filters stand in the address, pages follow each other without a gap.
import { deliver, expect, mailbox, test } from "../support/fixtures.js";

test("filters narrow the list and can be cleared", async ({ agent: page, server, t }) => {
  const { pid } = await deliver(server, { from: "a@shop.example", to: mailbox, subject: "Filter me", text: "Hello" });
  await page.goto("/dashboard/support?view=all&status=solved");
  await expect(page.locator(`#t-${pid}`)).toHaveCount(0);
  await page.getByRole("link", { name: t("filters-clear") }).first().click();
  await expect(page.locator(`#t-${pid}`)).toBeVisible();
});

test("dates narrow the list to what was made between them, both days whole", async ({ agent: page, server, t }) => {
  const { pid } = await deliver(server, { from: "dates@shop.example", to: mailbox, subject: "Dates", text: "Hello" });
  const row = page.locator(`#t-${pid}`);
  const day = (ahead) => new Date(Date.now() + ahead * 86_400_000).toISOString().slice(0, 10);
  await page.goto("/dashboard/support?view=all&requester=dates@shop.example");
  const open = page.locator("details.filters");
  const filter = async (since, until) => {
    if (!(await open.evaluate((d) => d.open))) await open.locator("> summary").click();
    await page.getByLabel(t("field-since"), { exact: true }).fill(since);
    await page.getByLabel(t("field-until"), { exact: true }).fill(until);
    await page.getByRole("button", { name: t("apply") }).click();
    await expect(page).toHaveURL(new RegExp(`since=${since}.*until=${until}`));
  };
  // The requester stays in the search: the filters have no field for it.
  await filter(day(-1), day(1));
  await expect(row).toBeVisible();
  await filter(day(0), day(0));
  await expect(row).toBeVisible();
  await filter(day(1), day(2));
  await expect(row).toHaveCount(0);
  await filter(day(-9), day(-1));
  await expect(row).toHaveCount(0);
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

const chosen = (page) => page.locator(".row:has(.pick:checked)");

test("@script the rail says how many tickets a view has, and goes on saying it", async ({ agent: page, server }) => {
  await page.goto("/dashboard/support?view=all");
  const count = page.locator('.rail a[href$="view=unassigned"] .count');
  const before = Number((await count.textContent()).replace(",", ""));
  await deliver(server, { from: "count@shop.example", to: mailbox, subject: "Count me", text: "Hello" });
  await expect(count).toHaveText(String(before + 1));
});

test("a search is kept as a view, changed and removed", async ({ agent: page, server, t, complaints }) => {
  complaints.allowed.push(/status of 422/); // asked for here
  const { pid } = await deliver(server, { from: "v@shop.example", to: mailbox, subject: "Keep me", text: "Hello" });
  await page.goto("/dashboard/support?view=all&requester=v@shop.example&status=new");
  await page.getByText(t("save-view"), { exact: true }).click();
  await page.getByLabel(t("view-name")).fill("From the shop");
  await page.getByRole("button", { name: t("save-view-do") }).click();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("From the shop");
  await expect(page.locator(`#t-${pid}`)).toBeVisible();
  const link = page.locator(".rail").getByRole("link", { name: "From the shop" });
  await expect(link).toHaveAttribute("aria-current", "page");
  await expect(link.locator(".count")).toHaveText("1");

  const open = page.locator("details.filters");
  if (!(await open.evaluate((d) => d.open))) await open.locator("> summary").click();
  await page.getByText(t("edit-view"), { exact: true }).click();
  await page.locator("#view-query").fill("status:gone");
  await page.locator(".edit-view").getByRole("button", { name: t("edit-view-do") }).click();
  await expect(page.getByRole("alert")).toBeVisible();
  await page.locator("#view-query").fill("is:done");
  await page.locator(".edit-view").getByRole("button", { name: t("edit-view-do") }).click();
  await expect(page.locator(`#t-${pid}`)).toHaveCount(0);
  if (!(await open.evaluate((d) => d.open))) await open.locator("> summary").click();
  await page.getByText(t("edit-view"), { exact: true }).click();
  await page.getByRole("button", { name: t("remove-view") }).click();
  await expect(page.getByText(t("did-view-removed"))).toBeVisible();
  await expect(link).toHaveCount(0);
});

test("several rows are chosen, changed and changed back, by mouse", async ({ agent: page, server, t, javaScriptEnabled }) => {
  const pids = [];
  for (let n = 0; n < 3; n += 1) {
    pids.push((await deliver(server, { from: "bulk@shop.example", to: mailbox, subject: `Bulk ${n}`, text: "x" })).pid);
  }
  await page.goto("/dashboard/support?view=all&requester=bulk@shop.example");
  const pick = (pid) => page.getByLabel(t("select-ticket", { pid }));
  await pick(pids[0]).check();
  if (javaScriptEnabled) await pick(pids[2]).click({ modifiers: ["Shift"] });
  else for (const pid of pids) await pick(pid).check();
  await expect(chosen(page)).toHaveCount(3);
  await page.getByRole("button", { name: t("bulk-close"), exact: true }).click();
  for (const pid of pids) await expect(page.locator(`#t-${pid} .status`)).toHaveText(t("status-closed"));
  await page.getByRole("button", { name: t("undo") }).click();
  for (const pid of pids) await expect(page.locator(`#t-${pid} .status`)).toHaveText(t("status-new"));
  await expect(page.getByText(t("did-bulk-undone"))).toBeVisible();

  // A choice in a list, and a tag.
  await pick(pids[1]).check();
  await page.getByLabel(t("field-priority"), { exact: true }).last().selectOption("urgent");
  if (!javaScriptEnabled) await page.getByRole("button", { name: t("set-priority") }).click();
  await expect(page.locator(`#t-${pids[1]} .priority`)).toHaveAttribute("data-is", "urgent");
  await pick(pids[1]).check();
  await page.locator("#bulk-tag").fill("sale");
  await page.getByRole("button", { name: t("bulk-tag"), exact: true }).click();
  await expect(page.locator(`#t-${pids[1]} .tag`).filter({ hasText: "sale" })).toHaveCount(1);
});

test("@script several rows are chosen, changed and changed back, by keyboard", async ({ agent: page, server, t }) => {
  const pids = [];
  for (let n = 0; n < 2; n += 1) {
    pids.push((await deliver(server, { from: "keys@shop.example", to: mailbox, subject: `Keys ${n}`, text: "x" })).pid);
  }
  await page.goto("/dashboard/support?view=all&requester=keys@shop.example");
  await page.keyboard.press("j");
  await page.keyboard.press("x");
  await page.keyboard.press("j");
  await page.keyboard.press("x");
  await expect(chosen(page)).toHaveCount(2);
  await page.keyboard.press("x");
  await expect(chosen(page)).toHaveCount(1);
  await page.keyboard.press("x");
  await page.keyboard.press("l");
  await page.keyboard.type("vip");
  await page.keyboard.press("Enter");
  for (const pid of pids) await expect(page.locator(`#t-${pid} .tag`).filter({ hasText: "vip" })).toHaveCount(1);
  await expect(page).toHaveURL(/requester=keys/);
  await expect(page).not.toHaveURL(/undo=/);
  await page.keyboard.press("z");
  for (const pid of pids) await expect(page.locator(`#t-${pid} .tag`).filter({ hasText: "vip" })).toHaveCount(0);
});

test("a row is unread until it was open, and what came since stands below a line", async ({ agent: page, server, t }) => {
  const first = await deliver(server, { from: "new@shop.example", to: mailbox, subject: "Unread", text: "One" });
  const row = page.locator(`#t-${first.pid}`);
  await page.goto("/dashboard/support?view=all&requester=new@shop.example");
  await expect(row).toHaveClass(/row--unread/);
  await row.getByRole("link").first().click();
  await expect(page.getByRole("article")).toHaveCount(1);
  await expect(page.getByText(t("new-since"))).toHaveCount(0);
  await page.goto("/dashboard/support?view=all&requester=new@shop.example");
  await expect(row).not.toHaveClass(/row--unread/);
  await deliver(server, {
    from: "new@shop.example", to: mailbox, subject: "Re: Unread", text: "Two", headers: { "In-Reply-To": first.messageId },
  });
  await page.goto("/dashboard/support?view=all&q=is:unread+requester:new@shop.example");
  await row.getByRole("link").first().click();
  await expect(page.getByRole("article")).toHaveCount(2);
  await expect(page.getByText(t("new-since"))).toBeVisible();
});

test("a search leads to the message that it found", async ({ agent: page, server, javaScriptEnabled }) => {
  const mail = await deliver(server, { from: "find@shop.example", to: mailbox, subject: "Find", text: "A zeppelin, please." });
  await expect(async () => {
    await page.goto("/dashboard/support?view=all&q=zeppelin");
    await expect(page.locator(`#t-${mail.pid} mark`)).toHaveText("zeppelin", { timeout: 500 });
  }).toPass();
  await page.locator(`#t-${mail.pid}`).getByRole("link").first().click();
  await expect(page).toHaveURL(/#m-\d+$/);
  await expect(page.getByRole("article")).toBeInViewport();
  if (javaScriptEnabled) expect(await page.evaluate(() => CSS.highlights.get("found")?.size)).toBeGreaterThan(0);
});

test("tags of a ticket are put on and taken off beside it", async ({ agent: page, server, t }) => {
  const { pid } = await deliver(server, { from: "tag@shop.example", to: mailbox, subject: "Tag me", text: "x" });
  await page.goto(`/dashboard/support/${pid}`);
  await page.getByLabel(t("field-tags"), { exact: true }).fill("vip");
  await page.getByRole("button", { name: t("add-tag") }).click();
  await expect(page.getByText(t("did-tags"))).toBeVisible();
  await page.getByRole("button", { name: t("remove-tag", { tag: "vip" }) }).click();
  await expect(page.getByRole("button", { name: t("remove-tag", { tag: "vip" }) })).toHaveCount(0);
});
