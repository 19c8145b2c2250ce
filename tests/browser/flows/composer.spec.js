// Writing: marks and what they look like, drafts that survive, who gets it, and what stops a send. @script: without script
// there is the plain form, which the other flows use.
import { deliver, expect, mailbox, signIn, test } from "../support/fixtures.js";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

const from = "Ruth Ellison <ruth@studio.example>";

async function openTicket(page, server, subject) {
  const mail = await deliver(server, { from, to: mailbox, subject, text: "Can you help?" });
  await page.goto(`/dashboard/support/${mail.pid}`);
  return mail;
}

const kept = (page) => page.waitForResponse((answer) => answer.url().endsWith("/draft") && answer.request().method() === "PUT");

async function clean(page) {
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    await page.evaluate(axe);
    const { violations } = await page.evaluate(() => axe.run(document, { resultTypes: ["violations"] }));
    expect(violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.target)}`), colorScheme).toEqual([]);
  }
}

test("@script marks by key and by button, and a preview of what they give", async ({ agent: page, server, t }) => {
  await openTicket(page, server, "Marks");
  const form = page.locator("form.compose-reply");
  const field = page.getByLabel(t("reply-label"));
  await page.keyboard.press("r");
  await page.keyboard.type("Hello Ruth");
  await page.keyboard.press("Shift+Control+ArrowLeft");
  await page.keyboard.press("Control+b");
  await expect(field).toHaveValue("Hello **Ruth**");
  await page.keyboard.press("Control+b");
  await expect(field).toHaveValue("Hello Ruth");
  await page.keyboard.press("Control+i");
  await expect(field).toHaveValue("Hello _Ruth_");
  await page.keyboard.press("End");
  await page.keyboard.press("Enter");
  await page.keyboard.type("one");
  await form.getByRole("button", { name: t("md-list") }).click();
  await expect(field).toHaveValue("Hello _Ruth_\n- one");
  await page.keyboard.type(" ");
  await page.keyboard.press("Control+k");
  await page.keyboard.type("guide");
  await expect(field).toHaveValue("Hello _Ruth_\n- one [guide](https://)");

  await form.getByRole("button", { name: t("preview") }).click();
  const preview = page.locator("#reply-preview");
  await expect(preview.locator("em")).toHaveText("Ruth");
  await expect(preview.locator("li a")).toHaveText("guide");
  await field.fill("Now **bold** <script>x</script>");
  await expect(preview.locator("strong")).toHaveText("bold");
  await expect(preview).toContainText("<script>x</script>");
  await clean(page);

  await page.keyboard.press("Control+Enter");
  await expect(page.getByRole("article").locator(".rich strong")).toHaveText("bold");
});

test("@script a draft survives leaving, another browser and being taken back", async ({ agent: page, server, browser, t }) => {
  const mail = await openTicket(page, server, "Draft kept");
  const field = page.getByLabel(t("reply-label"));
  const saved = kept(page);
  await field.fill("Half a thought");
  await saved;
  await expect(page.locator(".compose-reply .draft-said")).toHaveText(t("draft-saved"));
  await field.pressSequentially(" more");
  await page.goto("/dashboard/support?view=all");
  await expect(page.locator(`#t-${mail.pid}`).getByTitle(t("flag-draft"))).toBeVisible();

  // The same person elsewhere.
  const context = await browser.newContext({ baseURL: server.url });
  const other = await context.newPage();
  await other.goto("/login");
  await signIn(other, t);
  await other.goto(`/dashboard/support/${mail.pid}`);
  await expect(other.getByLabel(t("reply-label"))).toHaveValue("Half a thought more");
  await other.getByRole("button", { name: t("send"), exact: true }).click();
  const answer = other.getByRole("article").filter({ hasText: "Half a thought more" });
  await expect(answer.locator(".take-back .hint")).toHaveText(/\d/);
  await other.keyboard.press("z");
  await expect(other.getByRole("article").filter({ hasText: t("withdrawn") })).toBeVisible();
  await expect(other.getByLabel(t("reply-label"))).toHaveValue("Half a thought more");
  await other.getByRole("button", { name: t("draft-drop") }).click();
  await expect(other.getByLabel(t("reply-label"))).toHaveValue("");
  await context.close();

  await page.goto(`/dashboard/support/${mail.pid}`);
  await expect(field).toHaveValue("");
});

