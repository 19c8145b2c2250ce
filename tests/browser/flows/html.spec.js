// A mail's HTML: shown as designed, as high as it is, with nothing of it alive.
import { createServer } from "node:http";
import { once } from "node:events";
import { deliver, expect, mailbox, test } from "../support/fixtures.js";

const html = (body) => ({
  headers: { "Content-Type": 'multipart/alternative; boundary="b"' },
  text: `--b\nContent-Type: text/plain; charset=utf-8\n\nPlain\n--b\nContent-Type: text/html; charset=utf-8\n\n${body}\n--b--`,
});
const hostile = `<h1>Designed</h1><script>top.document.title = "taken"</script>
<img src="x" onerror="top.document.title = 'taken'"><svg onload="top.document.title = 'taken'"></svg>
<a id="link" href="javascript:top.document.title='taken'">here</a>
<form action="/logout" method="post"><button id="go">go</button></form>
<meta http-equiv="refresh" content="0;url=https://elsewhere.example/"><img src="https://tracker.example/p.gif">
<iframe src="javascript:top.document.title='taken'"></iframe><div>${"<p>line</p>".repeat(60)}</div><p>The end</p>`;

async function open(page, server, t) {
  const mail = await deliver(server, { from: "eve@shop.example", to: mailbox, subject: "HTML", ...html(hostile) });
  await page.goto(`/dashboard/support/${mail.pid}`);
  await page.getByText(t("show-html")).click();
  return page.locator(".msg iframe");
}

test("a mail's HTML is shown, and nothing of it runs or asks elsewhere", async ({ agent: page, server, t, javaScriptEnabled }) => {
  const title = async () => (await page.title()).includes("taken");
  const element = await open(page, server, t);
  const frame = element.contentFrame();
  await expect(frame.getByRole("heading", { name: "Designed" })).toBeVisible();
  await expect(frame.locator("script, form, iframe, meta[http-equiv=refresh], [onerror], [onload]")).toHaveCount(0);
  await expect(frame.locator('[href^="javascript"], [src*="tracker"]')).toHaveCount(0);
  expect(await title()).toBe(false);
  if (javaScriptEnabled) {
    // As high as the mail, so that only the page scrolls.
    await expect.poll(async () => (await element.boundingBox()).height).toBeGreaterThan(1000);
    const inner = await frame.locator("html").evaluate((page) => page.scrollHeight - page.clientHeight);
    expect(inner).toBeLessThanOrEqual(2);
  }
});

test("@script what the cleaning missed would still not run", async ({ agent: page, server, complaints, t }) => {
  // Each refusal is reported; a request elsewhere is named here before the policy stops it, which is asked below.
  complaints.allowed.push(/^(console|uncaught)/, /^asked tracker\.example/);
  const stopped = [];
  page.on("requestfailed", (request) => {
    const { host, pathname } = new URL(request.url());
    // The stream of a page that is left ends with it.
    if (host !== new URL(server.url).host || pathname !== "/api/events/stream") stopped.push(`${request.failure().errorText} ${host}`);
  });
  page.on("response", (response) => expect(new URL(response.url()).host).toBe(new URL(server.url).host));
  let given = 0;
  await page.route("**/html", async (route) => {
    const response = await route.fetch();
    given += 1;
    await route.fulfill({ response, body: `<!doctype html><html><body>${hostile}</body></html>` });
  });
  const element = await open(page, server, t);
  const frame = element.contentFrame();
  await expect(frame.getByRole("heading", { name: "Designed" })).toBeVisible();
  expect(given).toBe(1);
  expect(stopped).toEqual(["csp tracker.example"]);
  await frame.locator("#link").click();
  await frame.locator("#go").click();
  await page.waitForTimeout(500);
  expect(await page.title()).not.toContain("taken");
  await page.reload();
  await expect(page).toHaveURL(/\/dashboard\/support\//); // still signed in: the form went nowhere
});

// A red dot of 4 × 4 pixels.
const dot = Buffer.from("iVBORw0KGgoAAAANSUhEUgAAAAQAAAAECAIAAAAmkwkpAAAAEElEQVR4nGP4z8AARwzEcQCukw/x0F8jngAAAABJRU5ErkJggg==", "base64");

test("images from elsewhere are shown when asked for, and the browser asks nobody but us", async ({ agent: page, server, t }) => {
  const asked = [];
  const elsewhere = createServer((request, response) => {
    asked.push(request.headers);
    response.writeHead(200, { "content-type": "image/png" }).end(dot);
  }).listen(0, "127.0.0.1");
  await once(elsewhere, "listening");
  const image = `<p>Look</p><img alt="dot" src="http://127.0.0.1:${elsewhere.address().port}/dot.png" width="40">`;
  const mail = await deliver(server, { from: "eve@shop.example", to: mailbox, subject: "Images", ...html(image) });
  await page.goto(`/dashboard/support/${mail.pid}`);
  await page.getByText(t("show-html")).click();
  const frame = page.locator(".msg iframe").contentFrame();
  await expect(frame.getByText("Look")).toBeVisible();
  expect(asked).toEqual([]);
  await page.getByRole("link", { name: t("show-images") }).click();
  const shown = frame.getByRole("img", { name: "dot" });
  // Without script the link loads the page anew, which ends whatever was being asked of the old frame.
  await expect(async () => expect(await shown.evaluate((img) => img.naturalWidth)).toBe(4)).toPass({ timeout: 10_000 });
  expect(asked).toHaveLength(1);
  expect(Object.keys(asked[0])).not.toContain("cookie");
  elsewhere.close();
});
