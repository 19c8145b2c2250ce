// Settings that a team changes itself: users, companies, categories.
import { expect, test } from "../support/fixtures.js";
import { addressOf } from "../support/people.js";

const own = (name, info) => `${name}-${info.project.name.replace(" ", "-")}`;

test("somebody is invited, gets another role, and may sign in no more", async ({ agent: page, t }, info) => {
  const email = addressOf("nina", info);
  await page.goto("/dashboard/settings/users");
  await page.locator(".settings-head summary").click();
  await page.getByLabel(t("field-email")).fill(email);
  await page.locator("#name").fill("Nina Brandt");
  await page.locator("#role").selectOption("agent");
  await page.getByRole("button", { name: t("users-invite-act") }).click();
  await expect(page.getByText(t("did-invite"))).toBeVisible();
  const find = async () => {
    await page.getByLabel(t("users-find")).fill(email);
    await page.getByRole("button", { name: t("portal-find") }).click();
  };
  const row = page.locator(".settings li").filter({ hasText: email });
  await find();
  await expect(row).toContainText(t("user-state-invited"));
  await row.getByLabel(t("users-role-of", { name: "Nina Brandt" }), { exact: true }).selectOption("sub_admin");
  await row.getByRole("button", { name: t("users-set-role", { name: "Nina Brandt" }) }).click();
  await expect(page.getByText(t("did-user"))).toBeVisible();
  await find();
  await expect(row.getByLabel(t("users-role-of", { name: "Nina Brandt" }), { exact: true })).toHaveValue("sub_admin");
  await row.getByRole("button", { name: t("users-deactivate") }).click();
  await page.goto("/dashboard/settings/users?show=all");
  await find();
  await expect(row).toContainText(t("user-state-off"));
});

test("a company is opened and changed, and what is wrong stands beside its field", async ({ agent: page, complaints, t }, info) => {
  complaints.allowed.push(/status of (409|422)/); // asked for here
  const slug = own("kaiwerk", info);
  await page.goto("/dashboard/settings");
  await page.getByRole("link", { name: t("settings-tenants") }).click();
  await page.locator(".settings-head summary").click();
  await page.locator("#name-new").fill("Kaiwerk");
  await page.locator("#slug-new").fill("default");
  await page.getByRole("button", { name: t("tenants-open") }).click();
  await expect(page.getByRole("alert")).toContainText(t("wrong-taken-slug"));
  await expect(page.locator("#name-new")).toHaveValue("Kaiwerk");
  await page.locator("#slug-new").fill(slug);
  await page.getByRole("button", { name: t("tenants-open") }).click();
  await expect(page.getByText(t("did-tenant-made"))).toBeVisible();

  const row = page.locator(".settings > li").filter({ hasText: slug });
  await row.locator("summary").click();
  await row.getByLabel(t("field-name"), { exact: true }).fill("Kaiwerk Hafen");
  await row.getByLabel(t("tenant-set-ask_rating")).check();
  await row.getByLabel(t("tenant-set-auto_close_days")).fill("14");
  await row.getByRole("button", { name: t("keep") }).click();
  await expect(page.getByText(t("did-tenant"), { exact: true })).toBeVisible();
  await expect(row.getByRole("heading")).toHaveText("Kaiwerk Hafen");
  await row.locator("summary").click();
  await expect(row.getByLabel(t("tenant-set-ask_rating"))).toBeChecked();
  await expect(row.getByLabel(t("tenant-set-auto_close_days"))).toHaveValue("14");
});

test("a category is made within another one, and changed", async ({ agent: page, t }, info) => {
  const slug = own("invoices", info);
  await page.goto("/dashboard/settings/categories");
  await page.locator(".settings-head summary").click();
  await page.locator("#name-new").fill("Invoices");
  await page.locator("#slug-new").fill(slug);
  await page.locator("#parent-new").selectOption({ label: "Billing" });
  await page.getByRole("button", { name: t("categories-make") }).click();
  await expect(page.getByText(t("did-category-made"))).toBeVisible();
  const row = page.locator(".settings > li").filter({ hasText: slug });
  await expect(row.getByRole("heading")).toHaveText("Billing › Invoices");
  await row.locator("summary").click();
  await row.getByLabel(t("field-name"), { exact: true }).fill("Paper invoices");
  await row.getByLabel(t("field-category-description")).fill("What comes by post.");
  await row.getByRole("button", { name: t("keep") }).click();
  await expect(page.getByText(t("did-category"), { exact: true })).toBeVisible();
  await expect(row).toContainText("What comes by post.");
});

test("a company is closed and opened again", async ({ agent: page, t }, info) => {
  const slug = own("closing", info);
  await page.goto("/dashboard/settings/tenants");
  await page.locator(".settings-head summary").click();
  await page.locator("#name-new").fill(slug);
  await page.locator("#slug-new").fill(slug);
  await page.getByRole("button", { name: t("tenants-open") }).click();
  const row = page.locator(".settings > li").filter({ hasText: slug });
  await row.locator("summary").click();
  await row.getByRole("button", { name: t("tenants-close") }).click();
  await expect(page.getByText(t("did-tenant-closed"))).toBeVisible();
  await expect(row).toContainText(t("tenants-closed-text"));

  // Nothing new can be written to it.
  await page.goto("/dashboard/support/new");
  await expect(page.locator("#tenant option", { hasText: slug })).toHaveCount(0);

  await page.goto("/dashboard/settings/tenants");
  await row.locator("summary").click();
  await row.getByRole("button", { name: t("tenants-reopen") }).click();
  await expect(page.getByText(t("did-tenant-opened"))).toBeVisible();
  await expect(row).not.toContainText(t("tenants-closed-text"));
});

test("a category is switched off and offered again", async ({ agent: page, t }, info) => {
  const slug = own("fax", info);
  const offered = async () => {
    await page.goto("/dashboard/support/new");
    return page.locator(`option[value="${slug}"]`).count();
  };
  await page.goto("/dashboard/settings/categories");
  await page.locator(".settings-head summary").click();
  // Every row names all categories as what it may lie within.
  await page.locator("#name-new").fill("Fax");
  await page.locator("#slug-new").fill(slug);
  await page.getByRole("button", { name: t("categories-make") }).click();
  expect(await offered()).toBe(1);
  for (const [act, did, count] of [
    ["categories-deactivate", "did-category-off", 0],
    ["categories-activate", "did-category-on", 1],
  ]) {
    await page.goto("/dashboard/settings/categories");
    const row = page.locator(".settings > li").filter({ hasText: slug });
    await row.locator("summary").click();
    await row.getByRole("button", { name: t(act) }).click();
    await expect(page.getByText(t(did))).toBeVisible();
    expect(await offered()).toBe(count);
  }
});