test("@script two people answer at once: the second sees the first, and chooses", async ({ agent: page, server, browser, complaints, t }) => {
  complaints.allowed.push(/status of 409/);
  const mail = await openTicket(page, server, "Two at once");
  const context = await browser.newContext({ baseURL: server.url });
  const other = await context.newPage();
  await other.goto("/login");
  await signIn(other, t);
  await other.goto(`/dashboard/support/${mail.pid}`);
  await page.getByLabel(t("reply-label")).fill("The first answer");
  await page.getByRole("button", { name: t("send"), exact: true }).click();
  await expect(page.getByRole("article").filter({ hasText: "The first answer" })).toBeVisible();

  await other.getByLabel(t("reply-label")).fill("The second answer");
  await other.keyboard.press("Control+Enter");
  const composer = other.locator("#composer");
  await expect(composer.getByRole("alert")).toContainText(t("stale-heading"));
  await expect(composer.getByRole("article")).toContainText("The first answer");
  await clean(other);
  await composer.getByRole("link", { name: t("edit-reply") }).click();
  await expect(other.getByLabel(t("reply-label"))).toBeFocused();
  await composer.getByRole("button", { name: t("discard-reply") }).click();
  await expect(other.getByLabel(t("reply-label"))).toHaveValue("");
  await expect(other.getByRole("article").filter({ hasText: "The second answer" })).toHaveCount(0);
  await context.close();
});

test("who gets it is in sight, and can be changed for one reply", async ({ agent: page, server, t }) => {
  await openTicket(page, server, "Recipients");
  const form = page.locator("form.compose-reply");
  await form.getByLabel(t("to-add")).fill("bo@other.example");
  await form.getByLabel(t("reply-label")).fill("With Bo");
  await form.getByRole("button", { name: t("send"), exact: true }).click();
  const sent = page.getByRole("article").filter({ hasText: "With Bo" }).getByLabel(t("delivery"));
  await expect(sent.getByRole("listitem")).toHaveCount(2);
  const bo = form.getByRole("checkbox", { name: /bo@other\.example/ });
  await expect(form.locator(".chip", { hasText: "bo@other.example" })).toContainText(t("to-outside"));
  await bo.uncheck();
  await form.getByLabel(t("reply-label")).fill("Without Bo");
  await form.getByRole("button", { name: t("send"), exact: true }).click();
  const next = page.getByRole("article").filter({ hasText: "Without Bo" }).getByLabel(t("delivery"));
  await expect(next.getByRole("listitem")).toHaveCount(1);
});

test("a file that is spoken of and missing stops the send once", async ({ agent: page, server, complaints, t }) => {
  complaints.allowed.push(/status of 422/);
  await openTicket(page, server, "No file");
  await page.getByLabel(t("reply-label")).fill("Anbei die Rechnung.");
  await page.getByRole("button", { name: t("send"), exact: true }).click();
  await expect(page.getByRole("alert")).toContainText(t("problem-file_missing"));
  await expect(page.getByLabel(t("reply-label"))).toHaveValue("Anbei die Rechnung.");
  await page.getByRole("button", { name: t("send-anyway") }).click();
  await expect(page.getByRole("article").filter({ hasText: "Anbei die Rechnung." })).toBeVisible();
});

