// What an agent does on a ticket beside answering.
import { deliverFiles } from "../support/files.js";
import { admin, choose, deliver, expect, mailbox, test } from "../support/fixtures.js";

const from = "Ruth Ellison <ruth@studio.example>";

async function openTicket(page, server, subject) {
  const mail = await deliver(server, { from, to: mailbox, subject, text: "Can you help?" });
  await page.goto(`/dashboard/support/${mail.pid}`);
  await expect(page.getByRole("heading", { level: 1, name: subject })).toBeVisible();
  return mail;
}

test("a note stays inside", async ({ agent: page, server, t }) => {
  const mail = await openTicket(page, server, "Note inside");
  await page.getByText(t("note"), { exact: true }).first().click();
  await page.getByRole("textbox", { name: t("note") }).fill("She called twice about this.");
  await page.getByRole("button", { name: t("add-note") }).click();
  const note = page.getByRole("article").filter({ hasText: "She called twice about this." });
  await expect(note).toContainText(t("note-label"));
  await expect(note.getByLabel(t("delivery"))).toHaveCount(0);

  // Nothing about it went out: only the acknowledgement to the customer did.
  await page.goto("/dev/mail");
  const letters = page.getByRole("navigation", { name: t("captured-mail") }).getByRole("listitem");
  await expect(letters.filter({ hasText: "Note inside" }).filter({ hasText: t("mail-kind-reply") })).toHaveCount(0);
  expect(mail.outcome).toBe("ticket_created");
});

test("status, priority and assignee change and stand in the timeline", async ({ agent: page, server, t, javaScriptEnabled }) => {
  await openTicket(page, server, "Change it all");
  const side = page.getByRole("complementary", { name: t("about-ticket") });
  await choose(page, javaScriptEnabled, t("field-assignee"), new RegExp(admin.email.split("@")[0], "i"), t("set-assignee"));
  await choose(page, javaScriptEnabled, t("field-status"), t("status-needs_engineering"), t("set-status"));
  await choose(page, javaScriptEnabled, t("field-priority"), t("priority-urgent"), t("set-priority"));

  await page.reload();
  await expect(side.getByLabel(t("field-status"), { exact: true })).toHaveValue("needs_engineering");
  await expect(side.getByLabel(t("field-priority"), { exact: true })).toHaveValue("urgent");
  await expect(side.getByLabel(t("field-assignee"), { exact: true })).not.toHaveValue("");
  const timeline = side.getByRole("region", { name: t("timeline") }).getByRole("listitem");
  expect(await timeline.count()).toBeGreaterThanOrEqual(4);
});

test("close and reopen", async ({ agent: page, server, t }) => {
  await openTicket(page, server, "Close me");
  const here = page.url();
  await page.getByRole("button", { name: t("close-ticket") }).click();
  await page.goto(here);
  await expect(page.locator(".facts .status")).toHaveText(t("status-closed"));
  await page.getByRole("button", { name: t("reopen-ticket") }).click();
  await expect(page.locator(".facts .status")).not.toHaveText(t("status-closed"));
});

test("a reply that crosses the customer's own mail stops and keeps the text", async ({ agent: page, server, complaints, t }) => {
  complaints.allowed.push(/status of 409/); // the browser notes the refusal that is asked for here
  const mail = await openTicket(page, server, "Crossing");
  await deliver(server, {
    from,
    to: mailbox,
    subject: "Re: Crossing",
    text: "Never mind, solved it myself.",
    headers: { "In-Reply-To": mail.messageId, References: mail.messageId },
  });
  await page.getByLabel(t("reply-label")).fill("Try turning it off and on.");
  await page.getByRole("button", { name: t("send"), exact: true }).click();
  await expect(page.getByRole("alert")).toContainText(t("stale-heading"));
  await expect(page.getByText("Never mind, solved it myself.").first()).toBeVisible();
  await expect(page.getByLabel(t("reply-label"))).toHaveValue("Try turning it off and on.");
  await page.getByRole("button", { name: t("send-anyway") }).click();
  await expect(page.getByRole("article").filter({ hasText: "Try turning it off and on." })).toBeVisible();
});

