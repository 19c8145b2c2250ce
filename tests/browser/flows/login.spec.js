// Signing in and out.
import { admin, expect, signIn, test } from "../support/fixtures.js";

test("a page that needs an account leads to the sign-in and back", async ({ page, t }) => {
  await page.goto("/dashboard/mail");
  await expect(page).toHaveURL(/\/login/);
  await signIn(page, t);
  await expect(page).toHaveURL(/\/dashboard\/mail$/);
});

test("a wrong password says so and keeps the address", async ({ page, complaints, t }) => {
  complaints.allowed.push(/status of 401/);
  await page.goto("/login");
  await page.getByLabel(t("field-email")).fill(admin.email);
  await page.getByLabel(t("field-password")).fill("not this one");
  await page.getByRole("button", { name: t("sign-in") }).click();
  await expect(page.getByRole("alert")).toBeVisible();
  await expect(page.getByLabel(t("field-email"))).toHaveValue(admin.email);
});

test("signing out ends the session", async ({ agent: page, t }) => {
  await page.getByRole("button", { name: t("sign-out") }).click();
  await page.goto("/dashboard/support");
  await expect(page).toHaveURL(/\/login/);
});
