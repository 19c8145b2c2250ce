// The tickets around one: the column beside it, the way to the next one, and where a finished one leads.
import { choose, deliver, expect, mailbox, test } from "../support/fixtures.js";

let rounds = 0;
// So many tickets that one word finds, newest first.
async function matter(server, info, many) {
  const word = `matter${info.project.name.replace(/\W/g, "")}${info.workerIndex}x${(rounds += 1)}`;
  const pids = [];
  for (let n = 0; n < many; n += 1) {
    const { pid } = await deliver(server, { from: `Person ${n} <p${n}.${word}@near.example>`, to: mailbox, subject: `${word} number ${n}`, text: "Hello?" });
    pids.unshift(pid);
  }
  return { pids, list: `view=all&q=${word}`, word };
}
// The search knows a mail once it is indexed.
async function openList(page, list, many) {
  await expect(async () => {
    await page.goto(`/dashboard/support?${list}`);
    await expect(page.locator("#list .row")).toHaveCount(many, { timeout: 500 });
  }).toPass({ timeout: 20_000 });
}
const column = (page) => page.locator("#near li a");
const titled = (page, word, n) => expect(page.getByRole("heading", { level: 1, name: `${word} number ${n}` })).toBeVisible();

test("@script neighbours by keyboard: forth, back, and to the row in the list", async ({ agent: page, server }, info) => {
  const { pids, list, word } = await matter(server, info, 3);
  await openList(page, list, 3);
  await page.keyboard.press("j");
  await page.keyboard.press("o");
  await titled(page, word, 2);
  await expect(page).toHaveURL(new RegExp(`${pids[0]}\\?view=all&q=${word}`));
  await page.keyboard.press("j");
  await titled(page, word, 1);
  await expect(page.locator("#near [aria-current]")).toHaveAttribute("href", new RegExp(pids[1]));
  await page.keyboard.press("j");
  await titled(page, word, 0);
  // After the last one there is none.
  await page.keyboard.press("j");
  await page.keyboard.press("k");
  await titled(page, word, 1);
  // Within a ticket the same keys go from message to message with shift.
  await page.keyboard.press("J");
  await expect(page.locator(".flow > .msg").first()).toBeFocused();
  await page.keyboard.press("u");
  await expect(page).toHaveURL(new RegExp(`/dashboard/support\\?view=all&q=${word}`));
  await expect(page.locator(`#t-${pids[1]} .row-link`)).toBeFocused();
});

test("neighbours by mouse, and the list stays the list", async ({ agent: page, server, t, javaScriptEnabled }, info) => {
  const { pids, list, word } = await matter(server, info, 3);
  await openList(page, list, 3);
  await page.locator(`#t-${pids[1]} .row-link`).click();
  await titled(page, word, 1);
  await expect(column(page)).toHaveText([2, 1, 0].map((n) => `${word} number ${n}`));
  await expect(page.locator("#near li.row--unread")).toHaveCount(2);
  await page.getByRole("navigation", { name: t("near-beside") }).getByRole("link", { name: t("near-next") }).click();
  await titled(page, word, 0);
  await column(page).first().click();
  await titled(page, word, 2);
  await expect(page.locator("#near li.row--unread")).toHaveCount(0);
  // What is set there keeps the list.
  await choose(page, javaScriptEnabled, t("field-priority"), t("priority-urgent"), t("set-priority"));
  await expect(page.locator("#near li").first().locator(".priority")).toHaveAttribute("data-is", "urgent");
  await expect(column(page)).toHaveCount(3);
  await page.getByRole("link", { name: t("back-to-list") }).click();
  await expect(page.locator("#list .row")).toHaveCount(3);
});

test("the column is leafed through", async ({ agent: page, server, t }, info) => {
  const { pids, list, word } = await matter(server, info, 40);
  await openList(page, list, 40);
  await page.locator("#list .row-link").first().click();
  await expect(column(page)).toHaveCount(15);
  await page.getByRole("link", { name: t("near-below"), exact: true }).click();
  await expect(column(page).first()).toHaveText(`${word} number 24`);
  await expect(column(page)).toHaveCount(20);
  await page.getByRole("link", { name: t("near-below"), exact: true }).click();
  await expect(column(page)).toHaveCount(5);
  await titled(page, word, 39);
  await page.getByRole("link", { name: t("near-above"), exact: true }).click();
  await expect(column(page).first()).toHaveText(`${word} number 24`);
  await column(page).nth(10).click();
  await titled(page, word, 14);
  expect(pids).toHaveLength(40);
});

test("where there is no room for the column, the ways to the neighbours stay", async ({ agent: page, server, t }, info) => {
  const { pids, list, word } = await matter(server, info, 2);
  for (const width of [1199, 375]) {
    await page.setViewportSize({ width, height: 800 });
    await page.goto(`/dashboard/support/${pids[0]}?${list.replace(/&q=.*/, "")}`);
    await expect(page.locator("#near")).toBeHidden();
    await page.getByRole("navigation", { name: t("near-beside") }).getByRole("link", { name: t("near-next") }).click();
    await titled(page, word, 0);
  }
});

