// The keyboard alone: from the list to a ticket, an answer, and back. @script: without script the pages have links.
import { deliver, expect, mailbox, test } from "../support/fixtures.js";

const from = "Ruth Ellison <ruth.by.keys@studio.example>";

test("@script from the list to an answer and back, without a mouse", async ({ agent: page, server, t }) => {
  const older = await deliver(server, { from, to: mailbox, subject: "Keyboard one", text: "Hello?" });
  const newer = await deliver(server, { from, to: mailbox, subject: "Keyboard two", text: "Hello?" });
  await page.keyboard.press("g");
  await page.keyboard.press("a");
  await expect(page).toHaveURL(/view=all/);
  await page.keyboard.press("j");
  await expect(page.locator(`#t-${newer.pid} a`)).toBeFocused();
  await page.keyboard.press("j");
  await expect(page.locator(`#t-${older.pid} a`)).toBeFocused();
  await page.keyboard.press("k");
  await page.keyboard.press("j");
  await page.keyboard.press("o");
  await expect(page.getByRole("heading", { level: 1, name: "Keyboard one" })).toBeVisible();

  // A note and a reply are written by different keys, in different boxes.
  await page.keyboard.press("n");
  await expect(page.getByRole("textbox", { name: t("note") })).toBeFocused();
  await page.keyboard.press("Escape");
  await page.keyboard.press("r");
  const reply = page.getByLabel(t("reply-label"));
  await expect(reply).toBeFocused();
  await page.keyboard.type("jkonz? are letters here");
  await expect(reply).toHaveValue("jkonz? are letters here");
  await page.keyboard.press("Control+Enter");
  const answer = page.getByRole("article").filter({ hasText: "jkonz? are letters here" });
  await expect(answer.getByLabel(t("delivery")).locator('[data-is="held"]')).toBeVisible();

  // Undo within its window.
  await page.keyboard.press("z");
  await expect(answer).toContainText(t("withdrawn"));

  await page.keyboard.press("i");
  await expect(page.getByLabel(t("field-assignee"), { exact: true })).not.toHaveValue("");
  await page.keyboard.press("u");
  await expect(page).toHaveURL(/\/dashboard\/support\?view=all/);
});

test("@script back finds the list scrolled as it was, with the same row", async ({ agent: page, server, t }) => {
  for (let n = 0; n < 45; n += 1) {
    await deliver(server, { from: `s${n}@scroll.example`, to: mailbox, subject: `Scroll ${n}`, text: "x" });
  }
  await page.goto("/dashboard/support?view=all");
  for (let n = 0; n < 40; n += 1) await page.keyboard.press("j");
  const row = await page.evaluate(() => document.activeElement.closest(".row").id);
  const top = await page.locator("#list").evaluate((list) => list.scrollTop);
  expect(top).toBeGreaterThan(0);
  await page.keyboard.press("Enter");
  await expect(page.getByRole("region", { name: t("conversation") })).toBeVisible();
  await page.keyboard.press("u");
  await expect(page.locator(`#${row} a`)).toBeFocused();
  expect(await page.locator("#list").evaluate((list) => list.scrollTop)).toBe(top);
});

test("@script the sheet lists what the script does, and keys can be switched off", async ({ agent: page, server, t }) => {
  const mail = await deliver(server, { from, to: mailbox, subject: "Sheet", text: "x" });
  await page.goto(`/dashboard/support/${mail.pid}`);
  await page.keyboard.press("?");
  const sheet = page.getByRole("dialog", { name: t("keys") });
  await expect(sheet).toBeVisible();
  for (const line of await sheet.locator("[data-press]").all()) {
    expect((await line.locator("dd").textContent()).trim()).not.toBe("");
  }
  // Each key of a ticket has something on a ticket's page to act on, a reply in its undo window apart.
  const targets = await sheet.locator('section[aria-labelledby="keys-ticket"] [data-press]:not([data-press=z])')
    .evaluateAll((lines) => lines.filter((line) => !document.querySelector(line.dataset.on)).map((l) => l.dataset.press));
  expect(targets).toEqual([]);

  await sheet.getByLabel(t("keys-on")).uncheck();
  await page.keyboard.press("Escape");
  await expect(sheet).toBeHidden();
  await page.keyboard.press("r");
  await expect(page.getByLabel(t("reply-label"))).not.toBeFocused();
  await page.getByRole("button", { name: t("keys"), exact: true }).click();
  await sheet.getByLabel(t("keys-on")).check();
  await page.keyboard.press("Escape");
  await page.keyboard.press("r");
  await expect(page.getByLabel(t("reply-label"))).toBeFocused();
});