test("a file goes with a reply and can be read back", async ({ agent: page, server, t }) => {
  await openTicket(page, server, "With a file");
  const reply = page.locator("form.compose-reply");
  await reply.getByLabel(t("reply-label")).fill("The guide is attached.");
  await reply.locator("input[type=file]").setInputFiles({
    name: "guide.txt",
    mimeType: "text/plain",
    buffer: Buffer.from("Step one: breathe.\n"),
  });
  await reply.getByRole("button", { name: t("send"), exact: true }).click();
  const link = page.getByRole("article").getByRole("link", { name: t("download-file", { name: "guide.txt" }) });
  await expect(link).toBeVisible();
  const answer = await page.request.get(await link.getAttribute("href"));
  expect(answer.status()).toBe(200);
  expect(await answer.text()).toBe("Step one: breathe.\n");
  expect(answer.headers()["content-disposition"]).toMatch(/^attachment/);
  expect(answer.headers()["x-content-type-options"]).toBe("nosniff");
});

test("words are taken out of a message for good", async ({ agent: page, server, t }) => {
  await openTicket(page, server, "Too much said");
  const message = page.getByRole("article").filter({ hasText: "Can you help?" });
  await message.locator(".menu > summary").click();
  await message.getByRole("link", { name: t("redact") }).click();
  await message.getByLabel(t("redact-words")).fill("you help");
  await message.getByLabel(t("redact-confirm")).check();
  await message.getByRole("button", { name: t("redact-do") }).click();
  await expect(page.getByRole("status").filter({ hasText: t("did-redact") })).toBeVisible();
  await expect(page.getByRole("article").filter({ hasText: "Can █████?" })).toBeVisible();
  await expect(page.getByText("Can you help?")).toHaveCount(0);
});

test("what can be done with a message stands in one menu, by mouse", async ({ agent: page, server, t, javaScriptEnabled }) => {
  const mail = await openTicket(page, server, "Acts of a message");
  const headers = { "In-Reply-To": mail.messageId, References: mail.messageId };
  await deliver(server, { from, to: mailbox, subject: "Re: Acts of a message", text: "And something else.", headers });
  await page.reload();
  const message = page.getByRole("article").filter({ hasText: "something else" });
  const menu = message.locator(".menu");
  await menu.locator("summary").click();
  await menu.getByRole("link", { name: t("original") }).click();
  await expect(page.getByRole("heading", { level: 1, name: t("original-short") })).toBeVisible();
  await expect(page.getByRole("definition").filter({ hasText: "Re: Acts of a message" })).toBeVisible();
  await expect(page.locator("pre")).toContainText("And something else.");
  await expect(page.getByRole("link", { name: t("download") })).toHaveAttribute("href", /^\/api\/mails\/\d+\/raw$/);
  await page.goBack();
  await menu.locator("summary").click();
  if (javaScriptEnabled) {
    await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
    await menu.getByRole("link", { name: t("copy-link") }).click();
    await expect(menu).toContainText(t("copied"));
    expect(await page.evaluate(() => navigator.clipboard.readText())).toMatch(new RegExp(`/dashboard/support/${mail.pid}#m-\\d+$`));
    // A click elsewhere closes it.
    await page.getByRole("heading", { level: 1 }).click();
    await expect(menu.locator("ul")).toBeHidden();
    await menu.locator("summary").click();
  }
  await menu.getByRole("link", { name: t("why-here") }).click();
  await expect(page).toHaveURL(/\/dashboard\/mail\/\d+$/);
  await page.goBack();
  await menu.locator("summary").click();
  await menu.getByRole("button", { name: t("split-act") }).click();
  await expect(page.getByRole("status").filter({ hasText: t("did-apart") })).toBeVisible();
  expect(page.url()).not.toContain(mail.pid);
});

test("@script the same by keyboard", async ({ agent: page, server, t }) => {
  await openTicket(page, server, "Acts by keys");
  const message = page.getByRole("article").filter({ hasText: "Can you help?" });
  const summary = message.locator(".menu > summary");
  await page.keyboard.press("J");
  await expect(message).toBeFocused();
  await page.keyboard.press("Tab");
  while (!(await summary.evaluate((node) => node === document.activeElement))) await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await expect(message.getByRole("link", { name: t("why-here") })).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(message.locator(".menu ul")).toBeHidden();
  await expect(summary).toBeFocused();
  await page.keyboard.press("Enter");
  for (let n = 0; n < 4; n += 1) await page.keyboard.press("Tab");
  await expect(message.getByRole("link", { name: t("redact") })).toBeFocused();
  await page.keyboard.press("Enter");
  await expect(message.getByLabel(t("redact-words"))).toBeFocused();
  await message.getByRole("link", { name: t("cancel") }).click();
  await expect(message.getByLabel(t("redact-words"))).toBeHidden();
});

