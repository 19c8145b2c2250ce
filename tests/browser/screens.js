// Draws the main pages with the demo's tickets, in light, in dark and on a phone, into reports/ui.
import { chromium as browsers } from "@playwright/test";
import { mkdir, readdir, rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { chromium } from "./playwright.config.js";
import { signIn } from "./support/fixtures.js";
import { makeUser } from "./support/people.js";
import { admin, startServer } from "./support/server.js";
import { words } from "./support/words.js";

const LOOKS = [
  ["light", { width: 1440, height: 900 }, "light"],
  ["dark", { width: 1440, height: 900 }, "dark"],
  ["phone", { width: 375, height: 812 }, "light"],
];
const folder = join(resolve(import.meta.dirname ?? new URL(".", import.meta.url).pathname, "../.."), "reports/ui");
const t = words("en");
const customer = { email: "kim@shop.example", password: "a password that is long enough" };

const server = await startServer({}, [["demo"]]);
const browser = await browsers.launch(chromium);
const faults = [];
try {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const { found, pages } = await prepare();
  for (const [look, viewport, colorScheme] of LOOKS) {
    const people = {};
    for (const [who, login] of [["agent", admin], ["customer", customer], ["stranger", null]]) {
      const context = await browser.newContext({ viewport, colorScheme, locale: "en-GB", timezoneId: "UTC", reducedMotion: "reduce" });
      people[who] = await context.newPage();
      people[who].on("pageerror", (error) => faults.push(`${look}: ${error}`));
      if (!login) continue;
      await people[who].goto(`${server.url}/login`);
      await signIn(people[who], t, login);
      await people[who].waitForURL(/dashboard|portal/);
    }
    for (const [name, who, path, act] of pages) {
      const page = people[who];
      const answer = await page.goto(server.url + path);
      if (answer.status() !== 200) faults.push(`${name}: ${answer.status()} from ${path}`);
      await act?.(page);
      // Frames with mail in them grow to their height.
      await page.waitForTimeout(400);
      await page.screenshot({ path: join(folder, `${name}.${look}.png`) });
    }
  }
  console.log(`${(await readdir(folder)).length} pictures of ${pages.length} pages in reports/ui, from ${found} tickets`);
} finally {
  await browser.close();
  await server.stop();
}
if (faults.length) {
  console.error(faults.join("\n"));
  process.exitCode = 1;
}

// What stands in the demo: which ticket has most to show, and a customer who asked something.
async function prepare() {
  const json = { "content-type": "application/json", origin: server.url };
  const ask = async (path, cookie, body) => {
    const method = body ? "POST" : "GET";
    const answer = await fetch(server.url + path, { method, headers: { ...json, cookie }, body: body && JSON.stringify(body) });
    if (!answer.ok) throw new Error(`${answer.status} from ${path}: ${await answer.text()}`);
    return answer.json();
  };
  const signed = async (who) => {
    const answer = await fetch(`${server.url}/api/auth/login`, { method: "POST", headers: json, body: JSON.stringify(who) });
    return answer.headers.get("set-cookie").split(";")[0];
  };
  const cookie = await signed(admin);
  const { data } = await ask("/api/support/tickets?limit=100", cookie);
  const most = data.reduce((a, b) => (b.message_count > a.message_count ? b : a));
  const mails = (await ask("/api/mails?limit=100", cookie)).data;
  const mail = mails.find((m) => m.pid === most.pid) ?? mails[0];
  await makeUser(server, { ...customer, name: "Kim Weber", role: "customer", tenant_id: 1 });
  const own = await ask("/api/support/tickets", await signed(customer), { subject: "A certificate has expired", description: "Since this morning our customers see a warning." });
  await ask(`/api/support/tickets/${own.pid}/messages`, cookie, { body: "May we change the **record** for you?\n\n- it takes five minutes\n- nothing is interrupted", status_after: "waiting_on_customer" });
  const ticket = `/dashboard/support/${most.pid}`;
  const draft = async (page) => {
    await page.locator("label[for=kind-note]").click();
    await page.locator("#note").fill("She called twice. *Answer before noon.*");
  };
  const palette = async (page) => {
    await page.keyboard.press("Control+k");
    await page.keyboard.type("in");
    await page.waitForTimeout(500);
  };
  const pages = [
    ["login", "stranger", "/login"],
    ["form", "stranger", "/"],
    ["portal", "customer", "/portal"],
    ["portal-ticket", "customer", `/portal/${own.pid}`],
    ["queue", "agent", "/dashboard/support?view=all"],
    ["queue-search", "agent", "/dashboard/support?view=all&q=invoice"],
    ["ticket", "agent", ticket],
    ["ticket-note", "agent", ticket, draft],
    ["palette", "agent", "/dashboard/support?view=open", palette],
    ["new", "agent", "/dashboard/support/new"],
    ["mail-in", "agent", "/dashboard/mail"],
    ["mail-why", "agent", `/dashboard/mail/${mail.id}`],
    ["mail-out", "agent", "/dashboard/mail/outbox"],
    ["users", "agent", "/dashboard/settings/users"],
    ["system", "agent", "/dashboard/system"],
    ["captured", "agent", "/dev/mail"],
  ];
  return { found: data.length, pages };
}