test("@script what is being written survives leaving the page, and is gone once it is sent", async ({ agent: page, server, t }) => {
  const mail = await deliver(server, { from, to: mailbox, subject: "Draft", text: "x" });
  await page.goto(`/dashboard/support/${mail.pid}`);
  await page.keyboard.press("r");
  await page.keyboard.type("Half a thought");
  await page.goto("/dashboard/support");
  await page.goto(`/dashboard/support/${mail.pid}`);
  await expect(page.getByLabel(t("reply-label"))).toHaveValue("Half a thought");
  await page.getByRole("button", { name: t("send"), exact: true }).click();
  await expect(page.getByRole("article").filter({ hasText: "Half a thought" })).toBeVisible();
  await expect(page.getByLabel(t("reply-label"))).toHaveValue("");
  await page.reload();
  await expect(page.getByLabel(t("reply-label"))).toHaveValue("");
});

test("@script a reply tells by itself when it has left, and the typing beside it stays", async ({ agent: page, server, t }) => {
  const mail = await deliver(server, { from, to: mailbox, subject: "Leaves", text: "x" });
  await page.goto(`/dashboard/support/${mail.pid}`);
  await page.getByLabel(t("reply-label")).fill("On its way.");
  await page.getByRole("button", { name: t("send"), exact: true }).click();
  await expect(page.getByLabel(t("delivery")).locator('[data-is="held"]')).toBeVisible();
  await page.getByLabel(t("reply-label")).fill("Next thought");
  await expect(page.getByLabel(t("delivery")).locator('[data-is="sent"]')).toBeVisible({ timeout: 30_000 });
  await expect(page.getByRole("button", { name: t("take-back") })).toHaveCount(0);
  await expect(page.getByLabel(t("reply-label"))).toHaveValue("Next thought");
});

test("@script files are listed, can be removed, pasted and dropped", async ({ agent: page, server, t }) => {
  const mail = await deliver(server, { from, to: mailbox, subject: "Files", text: "x" });
  await page.goto(`/dashboard/support/${mail.pid}`);
  const reply = page.locator("form.compose-reply");
  const names = reply.locator(".chosen li .clip");
  const give = (event, name) => reply.locator("textarea").evaluate((field, [kind, file]) => {
    const data = new DataTransfer();
    data.items.add(new File(["text"], file, { type: "text/plain" }));
    const event = kind === "drop"
      ? new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true })
      : new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true });
    field.dispatchEvent(event);
  }, [event, name]);
  const chooser = page.waitForEvent("filechooser");
  await reply.getByRole("button", { name: t("attach") }).click();
  await (await chooser).setFiles([{ name: "one.txt", mimeType: "text/plain", buffer: Buffer.from("1") }]);
  await give("paste", "two.txt");
  await give("drop", "three.txt");
  await expect(names).toHaveText(["one.txt", "two.txt", "three.txt"]);
  await reply.getByRole("button", { name: `${t("remove-file")}: two.txt` }).click();
  await expect(names).toHaveText(["one.txt", "three.txt"]);
  await reply.getByLabel(t("reply-label")).fill("Two files.");
  await reply.getByRole("button", { name: t("send"), exact: true }).click();
  const sent = page.getByRole("article").filter({ hasText: "Two files." });
  await expect(sent.getByRole("link", { name: /^\w+\.txt/ })).toHaveCount(2);

  // The list says that there are files.
  await page.goto("/dashboard/support?view=all");
  await expect(page.locator(`#t-${mail.pid} .row-flags`)).toContainText(t("flag-clip"));
});
