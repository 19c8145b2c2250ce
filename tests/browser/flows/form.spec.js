// The public form: what somebody without an account sees.
import { expect, signIn, test } from "../support/fixtures.js";

const png = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
  "base64",
);

test("a message with a file makes a ticket and says what happens next", async ({ page, t }) => {
  await page.goto("/");
  await expect(page.getByRole("heading", { level: 1 })).toHaveText(t("form-heading"));
  await page.getByLabel(t("form-name")).fill("Ruth Ellison");
  await page.getByLabel(t("field-email")).fill("ruth@studio.example");
  await page.getByLabel(t("form-subject")).fill("Renaming a workspace");
  await page.getByLabel(t("form-text")).fill("The settings page has no field for the name.");
  await page.getByLabel(t("form-priority")).selectOption("high");
  await page.getByLabel(t("field-files")).setInputFiles({ name: "settings.png", mimeType: "image/png", buffer: png });
  await page.getByRole("button", { name: t("send"), exact: true }).click();

  await expect(page.getByRole("heading", { level: 1 })).toHaveText(t("done-heading"));
  await expect(page.getByText("ruth@studio.example")).toBeVisible();
  const pid = await page.locator("#pid").textContent();
  expect(pid).toMatch(/^([A-Z]+-)?\d{6}-\d{4,}$/);

  await page.goto("/login");
  await signIn(page, t);
  await page.goto(`/dashboard/support/${pid}`);
  await expect(page.getByRole("heading", { level: 1, name: "Renaming a workspace" })).toBeVisible();
  await expect(page.getByText("The settings page has no field for the name.")).toBeVisible();
  const file = page.getByRole("link", { name: t("download-file", { name: "settings.png" }) });
  const answer = await page.request.get(await file.getAttribute("href"));
  expect(Buffer.compare(await answer.body(), png)).toBe(0);

  // The writer has it in writing, too.
  await page.goto("/dev/mail");
  const captured = page.getByRole("navigation", { name: t("captured-mail") }).getByRole("listitem");
  await expect(async () => {
    await page.reload();
    await expect(captured.filter({ hasText: "ruth@studio.example" }).first()).toBeVisible({ timeout: 500 });
  }).toPass({ timeout: 20_000 });
});

test("what is wrong stands beside the field and nothing typed is lost", async ({ page, complaints, t }) => {
  complaints.allowed.push(/status of 422/); // the browser notes the refusal that is asked for here
  await page.goto("/new");
  await page.getByLabel(t("form-name")).fill("Ruth");
  await page.getByLabel(t("field-email")).fill("ruth@");
  await page.getByLabel(t("form-text")).fill("Line one\n\n  line two <b>& so on</b>");
  await page.getByRole("button", { name: t("send"), exact: true }).click();
  await expect(page.getByRole("alert")).toBeVisible();
  await expect(page.getByLabel(t("field-email"))).toHaveAttribute("aria-invalid", "true");
  await expect(page.getByLabel(t("form-subject"))).toHaveAttribute("aria-invalid", "true");
  await expect(page.getByLabel(t("field-email"))).toHaveValue("ruth@");
  await expect(page.getByLabel(t("form-name"))).toHaveValue("Ruth");
  await expect(page.getByLabel(t("form-text"))).toHaveValue("Line one\n\n  line two <b>& so on</b>");
});
