// The customer's portal: reading, answering with a file, closing, rating, opening again; by mouse and by keyboard.
import { admin, expect, signIn, test } from "../support/fixtures.js";
import { addressOf, makeUser } from "../support/people.js";

const password = "a password that is long enough";

// A ticket of a new customer with an answer and a note of ours.
async function ticketOf(server, email) {
  await makeUser(server, { email, name: "Kim Weber", role: "customer", tenant_id: 1, password });
  const signed = async (who) => {
    const answer = await fetch(`${server.url}/api/auth/login`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(who),
    });
    return answer.headers.get("set-cookie").split(";")[0];
  };
  const as = async (cookie, path, body) => {
    const answer = await fetch(server.url + path, {
      method: "POST",
      headers: { "content-type": "application/json", origin: server.url, cookie },
      body: JSON.stringify(body),
    });
    expect(answer.status).toBe(201);
    return answer.json();
  };
  const [kim, ada] = [await signed({ email, password }), await signed(admin)];
  const ticket = await as(kim, "/api/support/tickets", { subject: "A certificate has expired", description: "Since this morning." });
  const path = `/api/support/tickets/${ticket.pid}/messages`;
  await as(ada, path, { body: "She always forgets it.", kind: "note" });
  await as(ada, path, { body: "May we change the record?", status_after: "waiting_on_customer" });
  return ticket.pid;
}

test("a customer reads, answers with a file, closes, rates and opens again", async ({ page, server, t }, info) => {
  const email = addressOf("portal", info);
  const pid = await ticketOf(server, email);
  await page.goto("/login");
  await signIn(page, t, { email, password });
  await expect(page).toHaveURL(/\/portal$/);
  const row = page.getByRole("listitem").filter({ hasText: pid });
  await expect(row).toContainText(t("plain-you"));
  await row.getByRole("link").click();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("A certificate has expired");
  await expect(page.getByRole("article").filter({ hasText: "May we change the record?" })).toBeVisible();
  await expect(page.getByText("She always forgets it.")).toHaveCount(0);

  await page.getByLabel(t("reply-own"), { exact: true }).last().fill("Yes, please.");
  await page.locator("input[name=files]").setInputFiles({ name: "proof.txt", mimeType: "text/plain", buffer: Buffer.from("yes") });
  await page.getByRole("button", { name: t("send"), exact: true }).click();
  await expect(page.getByRole("status").filter({ hasText: t("did-reply") })).toBeVisible();
  const mine = page.getByRole("article").filter({ hasText: "Yes, please." });
  const file = await page.request.get(await mine.getByRole("link", { name: t("download-file", { name: "proof.txt" }) }).getAttribute("href"));
  expect(await file.text()).toBe("yes");

  await page.getByRole("button", { name: t("portal-close") }).click();
  await expect(page.getByText(t("plain-text-closed"))).toBeVisible();
  await page.getByLabel(t("rate-score-5")).check();
  await page.getByRole("button", { name: t("portal-rate-act") }).click();
  await expect(page.getByRole("status").filter({ hasText: t("did-rate") })).toBeVisible();
  await page.getByRole("button", { name: t("portal-reopen") }).click();
  await expect(page.getByText(t("plain-text-working"))).toBeVisible();
});

test("the same by keyboard alone", async ({ page, server, t }, info) => {
  const email = addressOf("keys", info);
  const pid = await ticketOf(server, email);
  await page.goto("/login");
  await page.getByLabel(t("field-email")).focus();
  await page.keyboard.type(email);
  await page.keyboard.press("Tab");
  await page.keyboard.type(password);
  await page.keyboard.press("Enter");
  await page.waitForURL(/\/portal$/);
  await page.getByLabel(t("portal-search")).focus();
  await page.keyboard.type("certificate");
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(/q=certificate/);
  const link = page.getByRole("link", { name: "A certificate has expired" });
  // A ticket is found within two seconds of its coming.
  await expect(async () => {
    await page.reload();
    await expect(link).toBeVisible({ timeout: 500 });
  }).toPass();
  await link.focus();
  await page.keyboard.press("Enter");
  await page.waitForURL(new RegExp(`/portal/${pid}$`));
  await page.getByLabel(t("reply-own"), { exact: true }).last().focus();
  await page.keyboard.type("Yes.");
  for (let at = 0; at < 5; at++) {
    await page.keyboard.press("Tab");
    if (await page.evaluate(() => document.activeElement.matches("#answer .btn--main"))) break;
  }
  await page.keyboard.press("Enter");
  await expect(page.getByRole("article").filter({ hasText: "Yes." })).toBeVisible();
});