test("@script nothing on a ticket's page moves while it comes", async ({ agent: page, server }) => {
  await page.addInitScript(() => {
    window.shift = 0;
    window.moved = [];
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries().filter((one) => !one.hadRecentInput)) {
        window.shift += entry.value;
        window.moved.push(...entry.sources.map(({ node, previousRect: was, currentRect: is }) =>
          `${node?.className ?? node?.nodeName} ${was.x},${was.y} ${was.height} to ${is.x},${is.y} ${is.height}`));
      }
    }).observe({ type: "layout-shift", buffered: true });
  });
  const files = await deliverFiles(server, { from, to: mailbox, subject: "Moving files" });
  const html = await deliver(server, {
    from, to: mailbox, subject: "Moving marks", headers: { "Content-Type": "text/html; charset=utf-8" }, text: "<h1>Hello</h1><p>There.</p>".repeat(20),
  });
  const many = await deliver(server, { from, to: mailbox, subject: "Moving messages", text: "Line\n".repeat(60) });
  for (let n = 0; n < 6; n += 1) {
    const headers = { "In-Reply-To": many.messageId, References: many.messageId };
    await deliver(server, { from, to: mailbox, subject: "Re: Moving messages", text: `Again ${n}.\n`.repeat(8), headers });
  }
  for (const width of [1440, 1024, 375]) {
    await page.setViewportSize({ width, height: 900 });
    for (const { pid } of [files, html, many]) {
      await page.goto(`/dashboard/support/${pid}?view=all`);
      // Whatever scripts and pictures add has come by then.
      await page.waitForTimeout(600);
      const { shift, moved } = await page.evaluate(() => ({ shift: window.shift, moved: window.moved }));
      expect.soft(shift, `${pid} at ${width} px: ${moved.join("; ")}`).toBeLessThan(0.02);
    }
  }
});

test("the customer card leads to what else they asked", async ({ agent: page, server, t }) => {
  const name = `card${Date.now()}`;
  const mail = (subject) => deliver(server, { from: `${name}@card.example`, to: mailbox, subject, text: "x" });
  await mail("The first of the card");
  const { pid } = await mail("The second of the card");
  await page.goto(`/dashboard/support/${pid}`);
  const card = page.getByRole("region", { name: t("requester"), exact: true });
  const others = card.getByRole("list", { name: t("requester-others") });
  await expect(others.getByRole("listitem")).toHaveCount(1);
  await expect(others.locator(".status")).toHaveText(t("status-new"));
  await others.getByRole("link", { name: "The first of the card" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "The first of the card" })).toBeVisible();
});

test("a note about the customer stands beside all their tickets", async ({ agent: page, server, t }, info) => {
  const who = `Cleo <cleo.${info.project.name.replace(/\W/g, "")}${info.workerIndex}.${Date.now()}@note.example>`;
  const first = await deliver(server, { from: who, to: mailbox, subject: "Notes, first", text: "Hello?" });
  const second = await deliver(server, { from: who, to: mailbox, subject: "Notes, second", text: "Hello?" });
  await page.goto(`/dashboard/support/${first.pid}`);
  await page.getByText(t("customer-note-add")).click();
  await page.getByLabel(t("customer-note"), { exact: true }).fill("Calls on Mondays.\nPrefers mail.");
  await page.locator("form", { has: page.getByLabel(t("customer-note"), { exact: true }) }).getByRole("button", { name: t("keep") }).click();
  await expect(page.getByRole("status").filter({ hasText: t("did-customer-note") })).toBeVisible();
  await page.goto(`/dashboard/support/${second.pid}`);
  await expect(page.getByText("Calls on Mondays.").first()).toBeVisible();
  await page.getByText(t("customer-note-change")).click();
  await expect(page.getByLabel(t("customer-note"), { exact: true })).toHaveValue("Calls on Mondays.\nPrefers mail.");
});

test("a signature folds apart from what it quotes", async ({ agent: page, server, t }) => {
  const mail = await openTicket(page, server, "Signature apart");
  const headers = { "In-Reply-To": mail.messageId, References: mail.messageId };
  const text = "It is 42.\n\nOn 2 Nov 2026 Desk <desk@b.example> wrote:\n> Which number?\n\n-- \nRuth Ellison\nStudio";
  await deliver(server, { from, to: mailbox, subject: "Re: Signature apart", text, headers });
  await page.reload();
  const message = page.getByRole("article").filter({ hasText: "It is 42." });
  await expect(message.locator(".fold > summary")).toHaveText([/2/, t("signature-text")]);
  await message.getByText(t("signature-text")).click();
  await expect(message.getByText("Ruth Ellison\nStudio")).toBeVisible();
});
