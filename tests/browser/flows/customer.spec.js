// A customer with an account: their own tickets, and nothing of how we work.
import { admin, deliver, expect, mailbox, signIn, test } from "../support/fixtures.js";

test("customers see and answer their own tickets, and no page of ours", async ({ page, server, complaints, t }, info) => {
  complaints.allowed.push(/status of (403|404)/); // asked for here
  const kim = { email: `kim.${info.project.name.replace(" ", "-")}@customer.example`, password: "a password that is long enough" };
  const signed = await fetch(`${server.url}/api/auth/login`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(admin),
  });
  const made = await fetch(`${server.url}/api/users`, {
    method: "POST",
    headers: { "content-type": "application/json", origin: server.url, cookie: signed.headers.get("set-cookie").split(";")[0] },
    body: JSON.stringify({ ...kim, name: "Kim Weber", role: "customer", tenant_id: 1 }),
  });
  expect(made.status).toBe(201);
  const other = await deliver(server, { from: "other@shop.example", to: mailbox, subject: "Not Kim's", text: "x" });

  await page.goto("/login");
  await signIn(page, t, kim);
  await expect(page.getByText(t("empty-own"))).toBeVisible();
  await page.goto("/dashboard/support/new");
  await expect(page.getByLabel(t("new-email"))).toHaveCount(0);
  await page.getByLabel(t("field-subject")).fill("From my account");
  await page.getByLabel(t("field-message")).fill("Please help.");
  await page.getByRole("button", { name: t("create-ticket") }).click();
  await expect(page.getByRole("heading", { level: 1, name: "From my account" })).toBeVisible();
  await expect(page.getByText(t("note"), { exact: true })).toHaveCount(0);
  await expect(page.getByLabel(t("field-status"), { exact: true })).toHaveCount(0);
  await page.getByLabel(t("reply-own")).fill("One thing more.");
  await page.getByRole("button", { name: t("send"), exact: true }).click();
  await expect(page.getByRole("article").filter({ hasText: "One thing more." })).toBeVisible();

  const mail = await page.goto("/dashboard/mail");
  expect(mail.status()).toBe(403);
  await expect(page.getByRole("heading", { level: 1 })).toHaveText(t("heading-403"));
  expect((await page.goto(`/dashboard/support/${other.pid}`)).status()).toBe(404);
  await page.getByRole("link", { name: t("error-back") }).click();
  await expect(page.getByRole("link", { name: "From my account" })).toBeVisible();
});
