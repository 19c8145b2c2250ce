// Putting tickets off: they leave the lists that people work through, and come back.
import { deliver, expect, mailbox, test } from "../support/fixtures.js";

const address = (name, info) => `${name}.${info.project.name.replace(" ", "-")}@later.example`;

test("a ticket is put off, is hidden, and is brought back, by mouse", async ({ agent: page, server, complaints, t }, info) => {
  complaints.allowed.push(/status of 422/); // asked for here
  const from = address("mouse", info);
  const { pid } = await deliver(server, { from, to: mailbox, subject: "Later", text: "Not now." });
  const row = page.locator(`#t-${pid}`);
  await page.goto(`/dashboard/support/${pid}`);
  await page.locator("#snooze > summary").click();
  await page.getByRole("button", { name: t("snooze-offer-tomorrow") }).click();
  await expect(page.getByText(t("did-snooze"))).toBeVisible();
  await expect(page.locator(".facts .snoozed")).toBeVisible();
  await page.goto(`/dashboard/support?view=open&requester=${from}`);
  await expect(row).toHaveCount(0);
  await page.goto(`/dashboard/support?view=all&requester=${from}`);
  await expect(row.locator(".snoozed")).toBeVisible();
  await page.locator(".rail").getByRole("link", { name: t("view-snoozed") }).click();
  await expect(row).toBeVisible();

  // Words that nobody understands are said to be so, and stay to be corrected.
  await row.getByRole("link").first().click();
  await page.locator("#snooze > summary").click();
  await page.locator("#snooze-words").fill("sometime");
  await page.locator("#snooze").getByRole("button", { name: t("snooze-do"), exact: true }).click();
  await expect(page.getByText(t("wrong-when_unclear")).first()).toBeVisible();
  await expect(page.locator("#snooze-words")).toHaveValue("sometime");
  await page.getByRole("button", { name: t("wake") }).click();
  await expect(page.getByText(t("did-wake"))).toBeVisible();
  await expect(page.locator(".facts .snoozed")).toHaveCount(0);
  // That is taken back in turn: it is put off as before.
  await page.getByRole("button", { name: t("undo"), exact: true }).click();
  await expect(page.locator(".facts .snoozed")).toBeVisible();
});

test("@script a ticket is put off by a key, and that is taken back by another", async ({ agent: page, server, t }, info) => {
  const from = address("keys", info);
  const { pid, messageId } = await deliver(server, { from, to: mailbox, subject: "Keys", text: "Not now." });
  await page.goto(`/dashboard/support/${pid}`);
  await page.keyboard.press("h");
  await expect(page.locator("#snooze-words")).toBeFocused();
  await page.keyboard.type("until reply");
  await page.keyboard.press("Enter");
  await expect(page.locator(".facts .snoozed")).toHaveText(t("snoozed-reply"));
  await page.keyboard.press("z");
  await expect(page.locator(".facts .snoozed")).toHaveCount(0);

  // From the list: the row where the cursor stands.
  await page.goto(`/dashboard/support?view=open&requester=${from}`);
  await page.keyboard.press("j");
  await page.keyboard.press("h");
  await expect(page.locator("#bulk-snooze")).toBeFocused();
  await page.keyboard.type("in 3 tagen");
  await page.keyboard.press("Enter");
  await expect(page.locator(`#t-${pid}`)).toHaveCount(0);
  await page.keyboard.press("z");
  await expect(page.locator(`#t-${pid}`)).toBeVisible();

  // The customer's word brings it back before the agent's eyes.
  await page.keyboard.press("j");
  await page.keyboard.press("h");
  await page.keyboard.type("2 weeks");
  await page.keyboard.press("Enter");
  await expect(page.locator(`#t-${pid}`)).toHaveCount(0);
  await expect(page.locator("#bulk-snooze")).not.toBeFocused();
  await expect(async () => {
    await page.keyboard.press("g");
    await page.keyboard.press("h");
    await expect(page.locator(`#t-${pid}`)).toBeVisible({ timeout: 2_000 });
  }).toPass({ timeout: 20_000 });
  await deliver(server, { from, to: mailbox, subject: "Re: Keys", text: "Now, please.", headers: { "In-Reply-To": messageId } });
  await page.goto(`/dashboard/support?view=open&requester=${from}`);
  await expect(page.locator(`#t-${pid}`)).toBeVisible();
});

test("words go by the clock that the agent chose", async ({ agent: page, server, complaints, t }, info) => {
  complaints.allowed.push(/status of 422/); // asked for here
  const { pid } = await deliver(server, { from: address("zone", info), to: mailbox, subject: "Zone", text: "Not now." });
  await page.goto("/account");
  await page.getByLabel(t("field-time_zone")).fill("Nowhere/Land");
  await page.getByRole("button", { name: t("keep") }).first().click();
  await expect(page.getByText(t("wrong-time_zone_unknown")).first()).toBeVisible();
  await page.getByLabel(t("field-time_zone")).fill("Asia/Tokyo");
  await page.getByRole("button", { name: t("keep") }).first().click();
  await expect(page.getByText(t("did-account"))).toBeVisible();
  await page.goto(`/dashboard/support/${pid}`);
  await page.locator("#snooze > summary").click();
  await page.locator("#snooze-words").fill("tomorrow 9:30");
  await page.locator("#snooze").getByRole("button", { name: t("snooze-do"), exact: true }).click();
  await expect(page.locator(".facts .snoozed")).toContainText("09:30");
  await page.goto("/account");
  await page.getByLabel(t("field-time_zone")).fill("");
  await page.getByRole("button", { name: t("keep") }).first().click();
  await expect(page.getByText(t("did-account"))).toBeVisible();
});
