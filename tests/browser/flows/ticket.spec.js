// What an agent does on a ticket beside answering.
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
  await page.getByRole("button", { name: t("close-ticket") }).click();
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
  await message.getByText(t("redact"), { exact: true }).click();
  await message.getByLabel(t("redact-words")).fill("you help");
  await message.getByLabel(t("redact-confirm")).check();
  await message.getByRole("button", { name: t("redact-do") }).click();
  await expect(page.getByRole("status").filter({ hasText: t("did-redact") })).toBeVisible();
  await expect(page.getByRole("article").filter({ hasText: "Can █████?" })).toBeVisible();
  await expect(page.getByText("Can you help?")).toHaveCount(0);
});
