// The page on which incoming mail is tried out.
import { expect, mailbox, test } from "../support/fixtures.js";

test("a mail that is pasted shows what was decided and why", async ({ agent: page, t }) => {
  await page.goto("/dev/inbound");
  await page.getByLabel(t("envelope-from")).fill("mara@shop.example");
  await page.getByLabel(t("envelope-to")).fill(mailbox);
  await page.getByLabel(t("raw-mail")).fill(
    [
      "From: Mara <mara@shop.example>",
      `To: ${mailbox}`,
      "Subject: Pasted by hand",
      `Message-ID: <pasted.${Date.now()}.${Math.random()}@shop.example>`,
      "",
      "Does this arrive?",
    ].join("\n"),
  );
  await page.getByRole("button", { name: t("deliver") }).click();
  const panel = page.getByRole("complementary", { name: t("what-happened") });
  await expect(panel.getByRole("link", { name: /\d{6}-\d{4,}/ })).toBeVisible();
  expect(await panel.locator("ol.trace > li").count()).toBeGreaterThan(3);
  await panel.getByRole("link", { name: /\d{6}-\d{4,}/ }).click();
  await expect(page.getByText("Does this arrive?")).toBeVisible();
});

test("each sample can be delivered", async ({ agent: page, t }) => {
  await page.goto("/dev/inbound");
  const samples = page.getByRole("navigation", { name: t("samples") }).getByRole("link");
  const hrefs = await samples.evaluateAll((links) => links.map((link) => link.getAttribute("href")));
  expect(hrefs.length).toBeGreaterThanOrEqual(7);
  for (const href of hrefs) {
    await page.goto(href);
    await page.getByRole("button", { name: t("deliver") }).click();
    const panel = page.getByRole("complementary", { name: t("what-happened") });
    await expect(panel.locator("ol.trace > li").first(), href).toBeVisible();
  }
});
