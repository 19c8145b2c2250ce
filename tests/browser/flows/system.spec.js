// What runs here, for who runs it.
import { expect, test } from "../support/fixtures.js";

test("the system page says what runs, and has the doctor look", async ({ agent: page, t }) => {
  await page.goto("/dashboard/settings/users");
  await page.getByRole("navigation", { name: t("settings") }).getByRole("link", { name: t("settings-system") }).click();
  await expect(page.getByRole("heading", { name: t("system-versions") })).toBeVisible();
  await page.getByRole("button", { name: t("system-look") }).click();
  const found = page.getByRole("region", { name: t("system-doctor"), exact: true }).getByRole("listitem");
  await expect(found).toHaveCount(10);
  for (const line of await found.all()) await expect(line).toContainText(t("system-ok"));
  const latencies = page.getByRole("table");
  await expect(latencies.getByRole("row").filter({ hasText: "GET /dashboard/settings/users" })).toHaveCount(1);
});
