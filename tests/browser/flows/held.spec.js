// What was sent and does not arrive: taken back in time from wherever one is, or given back with the reason.
import { createServer } from "node:net";
import { admin, deliver, expect, mailbox, signIn, test } from "../support/fixtures.js";
import { startServer } from "../support/server.js";

const from = "Ruth Ellison <ruth@studio.example>";

test("@script z takes a reply back from the list and from another ticket", async ({ agent: page, server, t }) => {
  const first = await deliver(server, { from, to: mailbox, subject: "Held one", text: "Hello?" });
  const other = await deliver(server, { from, to: mailbox, subject: "Held two", text: "Hello?" });
  for (const [n, place] of ["/dashboard/support?view=all", `/dashboard/support/${other.pid}`].entries()) {
    await page.goto(`/dashboard/support/${first.pid}`);
    await page.getByLabel(t("reply-label")).fill(`Too early ${n}.`);
    await page.getByRole("button", { name: t("send"), exact: true }).click();
    await expect(page.getByLabel(t("delivery")).locator('[data-is="held"]').last()).toBeVisible();
    await page.goto(place);
    await expect(page.locator(".held")).toContainText(first.pid);
    await page.keyboard.press("z");
    await expect(page.getByRole("article").filter({ hasText: `Too early ${n}.` })).toContainText(t("withdrawn"));
    await expect(page.getByLabel(t("reply-label"))).toHaveValue(new RegExp(`Too early ${n}\\.`));
    await page.locator(".compose-reply").getByRole("button", { name: t("draft-drop") }).click();
  }
});

// A relay that takes no recipient.
function refusing() {
  return new Promise((resolve) => {
    const relay = createServer((socket) => {
      socket.write("220 relay.example\r\n");
      socket.on("error", () => {});
      socket.on("data", (bytes) => {
        for (const line of bytes.toString().split("\r\n").filter(Boolean)) {
          const answer = { EHLO: "250 relay.example", MAIL: "250 fine", RCPT: "550 5.7.1 not taken here", QUIT: "221 bye" };
          socket.write(`${answer[line.slice(0, 4).toUpperCase()] ?? "250 fine"}\r\n`);
        }
      });
    });
    relay.listen(0, "127.0.0.1", () => resolve(relay));
  });
}

test("a reply that reaches nobody is a draft again, with the reason", async ({ browser, t, javaScriptEnabled }) => {
  const relay = await refusing();
  const server = await startServer({
    SMTP_URL: `smtp://127.0.0.1:${relay.address().port}?tls=off`, POSTROOM_MODE: "development",
  });
  const context = await browser.newContext({ baseURL: server.url, javaScriptEnabled });
  try {
    const page = await context.newPage();
    const { pid } = await deliver(server, { from: "gone@nowhere.example", to: mailbox, subject: "Gone", text: "Hello?" });
    await page.goto("/login");
    await signIn(page, t, admin);
    await page.goto(`/dashboard/support/${pid}`);
    await page.getByLabel(t("reply-label")).fill("The full text, which nobody got.");
    await page.getByRole("button", { name: t("send"), exact: true }).click();
    await expect(async () => {
      await page.goto(`/dashboard/support/${pid}`);
      await expect(page.getByText(t("draft-back"))).toBeVisible({ timeout: 500 });
    }).toPass({ timeout: 40_000 });
    await expect(page.locator(".draft-back")).toContainText("gone@nowhere.example");
    await expect(page.locator(".draft-back")).toContainText(/\(.+\)/); // why, in words
    await expect(page.getByLabel(t("reply-label"))).toHaveValue("The full text, which nobody got.");
  } finally {
    await context.close();
    await server.stop();
    relay.close();
  }
});
