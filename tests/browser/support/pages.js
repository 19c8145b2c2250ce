// Every page in the states that it can be in, for the flows that look at all of them.
import { deliver, expect, mailbox, signIn } from "./fixtures.js";
import { deliverFiles } from "./files.js";
import { makeUser } from "./people.js";

const long = "A subject that goes on for longer than any list has room for, because people write such subjects";

// Returns what to open: [by whom, name, address, what to do there, the status that is right].
export async function everyPage({ server, agent: page, stranger, customer, t }) {
  const from = "Daniel Okafor <daniel@okafor-and-a-rather-long-company-name.example>";
  const text = `Hello,\n\nplease look at https://shop.example/${"a".repeat(180)} and tell me.\n\nDaniel`;
  const mail = await deliver(server, { from, to: mailbox, subject: long, text });
  await deliver(server, { from: "mara@shop.example", to: mailbox, subject: "Zweite Nachricht: Größe", text: "x" });
  const ticket = `/dashboard/support/${mail.pid}`;

  // An acknowledgement that was sent and came back, then a note and a reply that is still held.
  await expect(async () => {
    await page.goto("/dev/mail");
    await expect(page.locator("#captured li").filter({ hasText: "Zweite" }).first()).toBeVisible({ timeout: 500 });
  }).toPass({ timeout: 20_000 });
  const captured = await page.locator("#captured li a").first().getAttribute("href");
  await page.goto("/dev/inbound?sample=bounce");
  await page.locator("form.form .btn--main").click();
  await expect(page.locator("ol.trace > li").first()).toBeVisible();
  const traced = page.url();
  await page.goto("/dashboard/mail/outbox?state=failed");
  const failed = await page.locator(".table--out td a").first().getAttribute("href");

  for (const [box, words] of [["note", "She called twice."], ["reply", "Please open port 8080."]]) {
    await page.goto(ticket);
    await page.locator(`label[for=kind-${box}]`).click();
    await page.locator(`#${box}`).fill(words);
    await page.locator(`form.compose-${box} button[type=submit]`).last().click();
    await expect(page.getByRole("article").filter({ hasText: words })).toBeVisible();
  }
  const submit = async (on) => {
    await on.locator("main .btn--main").click();
    await on.waitForLoadState();
  };
  const submitDoctor = async (on) => {
    await on.locator("#doctor button").click();
    await expect(on.locator(".findings li")).toHaveCount(10);
  };
  const sent = async (on) => {
    await on.locator("#email").fill("a-person-with-a-rather-long-name@company.example");
    await on.locator("#subject").fill("From the form");
    await on.locator("#description").fill("Please help.");
    await submit(on);
    await expect(on.locator("#pid")).toBeVisible();
  };
  // A key with its record: made once, there from then on.
  const key = async (on) => {
    if (await on.locator(".settings li").count()) return;
    await on.locator("#domain").fill(mailbox.split("@")[1]);
    await submit(on);
    await expect(on.locator(".settings li").first()).toBeVisible();
  };
  // A customer with a ticket of their own and one of our answers.
  const kim = { email: `kim${Date.now()}@a-company-with-a-long-name.example`, password: "a password that is long enough" };
  await makeUser(server, { ...kim, name: "Kim Weber", role: "customer", tenant_id: 1 });
  const own = await deliver(server, { from: `Kim Weber <${kim.email}>`, to: mailbox, subject: long, text });
  await customer.goto("/login");
  await signIn(customer, t, kim);
  // Files, drawn by the worker in a moment.
  const filed = await deliverFiles(server, { from: `Kim Weber <${kim.email}>`, to: mailbox, subject: "Files of all kinds" });
  await expect(async () => {
    await page.goto(`/dashboard/support/${filed.pid}`);
    await expect(page.locator(".files .file-pic img")).toHaveCount(2, { timeout: 500 });
  }).toPass({ timeout: 20_000 });
  const looks = await page.locator(".files a[data-look]").evaluateAll((all) => all.map((a) => a.getAttribute("href")));
  const look = async (on) => {
    await on.locator(".files a[data-look]").last().click();
    await expect(on.locator("#look")).toBeVisible();
  };
  const asked = async (on) => {
    await on.locator("#email").fill("a-person-with-a-rather-long-name@company.example");
    await submit(on);
  };
  // A ticket that is put off.
  const { pid: put } = await deliver(server, { from, to: mailbox, subject: `Put off: ${long}`, text });
  await page.goto(`/dashboard/support/${put}`);
  await page.locator("#snooze > summary").click();
  await page.locator("#snooze-words").fill("in 3 months");
  await page.locator("#snooze .set .btn").click();
  await expect(page.locator(".facts .snoozed")).toBeVisible();
  // A company with a short name that cannot be.
  const refusedTenant = async (on) => {
    await on.locator(".settings-head summary").click();
    await on.locator("#name-new").fill("A company with a name that goes on and on");
    await on.locator("#slug-new").fill("No Slug");
    await on.locator(".settings-head .btn--main").click();
    await expect(on.getByRole("alert")).toBeVisible();
  };
  const redacts = async (on) => {
    await on.locator(".menu > summary").first().click();
    await on.locator(".menu a[href^='#redact']").first().click();
    await expect(on.locator(".redact:target")).toBeVisible();
  };
  // What is shown becomes a view, which is open to be changed.
  const view = async (on) => {
    await on.locator(".save-view > summary").click();
    await on.locator("#view-name").fill("Open since the beginning of the year, whoever has them");
    await on.locator(".save-view form .btn").click();
    await on.waitForURL(/saved=/);
    const filters = on.locator("details.filters");
    if (!(await filters.evaluate((d) => d.open))) await filters.locator("> summary").click();
    await on.locator(".edit-view > summary").click();
    await expect(on.locator("#view-query")).toBeVisible();
  };
  // Something is out of order, and a ticket is linked to it.
  await page.goto("/dashboard/settings/incidents");
  await page.locator(".settings-head summary").click();
  await page.locator("#title-new").fill(`An incident with a name that says more than fits: ${long}`);
  await page.locator(".settings-head .btn--main").click();
  await page.goto(`/dashboard/support/${own.pid}`);
  const linked = await page.locator("#incident option").nth(1).getAttribute("value");
  await page.request.post(`/api/support/tickets/${own.pid}/link-incident`, {
    headers: { origin: server.url },
    data: { incident_id: Number(linked) },
  });
  const resolves = (on) => on.locator(".settings li summary").nth(1).click();
  return [
    [stranger, "forgot", "/forgot"],
    [stranger, "ask-link", "/link"],
    [stranger, "ask-link-sent", "/link", asked],
    [stranger, "mailed-link-unknown", "/link/nonsense", null, 404],
    [customer, "portal", "/portal"],
    [customer, "portal-empty", "/portal?q=nothing-of-the-kind"],
    [customer, "portal-ticket", `/portal/${own.pid}`],
    [customer, "portal-files", `/portal/${filed.pid}`],
    [customer, "portal-look", `/portal/${filed.pid}`, look],
    [customer, "customer-account", "/account"],
    [page, "account", "/account"],
    [page, "two-factor", "/account/two-factor"],
    [page, "two-factor-setup", "/account/two-factor", submit],
    [page, "settings-users", "/dashboard/settings/users?show=all"],
    [page, "settings-users-invite", "/dashboard/settings/users", (on) => on.locator(".settings-head summary").click()],
    [stranger, "form", "/"],
    [stranger, "form-refused", "/new", submit],
    [stranger, "form-done", "/new", sent],
    [stranger, "login", "/login"],
    [stranger, "nothing", "/nothing/here", null, 404],
    [page, "queue", "/dashboard/support?view=all"],
    [page, "palette", "/dashboard/support?view=all", (on) => on.evaluate(() => dispatchEvent(new Event("postroom:palette")))],
    [page, "queue-chosen", "/dashboard/support?view=all", (on) => on.locator(".pick").first().check()],
    [page, "queue-view", "/dashboard/support?view=all&q=is:open&since=2026-01-01", view],
    [page, "queue-empty", "/dashboard/support?view=all&status=closed"],
    [page, "ticket", ticket],
    [page, "ticket-note", ticket, (on) => on.locator("label[for=kind-note]").click()],
    [page, "ticket-files", `/dashboard/support/${filed.pid}`],
    [page, "ticket-look", `/dashboard/support/${filed.pid}`, look],
    [page, "look-picture", looks[0]],
    [page, "look-pages", looks[1]],
    [page, "look-text", looks[2]],
    [page, "ticket-put-off", `/dashboard/support/${put}`, (on) => on.locator("#snooze > summary").click()],
    [page, "queue-put-off", "/dashboard/support?view=snoozed", (on) => on.locator(".pick").first().check()],
    [page, "ticket-nowhere", "/dashboard/support/999999-9999", null, 404],
    [page, "new", "/dashboard/support/new"],
    [page, "new-refused", "/dashboard/support/new", submit],
    [page, "mail", "/dashboard/mail"],
    [page, "mail-trace", `/dashboard/mail/${mail.mail_id}`],
    [page, "outbox", "/dashboard/mail/outbox"],
    [page, "outbox-failed", failed],
    [page, "ticket-erase", ticket, (on) => on.locator(".erase summary").first().click()],
    [page, "settings-tenants", "/dashboard/settings/tenants", (on) => on.locator("#tenant-1 summary").click()],
    [page, "settings-tenants-refused", "/dashboard/settings/tenants", refusedTenant],
    [page, "settings-categories", "/dashboard/settings/categories", (on) => on.locator(".settings-head summary").click()],
    [page, "merge", `/dashboard/support/merge?tickets=${mail.pid},${put}`],
    [page, "ticket-menu", `/dashboard/support/${filed.pid}`, (on) => on.locator(".menu > summary").first().click()],
    [page, "ticket-redact", `/dashboard/support/${filed.pid}`, redacts],
    [page, "ticket-passed", `${ticket}?view=all&did=solved&was=${own.pid}&undo=1.2.000.0`],
    [page, "queue-passed", `/dashboard/support?view=all&did=closed&was=${own.pid}&undo=1.2.000.0`],
    [page, "system", "/dashboard/system", submitDoctor],
    [page, "settings-mailboxes", "/dashboard/settings/mailboxes"],
    [page, "settings-incidents", "/dashboard/settings/incidents", (on) => on.locator(".settings-head summary").click()],
    [page, "settings-incidents-resolve", "/dashboard/settings/incidents", resolves],
    [page, "ticket-incident", `/dashboard/support/${own.pid}`],
    [page, "settings-spam", "/dashboard/settings/spam"],
    [page, "settings-suppressions", "/dashboard/settings/suppressions"],
    [page, "settings-dkim", "/dashboard/settings/dkim", key],
    [page, "settings-fetching", "/dashboard/settings/fetching"],
    [page, "dev-mail", "/dev/mail"],
    [page, "dev-mail-open", captured],
    [page, "dev-mail-headers", `${captured}?show=headers`],
    [page, "dev-inbound", "/dev/inbound"],
    [page, "dev-inbound-trace", traced.replace(server.url, "")],
  ];
}
