// The palette: a few letters lead anywhere. @script: without script the pages have links.
import { deliver, expect, mailbox, test } from "../support/fixtures.js";

test("@script a few letters find commands, views, tickets and people, by keyboard", async ({ agent: page, server, t }) => {
  const { pid } = await deliver(server, { from: "Zora Zimt <zora@shop.example>", to: mailbox, subject: "Quokka", text: "A quokka." });
  await page.goto("/dashboard/support?view=all");
  const palette = page.getByRole("dialog", { name: t("palette") });
  const option = (name) => palette.getByRole("option", { name });
  await page.keyboard.press(".");
  await expect(palette.getByRole("combobox")).toBeFocused();
  await page.keyboard.type(t("view-waiting").slice(0, 5));
  await expect(option(t("view-waiting")).first()).toHaveAttribute("aria-selected", "true");
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(/view=waiting/);

  await page.keyboard.press("Control+k");
  await expect(palette.getByRole("combobox")).toHaveValue("");
  await page.keyboard.type("zzzzqq");
  await expect(palette.getByText(t("palette-none"))).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(palette).toBeHidden();

  await expect(async () => {
    await page.goto("/dashboard/support?view=all");
    await page.keyboard.press(".");
    await page.keyboard.type("quokka");
    await expect(option("Quokka")).toBeVisible({ timeout: 1000 });
  }).toPass();
  await page.keyboard.press("Enter");
  await expect(page.getByRole("heading", { level: 1, name: "Quokka" })).toBeVisible();

  // A command of this page, by mouse.
  await page.keyboard.press("Control+k");
  await page.keyboard.type(t("key-note"));
  await option(t("key-note")).first().click();
  await expect(page.getByRole("textbox", { name: t("note") })).toBeFocused();
  await page.keyboard.press("Escape");
  await page.keyboard.press(".");
  await page.keyboard.type("zora");
  await expect(option("Zora Zimt")).toBeVisible();
  await option("Zora Zimt").click();
  await expect(page.locator(`#t-${pid}`)).toBeVisible();
});
