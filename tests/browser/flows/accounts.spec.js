// Passwords and links by mail, one's own account, and signing in with a second step.
import { expect, signIn, test } from "../support/fixtures.js";
import { addressOf, codeOf, mailedLink, makeUser } from "../support/people.js";

const password = "a password that is long enough";

test("a mailed link signs in by its button, once", async ({ page, server, complaints, t }, info) => {
  complaints.allowed.push(/status of 410/); // asked for here
  const email = addressOf("link", info);
  await makeUser(server, { email, name: "Kim Weber", role: "customer", tenant_id: 1, password });
  await page.goto("/portal");
  await expect(page).toHaveURL(/\/login\?next=/);
  await page.getByLabel(t("field-email")).fill(email);
  await page.getByRole("button", { name: t("login-by-link") }).click();
  await expect(page.getByRole("status")).toContainText(email);
  const path = await mailedLink(page, email, "link");
  await page.goto(path);
  // Nothing has happened yet: the reader is still a stranger elsewhere.
  expect((await page.request.get("/api/auth/me")).status()).toBe(401);
  await page.getByRole("button", { name: t("sign-in") }).click();
  await expect(page).toHaveURL(/\/portal$/);
  await page.getByRole("button", { name: t("sign-out") }).click();
  await page.goto(path);
  await expect(page.getByText(t("mailed-state-spent"))).toBeVisible();
  await page.getByRole("button", { name: t("mailed-again-act") }).click();
  await expect(page.getByRole("status")).toContainText(email);
});

test("an invitation and a forgotten password, by keyboard", async ({ page, server, complaints, t }, info) => {
  complaints.allowed.push(/status of 422/); // asked for here
  const email = addressOf("invited", info);
  await makeUser(server, { email, role: "agent" });
  await page.goto(await mailedLink(page, email, "invite"));
  await page.getByLabel(t("form-name")).focus();
  await page.keyboard.type("Mara Lindqvist");
  await page.keyboard.press("Tab");
  await page.keyboard.type("short");
  await page.keyboard.press("Enter");
  await expect(page.getByLabel(t("field-new-password"))).toHaveAttribute("aria-invalid", "true");
  await expect(page.getByLabel(t("form-name"))).toHaveValue("Mara Lindqvist");
  await page.getByLabel(t("field-new-password")).focus();
  await page.keyboard.type(password);
  await page.keyboard.press("Enter");
  await page.waitForURL(/\/dashboard\/support/);
  await page.getByRole("button", { name: t("sign-out") }).click();

  await page.getByRole("link", { name: t("login-forgot") }).click();
  await page.getByLabel(t("field-email")).fill(email);
  await page.keyboard.press("Enter");
  await expect(page.getByRole("status")).toContainText(email);
  await page.goto(await mailedLink(page, email, "reset"));
  await page.getByLabel(t("field-new-password")).fill("another password");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("status")).toHaveText(t("did-password"));
  await signIn(page, t, { email, password: "another password" });
});

test("one's own account: name, where one is signed in, a token", async ({ page, server, browser, t }, info) => {
  const email = addressOf("account", info);
  await makeUser(server, { email, name: "Mara", role: "agent", password });
  const elsewhere = await browser.newContext({ baseURL: server.url, javaScriptEnabled: false });
  const other = await elsewhere.newPage();
  for (const one of [other, page]) {
    await one.goto("/login");
    await signIn(one, t, { email, password });
  }
  await page.getByRole("link", { name: "Mara", exact: true }).click();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText(t("account"));
  await page.getByLabel(t("form-name")).fill("Mara Lindqvist");
  await page.getByRole("button", { name: t("keep") }).first().click();
  await expect(page.getByRole("status")).toHaveText(t("did-account"));
  await expect(page.getByLabel(t("form-name"))).toHaveValue("Mara Lindqvist");
  await expect(page.getByText(t("session-current"))).toHaveCount(1);
  await page.getByRole("button", { name: t("session-end-others") }).click();
  await expect(page.getByRole("status")).toHaveText(t("did-session"));
  await other.goto("/dashboard/support");
  await expect(other).toHaveURL(/\/login/);
  await elsewhere.close();

  await page.getByLabel(t("token-name")).fill("Reports");
  await page.getByRole("button", { name: t("token-make") }).click();
  const secret = await page.locator("#made").textContent();
  const bearer = { headers: { authorization: `Bearer ${secret}` } };
  expect((await fetch(`${server.url}/api/auth/me`, bearer)).status).toBe(200);
  await page.getByRole("button", { name: t("token-revoke-one", { name: "Reports" }) }).click();
  await expect(page.getByRole("status")).toHaveText(t("did-token"));
  expect((await fetch(`${server.url}/api/auth/me`, bearer)).status).toBe(401);
});

test("signing in with a second step", async ({ page, server, complaints, t }, info) => {
  complaints.allowed.push(/status of 401/); // asked for here
  const email = addressOf("second", info);
  await makeUser(server, { email, name: "Mara", role: "agent", password });
  await page.goto("/login?next=/account/two-factor");
  await signIn(page, t, { email, password });
  await page.getByRole("button", { name: t("two-factor-begin") }).click();
  await expect(page.getByRole("img", { name: t("two-factor-picture") })).toBeVisible();
  const secret = await page.locator("#secret").textContent();
  await page.getByRole("textbox", { name: t("field-code") }).fill(codeOf(secret, -1));
  await page.keyboard.press("Enter");
  await expect(page.getByText(t("recovery-lede"))).toBeVisible();
  const codes = await page.locator(".codes code").allTextContents();
  expect(codes).toHaveLength(10);
  await page.getByRole("link", { name: t("recovery-kept") }).click();
  await page.getByRole("button", { name: t("sign-out") }).click();

  const first = async () => {
    await page.getByLabel(t("field-email")).fill(email);
    await page.getByLabel(t("field-password")).fill(password);
    await page.getByRole("button", { name: t("sign-in") }).click();
    await expect(page.getByRole("textbox", { name: t("field-code") })).toBeVisible();
  };
  await first();
  await page.getByRole("textbox", { name: t("field-code") }).fill("000000");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("alert")).toContainText(t("problem-second_factor_invalid"));
  await page.getByRole("textbox", { name: t("field-code") }).fill(codeOf(secret, 1));
  await page.getByRole("button", { name: t("sign-in") }).click();
  await page.waitForURL(/\/dashboard\/support/);
  await page.getByRole("button", { name: t("sign-out") }).click();
  await first();
  await page.getByRole("textbox", { name: t("field-code") }).fill(codes[0].toUpperCase());
  await page.keyboard.press("Enter");
  await page.waitForURL(/\/dashboard\/support/);
});
