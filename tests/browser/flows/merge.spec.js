// Merging: two tickets become one, from the ticket and from the list, and are two again.
import { deliver, expect, mailbox, test } from "../support/fixtures.js";

const address = (name, info) => `${name}.${info.project.name.replace(" ", "-")}@merge.example`;

async function two(server, from) {
  const older = await deliver(server, { from, to: mailbox, subject: "The printer", text: "It does not print." });
  const newer = await deliver(server, { from, to: mailbox, subject: "Printer again", text: "It still does not." });
  return [older.pid, newer.pid];
}

test("a ticket is merged into another one beside it, and the merge is undone", async ({ agent: page, server, t }, info) => {
  const [older, newer] = await two(server, address("side", info));
  await page.goto(`/dashboard/support/${newer}`);
  await page.getByRole("button", { name: `${t("merge-do")}: ${older}` }).click();
  await expect(page.getByText(t("did-merge"))).toBeVisible();
  await expect(page.locator(".facts .pid").first()).toContainText(older);
  await expect(page.getByRole("article").filter({ hasText: "It still does not." })).toBeVisible();
  await page.goto(`/dashboard/support/${newer}`);
  await expect(page.getByText(t("merged-into"))).toBeVisible();
  await page.getByRole("button", { name: t("unmerge"), exact: true }).click();
  await expect(page.getByText(t("did-unmerge"))).toBeVisible();
  await expect(page.getByRole("article").filter({ hasText: "It still does not." })).toBeVisible();
});

test("@script the same by keyboard", async ({ agent: page, server, t }, info) => {
  const [older, newer] = await two(server, address("keys", info));
  await page.goto(`/dashboard/support/${newer}`);
  await page.keyboard.press("Shift+M");
  await expect(page.locator("#merge-into")).toBeFocused();
  await page.keyboard.type(older);
  await page.keyboard.press("Enter");
  await expect(page.getByText(t("did-merge"))).toBeVisible();
  await expect(page.getByRole("article")).toHaveCount(2);
});

test("chosen rows are merged into the oldest once that was confirmed, and are apart again", async ({ agent: page, server, t }, info) => {
  const from = address("rows", info);
  const [older, newer] = await two(server, from);
  const list = `/dashboard/support?view=all&requester=${from}`;
  await page.goto(list);
  const pick = (pid) => page.getByLabel(t("select-ticket", { pid }));
  await pick(newer).check();
  await page.locator("#bulk-merge").click();
  await expect(page.getByText(t("did-bulk-merge-two"))).toBeVisible();
  for (const pid of [newer, older]) await pick(pid).check();
  await page.locator("#bulk-merge").click();
  await expect(page.getByRole("heading", { level: 1, name: t("bulk-merge-heading") })).toBeVisible();
  await expect(page.locator("main").getByRole("radio", { checked: true })).toHaveValue(older);
  await page.getByRole("button", { name: t("bulk-merge-do") }).click();
  await expect(page.locator(`#t-${newer} .status`)).toHaveText(t("status-closed"));
  await page.getByRole("button", { name: t("undo") }).click();
  await expect(page.locator(`#t-${newer} .status`)).toHaveText(t("status-new"));
  await page.goto(`/dashboard/support/${newer}`);
  await expect(page.getByRole("article")).toHaveCount(1);
});

test("@script rows are merged and solved by keyboard", async ({ agent: page, server, t }, info) => {
  const from = address("both", info);
  const [older, newer] = await two(server, from);
  await page.goto(`/dashboard/support?view=all&requester=${from}`);
  for (const key of ["j", "x", "j", "x", "Shift+M"]) await page.keyboard.press(key);
  await expect(page.getByRole("heading", { level: 1, name: t("bulk-merge-heading") })).toBeVisible();
  await page.locator("main").getByRole("radio", { checked: true }).focus();
  await page.keyboard.press("Enter");
  await expect(page.locator(`#t-${newer} .status`)).toHaveText(t("status-closed"));
  await page.keyboard.press("z");
  await expect(page.locator(`#t-${newer} .status`)).toHaveText(t("status-new"));

  // `e` solves the row under the cursor; the cursor goes on.
  await page.goto(`/dashboard/support?view=open&requester=${from}`);
  await page.keyboard.press("j");
  const first = await page.evaluate(() => document.activeElement.closest(".row").id);
  await page.keyboard.press("e");
  await expect(page.locator(`#${first}`)).toHaveCount(0);
  await expect(page.locator(".row a:focus")).toHaveCount(1);
  await page.keyboard.press("z");
  await expect(page.locator(`#${first}`)).toBeVisible();
  expect([`t-${older}`, `t-${newer}`]).toContain(first);
});
