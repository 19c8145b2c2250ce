// People who are no first admin: made over the API, and what was mailed to them.
import { createHmac } from "node:crypto";
import { admin, expect } from "./fixtures.js";

// The project's name keeps people of runs with and without script apart.
export const addressOf = (name, info) => `${name}.${info.project.name.replace(" ", "-")}.${info.repeatEachIndex}@customer.example`;

async function asAdmin(server) {
  const signed = await fetch(`${server.url}/api/auth/login`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(admin),
  });
  return signed.headers.get("set-cookie").split(";")[0];
}

// Makes a user; without a password they are invited by mail. `tenant_id` is left out for agents of the platform.
export async function makeUser(server, user) {
  const made = await fetch(`${server.url}/api/users`, {
    method: "POST",
    headers: { "content-type": "application/json", origin: server.url, cookie: await asAdmin(server) },
    body: JSON.stringify(user),
  });
  expect(made.status).toBe(201);
  return made.json();
}

// Returns the path of the newest link of a kind that was mailed to an address.
export async function mailedLink(page, to, kind) {
  let path;
  await expect(async () => {
    const list = await (await page.request.get("/dev/mail")).text();
    const ids = [...new Set([...list.matchAll(/\/dev\/mail\/(\d+)/g)].map((m) => Number(m[1])))].sort((a, b) => b - a);
    for (const id of ids.slice(0, 20)) {
      const shown = await (await page.request.get(`/dev/mail/${id}`)).text();
      const html = await (await page.request.get(`/dev/mail/${id}/html`)).text();
      const link = new RegExp(`/${kind}/[\\w-]{43}(\\?next=[^"<&\\s]*)?`).exec(html);
      if (shown.includes(to) && link) {
        path = link[0];
        return;
      }
    }
    throw new Error(`no ${kind} for ${to} yet`);
  }).toPass({ timeout: 20_000 });
  return path;
}

// The code that an authenticator app shows for a secret (RFC 6238).
export function codeOf(secret, stepsAhead = 0) {
  const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  const bits = [...secret.replaceAll(" ", "")].map((c) => letters.indexOf(c).toString(2).padStart(5, "0")).join("");
  const key = Buffer.from(bits.match(/.{8}/g).map((octet) => parseInt(octet, 2)));
  const count = Buffer.alloc(8);
  count.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000) + stepsAhead));
  const tag = createHmac("sha1", key).update(count).digest();
  const number = tag.readUInt32BE(tag[19] & 0xf) & 0x7fffffff;
  return String(number % 1_000_000).padStart(6, "0");
}
