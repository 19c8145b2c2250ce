// An incident: reported, linked at a ticket's side, seen by the customer, and resolved with one message to all.
import { choose, deliver, expect, mailbox, signIn, test } from "../support/fixtures.js";
import { addressOf, makeUser } from "../support/people.js";

test("an incident is reported, linked, and resolved with a message", async ({ agent: page, browser, server, t, javaScriptEnabled }, info) => {
  const title = `Frankfurt is slow ${info.project.name} ${info.repeatEachIndex}`;
  const person = { email: addressOf("ida", info), password: "a password that is long enough" };
  await makeUser(server, { ...person, name: "Ida Brandt", role: "customer", tenant_id: 1 });
  const { pid } = await deliver(server, { from: `Ida Brandt <${person.email}>`, to: mailbox, subject: "Slow", text: "It is slow." });

  await page.goto("/dashboard/settings");
  await page.getByRole("link", { name: t("settings-incidents") }).click();
  await page.locator(".settings-head summary").click();
  await page.locator("#title-new").fill(title);
  await page.locator("#severity-new").selectOption("high");
  await page.getByRole("button", { name: t("incidents-make") }).click();
  await expect(page.getByText(t("did-incident-made"))).toBeVisible();
  const row = page.locator(".settings > li").filter({ hasText: title });
  await expect(row).toContainText(t("incident-open"));

  await page.goto(`/dashboard/support/${pid}`);
  await choose(page, javaScriptEnabled, t("incident"), title, t("set-incident"));
  await expect(page.getByText(t("did-incident-link"))).toBeVisible();
  await expect(page.locator(".facts .incident")).toContainText(t("incident-open"));
  await page.goto("/dashboard/support?view=all");
  await expect(page.locator(`[id="t-${pid}"] .incident`)).toContainText(t("incident-open"));

  // The customer sees how it stands.
  const theirs = await browser.newContext({ baseURL: server.url, javaScriptEnabled });
  const customer = await theirs.newPage();
  await customer.goto("/login");
  await signIn(customer, t, person);
  await customer.goto(`/portal/${pid}`);
  await expect(customer.locator("#incident")).toContainText(title);
  await expect(customer.locator("#incident")).toContainText(t("incident-plain-open"));

  await page.goto("/dashboard/settings/incidents");
  await row.getByText(t("incidents-resolve"), { exact: false }).first().click();
  await row.getByLabel(t("incidents-message")).fill("Frankfurt is fast again.");
  await row.getByRole("button", { name: t("incidents-resolve-do") }).click();
  await expect(page.getByText(t("did-incident-resolved"))).toBeVisible();
  await expect(row).toContainText(t("incident-resolved"));

  await customer.goto(`/portal/${pid}`);
  await expect(customer.getByRole("article").filter({ hasText: "Frankfurt is fast again." })).toHaveCount(1);
  await expect(customer.locator("#incident")).toContainText(t("incident-plain-resolved"));
  await theirs.close();
});

test("a ticket's page tells of the incident's state as it changes @script", async ({ agent: page, server, t }, info) => {
  const title = `The edge is down ${info.repeatEachIndex}`;
  const { pid } = await deliver(server, { from: "lou@customer.example", to: mailbox, subject: "Down", text: "It is down." });
  await page.goto("/dashboard/settings/incidents");
  await page.locator(".settings-head summary").click();
  await page.locator("#title-new").fill(title);
  await page.getByRole("button", { name: t("incidents-make") }).click();
  await page.goto(`/dashboard/support/${pid}`);
  await choose(page, true, t("incident"), title, t("set-incident"));
  await expect(page.locator(".facts .incident")).toContainText(t("incident-open"));
  await page.waitForFunction(() => document.documentElement.dataset.heard === "yes");

  const other = await page.context().newPage();
  await other.goto("/dashboard/settings/incidents");
  const row = other.locator(".settings > li").filter({ hasText: title });
  await row.locator("summary").first().click();
  await row.getByLabel(t("field-state")).selectOption("monitoring");
  await row.getByRole("button", { name: t("keep") }).click();
  await expect(other.getByText(t("did-incident"), { exact: true })).toBeVisible();
  await expect(page.locator(".facts .incident")).toContainText(t("incident-monitoring"));
});