test("@script a canned reply by its shortcut, by keys alone", async ({ agent: page, server, t }) => {
  await page.goto("/dashboard/settings/canned");
  await page.getByText(t("canned-new"), { exact: true }).click();
  await page.getByLabel(t("field-name"), { exact: true }).fill("Greeting");
  await page.getByLabel(t("canned-body"), { exact: true }).fill("Hello {{requester.first_name}}, **{{ticket.pid}}** is with us.");
  await clean(page);
  await page.getByRole("button", { name: t("canned-save") }).first().click();
  await expect(page.getByRole("heading", { name: "Greeting" })).toBeVisible();

  const mail = await openTicket(page, server, "Canned");
  await page.keyboard.press("r");
  await page.keyboard.press("Escape");
  await page.keyboard.press("m");
  await page.keyboard.type("gre");
  const pick = page.locator("#pick");
  await expect(pick.getByRole("option")).toHaveCount(1);
  await expect(pick.locator(".rich")).toContainText("Hello Ruth");
  await clean(page);
  await page.keyboard.press("Enter");
  await expect(page.getByLabel(t("reply-label"))).toHaveValue(`Hello Ruth, **${mail.pid}** is with us.`);
  await page.keyboard.press("Control+Enter");
  await expect(page.getByRole("article").locator(".rich strong")).toHaveText(mail.pid);
  await page.goto("/dashboard/settings/canned");
  await expect(page.locator(".settings li")).toContainText(t("canned-used", { count: 1 }));
});

test("@script a colleague is named in a note from the list", async ({ agent: page, server, t }) => {
  await openTicket(page, server, "Name somebody");
  await page.keyboard.press("n");
  await page.keyboard.type("Please look @");
  const option = page.locator("#pick").getByRole("option");
  await expect(option.first()).toBeVisible();
  await option.first().click();
  await page.keyboard.type("now");
  await page.keyboard.press("Control+Enter");
  await expect(page.getByRole("article").locator("mark")).toHaveText(/^@ada/);
});

test("@script files go up as they are chosen, and the message takes them", async ({ agent: page, server, t }) => {
  await openTicket(page, server, "Upload");
  const form = page.locator("form.compose-reply");
  const up = page.waitForResponse((answer) => answer.url().endsWith("/api/support/attachments"));
  await form.locator("input[type=file]").setInputFiles({ name: "log.txt", mimeType: "text/plain", buffer: Buffer.from("one\n") });
  expect((await up).status()).toBe(201);
  await form.locator("input[type=file]").setInputFiles({ name: "big.txt", mimeType: "text/plain", buffer: Buffer.alloc(11_000_000, 97) });
  const big = form.locator(".chosen li", { hasText: "big.txt" });
  await expect(big).toHaveClass(/chip--bad/);
  await big.getByRole("button").click();
  await form.getByLabel(t("reply-label")).fill("The log is attached.");
  await form.getByRole("button", { name: t("send"), exact: true }).click();
  await expect(page.getByRole("article").getByRole("link", { name: /^log\.txt/ })).toBeVisible();
});

test("@script a file on its way shows how far it is", async ({ agent: page, server, t }) => {
  await openTicket(page, server, "Progress");
  const wire = await page.context().newCDPSession(page);
  const speed = (uploadThroughput) => wire.send("Network.emulateNetworkConditions", { offline: false, latency: 0, downloadThroughput: -1, uploadThroughput });
  await wire.send("Network.enable");
  await speed(200_000);
  const form = page.locator("form.compose-reply");
  await form.locator("input[type=file]").setInputFiles({ name: "slow.txt", mimeType: "text/plain", buffer: Buffer.alloc(1_500_000, 97) });
  const bar = form.locator(".chosen progress");
  await expect(bar).toBeVisible();
  await expect.poll(() => bar.evaluate((node) => node.value)).toBeGreaterThan(0);
  expect(await bar.evaluate((node) => node.value)).toBeLessThan(1);
  await speed(-1);
  await expect(bar).toHaveCount(0, { timeout: 20_000 });
  await form.getByLabel(t("reply-label")).fill("The file is attached.");
  await form.getByRole("button", { name: t("send"), exact: true }).click();
  await expect(page.getByRole("article").getByRole("link", { name: /^slow\.txt/ })).toBeVisible();
});