test("a closed ticket leads to the next one, the last to the list, and both can be taken back", async ({ agent: page, server, t, javaScriptEnabled }, info) => {
  const { pids, list, word } = await matter(server, info, 3);
  await openList(page, list, 3);
  await page.locator("#list .row-link").first().click();
  await titled(page, word, 2);
  await page.getByRole("button", { name: t("close-ticket") }).click();
  await titled(page, word, 1);
  const said = page.locator(".undo");
  await expect(said).toContainText(t("passed-next-closed"));
  await expect(said.getByRole("link", { name: pids[0] })).toBeVisible();
  await said.getByRole("button", { name: t("undo") }).click();
  await titled(page, word, 2);
  await expect(page.locator(".facts .status")).not.toHaveText(t("status-closed"));

  // An answer that solves it does the same; what stands there takes the answer back.
  await page.getByLabel(t("reply-label")).fill("That should be it.");
  await page.getByRole("button", { name: t("send-solve") }).click();
  await titled(page, word, 1);
  await expect(said).toContainText(t("passed-next-solved"));
  await said.getByRole("button", { name: t("take-back") }).click();
  await titled(page, word, 2);
  await expect(page.getByLabel(t("reply-label"))).toHaveValue("That should be it.");
  await expect(page.locator(".facts .status")).not.toHaveText(t("status-solved"));

  await page.goto(`/dashboard/support/${pids[2]}?${list}&sort=last_activity_at`);
  await choose(page, javaScriptEnabled, t("field-status"), t("status-solved"), t("set-status"));
  await expect(page).toHaveURL(/\/dashboard\/support\?/);
  await expect(said).toContainText(t("passed-last-solved"));
  const row = page.locator(`#t-${pids[2]} .status`);
  await expect(row).toHaveText(t("status-solved"));
  await said.getByRole("button", { name: t("undo") }).click();
  await expect(row).not.toHaveText(t("status-solved"));
});

test("@script e solves and goes on, z takes it back, also an answer's", async ({ agent: page, server, t }, info) => {
  const { list, word } = await matter(server, info, 2);
  await openList(page, list, 2);
  await page.keyboard.press("j");
  await page.keyboard.press("o");
  await titled(page, word, 1);
  await page.keyboard.press("e");
  await titled(page, word, 0);
  await expect(page.locator(".undo")).toBeVisible();
  await page.keyboard.press("z");
  await titled(page, word, 1);
  await expect(page.locator(".facts .status")).not.toHaveText(t("status-solved"));

  await page.keyboard.press("r");
  await page.keyboard.type("Solved by this.");
  await page.getByRole("button", { name: t("send-solve") }).press("Enter");
  await titled(page, word, 0);
  // It goes along for as long as it can be taken back.
  await page.keyboard.press("k");
  await expect(page.locator(".held, .msg .take-back").first()).toBeVisible();
  await page.keyboard.press("z");
  await titled(page, word, 1);
  await expect(page.getByLabel(t("reply-label"))).toHaveValue("Solved by this.");
  await expect(page.locator(".facts .status")).not.toHaveText(t("status-solved"));
});

test("@script a ticket that the cursor or the pointer rests at is fetched ahead, and is read once it is shown", async ({ agent: page, server }, info) => {
  const { pids, list, word } = await matter(server, info, 2);
  await openList(page, list, 2);
  const ahead = [];
  page.context().on("request", (request) => {
    if (request.headers()["sec-purpose"]?.startsWith("prefetch")) ahead.push(new URL(request.url()).pathname);
  });
  const fetched = (pid) => expect.poll(() => ahead).toContain(`/dashboard/support/${pid}`);
  await page.keyboard.press("j");
  await fetched(pids[0]);
  const arrived = page.context().waitForEvent("requestfinished", (request) => request.url().includes(pids[1]));
  await page.locator(`#t-${pids[1]}`).hover();
  await fetched(pids[1]);
  await arrived;
  // The browser takes a moment to make it ready.
  await page.waitForTimeout(700);
  // Nobody has seen either.
  const drawn = await (await page.request.get(`/dashboard/support?${list}`)).text();
  expect(drawn.match(/row--unread/g)).toHaveLength(2);
  await page.locator(`#t-${pids[1]} .row-link`).click();
  await titled(page, word, 0);
  expect(await page.evaluate(() => performance.getEntriesByType("navigation")[0].deliveryType)).toBe("navigational-prefetch");
  await expect(async () => {
    await page.goto(`/dashboard/support?${list}`);
    await expect(page.locator("#list .row--unread")).toHaveCount(1, { timeout: 500 });
  }).toPass({ timeout: 10_000 });
});
