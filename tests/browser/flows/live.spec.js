// What changes while a page is open, with script: rows, messages, who else is there (UI 3, 4 and 8).
import { admin, deliver, expect, mailbox, test } from "../support/fixtures.js";

const heard = (page) => expect(page.locator("html")).toHaveAttribute("data-heard", "yes");

test("@script a row changes where it stands, and new ones wait behind a pill", async ({ agent: page, server, t }) => {
  const first = await deliver(server, { from: "ann@live.example", to: mailbox, subject: "Stays in place", text: "One" });
  await page.goto("/dashboard/support?view=all&q=in:inbox");
  await page.goto("/dashboard/support?view=all");
  await heard(page);
  const row = page.locator(`#t-${first.pid}`);
  const before = await row.boundingBox();
  await deliver(server, { from: "ann@live.example", to: mailbox, subject: `Re: Stays in place [${first.pid}]`, text: "Second thoughts" });
  await expect(row).toContainText("Second thoughts");
  expect((await row.boundingBox()).y, "it did not move").toBe(before.y);
  const second = await deliver(server, { from: "bea@live.example", to: mailbox, subject: "Quite new", text: "Two" });
  const pill = page.locator("#news");
  await expect(pill).toBeVisible();
  await expect(page.locator(`#t-${second.pid}`)).toHaveCount(0);
  await pill.click();
  await expect(page.locator(`#t-${second.pid}`)).toBeVisible();
});

test("@script the customer's mail comes into the open ticket, and what is being written stays", async ({ agent: page, server, t, complaints }) => {
  complaints.allowed.push(/409/);
  const mail = await deliver(server, { from: "cora@live.example", to: mailbox, subject: "Comes in", text: "One" });
  await page.goto(`/dashboard/support/${mail.pid}`);
  await heard(page);
  await page.locator("#reply").fill("Half an answer");
  await deliver(server, { from: "cora@live.example", to: mailbox, subject: `Re: Comes in [${mail.pid}]`, text: "It works again" });
  await expect(page.locator(".msg").last()).toContainText("It works again");
  await expect(page.locator("#reply")).toHaveValue("Half an answer");
  // What came between still stops the answer.
  await page.locator(".compose-reply .btn--main").click();
  await expect(page.getByText(t("stale-heading"))).toBeVisible();
});

test("@script two agents see each other come, write and go", async ({ agent: page, browser, server, t }) => {
  const mail = await deliver(server, { from: "dora@live.example", to: mailbox, subject: "Two at once", text: "One" });
  const login = await page.request.post("/api/users", {
    headers: { origin: server.url },
    data: { email: "mara@desk.example", name: "Mara Lind", role: "agent", password: "another fine password" },
  });
  expect(login.status()).toBe(201);
  const context = await browser.newContext({ baseURL: server.url });
  const other = await context.newPage();
  await other.goto("/login");
  await other.locator("input[name=email]").fill("mara@desk.example");
  await other.locator("input[name=password]").fill("another fine password");
  await other.keyboard.press("Enter");
  await other.waitForURL(/dashboard/);
  await page.goto(`/dashboard/support/${mail.pid}`);
  await heard(page);
  const others = page.locator("#others");
  await expect(others).toBeHidden();
  await other.goto(`/dashboard/support/${mail.pid}`);
  await expect(others).toHaveText(t("others-here").replace("#", "Mara Lind"));
  await other.locator("#reply").pressSequentially("Dear");
  await expect(others).toHaveText(t("others-typing").replace("#", "Mara Lind"));
  await expect(other.locator("#others")).toContainText(admin.email.split("@")[0], { ignoreCase: true });
  await other.goto("/dashboard/support");
  await expect(others).toBeHidden();
  await context.close();
});
