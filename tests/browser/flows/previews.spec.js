// Files of a message: small pictures, a look at them where one stands, and all of them at once.
import { readFileSync } from "node:fs";
import { expect, mailbox, test } from "../support/fixtures.js";
import { deliverFiles } from "../support/files.js";

const from = "Ruth Ellison <ruth@studio.example>";

async function open(page, server, subject) {
  const mail = await deliverFiles(server, { from, to: mailbox, subject });
  // The worker draws them within a second or two.
  await expect(async () => {
    await page.goto(`/dashboard/support/${mail.pid}`);
    await expect(page.locator(".files .file-pic img")).toHaveCount(2, { timeout: 500 });
  }).toPass({ timeout: 20_000 });
  return mail;
}

test("files are looked at by mouse @script", async ({ agent: page, server, t }) => {
  await open(page, server, "Files by mouse");
  const files = page.locator(".files");
  await expect(files.getByRole("listitem")).toHaveCount(4);
  const dialog = page.getByRole("dialog", { name: t("look-title") });

  await files.getByRole("link", { name: /^blue\.png/ }).click();
  await expect(dialog.getByRole("heading", { name: "blue.png" })).toBeVisible();
  const picture = dialog.getByRole("img", { name: "blue.png" });
  await expect.poll(() => picture.evaluate((img) => img.naturalWidth)).toBe(8);
  await dialog.getByRole("button", { name: t("look-file-after") }).click();
  await expect(dialog.getByRole("heading", { name: "letter.pdf" })).toBeVisible();
  await expect(dialog.getByText(t("look-page", { page: 1, pages: 2 })).first()).toBeVisible();
  const second = dialog.getByRole("img", { name: t("look-page", { page: 2, pages: 2 }) });
  // A page is drawn by a program of its own, which waits for its turn.
  await expect(async () => {
    if (!(await second.count())) await dialog.getByRole("link", { name: t("look-page-after") }).click({ timeout: 1_000 });
    expect(await second.evaluate((img) => img.naturalWidth, null, { timeout: 4_000 })).toBeGreaterThan(500);
  }).toPass({ timeout: 30_000 });
  await dialog.getByRole("button", { name: t("close") }).click();
  await expect(dialog).toBeHidden();
  await expect(page).toHaveURL(/\/dashboard\/support\/[\w-]+$/);
});

test("files are looked at by keyboard @script", async ({ agent: page, server, t }) => {
  await open(page, server, "Files by keyboard");
  const dialog = page.getByRole("dialog", { name: t("look-title") });
  const first = page.locator(".files").getByRole("link", { name: /^blue\.png/ });
  await first.focus();
  await page.keyboard.press("Enter");
  await expect(dialog.getByRole("heading", { name: "blue.png" })).toBeVisible();
  await page.keyboard.press("j"); // no key of the page behind acts
  await page.keyboard.press("ArrowRight");
  await expect(dialog.getByRole("heading", { name: "letter.pdf" })).toBeVisible();
  await page.keyboard.press("ArrowRight");
  await expect(dialog.getByRole("heading", { name: "release.log" })).toBeVisible();
  await expect(dialog.getByText("line 1 <b>of</b> the log")).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(dialog).toBeHidden();
  await expect(page.locator(".files").getByRole("link", { name: /^release\.log/ })).toBeFocused();
});

test("files have pages, and come all at once", async ({ agent: page, server, javaScriptEnabled, t }) => {
  const mail = await open(page, server, "Files at once");
  const archive = page.waitForEvent("download");
  await page.getByRole("link", { name: t("download-all") }).click();
  const saved = await archive;
  expect(saved.suggestedFilename()).toBe(`${mail.pid}.zip`);
  const bytes = readFileSync(await saved.path());
  for (const name of ["blue.png", "letter.pdf", "release.log", "notes.zip"]) expect(bytes.includes(name)).toBe(true);

  const log = page.locator(".files").getByRole("link", { name: /^release\.log/ });
  if (javaScriptEnabled) await page.goto(await log.getAttribute("href"));
  else await log.click();
  await expect(page.getByRole("heading", { level: 1, name: "release.log" })).toBeVisible();
  await expect(page.getByText("line 1 <b>of</b> the log")).toBeVisible();
  await page.getByRole("link", { name: t("look-back") }).click();
  await expect(page.getByRole("heading", { level: 1, name: "Files at once" })).toBeVisible();
});
