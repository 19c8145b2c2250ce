// The main loop as a new user plays it: a mail makes a ticket, an agent answers in the dashboard, the answer is
// caught, the customer replies to it, and the reply lands on the same ticket.
import { deliver, expect, mailbox, test } from "../support/fixtures.js";

test("a mail, an answer, the customer's reply", async ({ agent: page, server, t }) => {
  const subject = `Release stuck ${Math.random().toString(36).slice(2, 8)}`;
  const customer = "daniel@okafor.example";
  const mail = await deliver(server, {
    from: `Daniel Okafor <${customer}>`,
    to: mailbox,
    subject,
    text: "The health check never answers.\nWhat can I do?",
  });
  expect(mail.outcome).toBe("ticket_created");

  // The queue shows it; the ticket shows what the customer wrote.
  await page.goto("/dashboard/support?view=all");
  await page.getByRole("link", { name: subject }).click();
  await expect(page.getByRole("heading", { level: 1, name: subject })).toBeVisible();
  await expect(page.getByText(mail.pid).first()).toBeVisible();
  const conversation = page.getByRole("region", { name: t("conversation") });
  await expect(conversation.getByText("The health check never answers.")).toBeVisible();

  // The answer waits for its undo window, then goes out.
  await page.getByLabel(t("reply-label")).fill("Please open port 8080.\n\nThen deploy again.");
  await page.getByRole("button", { name: t("send"), exact: true }).click();
  await expect(conversation.getByText("Please open port 8080.")).toBeVisible();
  const ticket = page.url().replace(/[?#].*/, "");
  await expect(async () => {
    await page.goto(ticket);
    await expect(page.getByLabel(t("delivery")).locator('[data-is="sent"]')).toBeVisible({ timeout: 500 });
  }).toPass({ timeout: 40_000, intervals: [1_000] });

  // It is caught, as the customer would see it, and a reply goes through the front door.
  await page.goto("/dev/mail");
  const captured = page.getByRole("navigation", { name: t("captured-mail") });
  await captured.getByRole("listitem").filter({ hasText: subject }).filter({ hasText: t("mail-kind-reply") })
    .getByRole("link").click();
  await expect(page.getByText(`<${customer}>`).or(page.getByText(customer)).first()).toBeVisible();
  await page.getByRole("navigation", { name: t("show-as") }).getByRole("link", { name: t("mail-tab-text"), exact: true }).click();
  await expect(page.getByText("Please open port 8080.")).toBeVisible();
  await page.getByRole("navigation", { name: t("show-as") }).getByRole("link", { name: t("mail-tab-seen") }).click();
  const shown = page.frameLocator(`iframe[title="${t("mail-as-html")}"]`);
  await expect(shown.getByText("Please open port 8080.")).toBeVisible();
  await page.locator("textarea[name=text]").fill("That was it, thank you.");
  await page.getByRole("button", { name: t("reply-as-person") }).click();
  await expect(page.getByRole("status")).toContainText(mail.pid);

  // The reply is on the same ticket, apart from what it quotes.
  await page.getByRole("status").getByRole("link", { name: mail.pid }).click();
  await expect(conversation.getByText("That was it, thank you.")).toBeVisible();
  await expect(page.getByRole("article")).toHaveCount(3);
});
