// What every flow has: a server, a page that may neither complain nor talk to anybody else, a logged-in agent.
import { test as base, expect } from "@playwright/test";
import { admin, startServer } from "./server.js";
import { words } from "./words.js";

export { expect, admin };
export { mailbox } from "./server.js";

export const test = base.extend({
  // The language of the pages: `en` or `de`.
  language: ["en", { option: true }],

  // Names things as the reader sees them: t("send").
  t: async ({ language }, use) => use(words(language)),

  server: [
    async ({}, use) => {
      const server = await startServer();
      await use(server);
      await server.stop();
    },
    { scope: "worker" },
  ],

  baseURL: async ({ server }, use) => use(server.url),

  // Console errors and requests to other hosts, of every page of the context.
  complaints: async ({ server }, use) => use({ list: [], allowed: [], host: new URL(server.url).host }),

  context: async ({ context, complaints }, use) => {
    const note = (text) => {
      if (!complaints.allowed.some((pattern) => pattern.test(text))) complaints.list.push(text);
    };
    context.on("console", (message) => {
      if (["error", "warning"].includes(message.type())) note(`console ${message.type()}: ${message.text()}`);
    });
    context.on("weberror", (error) => note(`uncaught: ${error.error()}`));
    context.on("request", (request) => {
      const url = new URL(request.url());
      if (/^(https?|wss?):$/.test(url.protocol) && url.host !== complaints.host) note(`asked ${url.host}: ${url}`);
    });
    context.on("response", (response) => {
      if (response.status() >= 500) note(`${response.status()} from ${response.url()}`);
    });
    await use(context);
    expect(complaints.list, "console errors, foreign requests, 5xx answers").toEqual([]);
  },

  // A page on which the first admin has signed in.
  agent: async ({ page, t }, use) => {
    await page.goto("/login");
    await signIn(page, t);
    await use(page);
  },
});

export async function signIn(page, t, { email, password } = admin) {
  await page.getByLabel(t("field-email")).fill(email);
  await page.getByLabel(t("field-password")).fill(password);
  await page.getByRole("button", { name: t("sign-in") }).click();
  await page.waitForURL(/\/(dashboard|portal|account)/);
}

// Chooses in a list that sets something at once with script, and by its button without.
// `option` is the label, or a pattern that one label fits.
export async function choose(page, javaScriptEnabled, label, option, button) {
  const list = page.getByLabel(label, { exact: true });
  const labels = (await list.locator("option").allTextContents()).filter((text) => new RegExp(option).test(text));
  expect(labels, `options of ${label} that fit ${option}`).toHaveLength(1);
  const answered = page.waitForResponse((response) => response.request().method() === "POST");
  const loaded = page.waitForEvent("load");
  await list.selectOption({ label: labels[0] });
  if (!javaScriptEnabled) await page.getByRole("button", { name: button }).click();
  expect((await answered).status(), `setting ${label} is answered by a way on`).toBe(303);
  await loaded;
}

// A mail as a relay hands it over. Returns what the door said about it.
export async function deliver(server, { from, to, subject, text, headers = {} }) {
  const id = `<${Date.now()}.${Math.random().toString(36).slice(2)}@customer.example>`;
  const lines = {
    From: from,
    To: to,
    Subject: subject,
    Date: new Date().toUTCString().replace("GMT", "+0000"),
    "Message-ID": id,
    "MIME-Version": "1.0",
    "Content-Type": "text/plain; charset=utf-8",
    ...headers,
  };
  const head = Object.entries(lines).map(([name, value]) => `${name}: ${value}\r\n`).join("");
  const answer = await fetch(`${server.url}/api/inbound/raw`, {
    method: "POST",
    headers: { "content-type": "message/rfc822" },
    body: `${head}\r\n${text.replaceAll("\n", "\r\n")}\r\n`,
  });
  if (answer.status !== 200) throw new Error(`the door said ${answer.status}: ${await answer.text()}`);
  return { ...(await answer.json()), messageId: id };
}
