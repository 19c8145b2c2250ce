// Starts the built `postroom` on a free port with data of its own, as a new user would: SQLite, captured mail.
import { execFileSync, spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { once } from "node:events";

const root = resolve(import.meta.dirname ?? new URL(".", import.meta.url).pathname, "../../..");
const binary = process.env.POSTROOM_BINARY ?? join(root, process.env.CARGO_TARGET_DIR ?? "target", "debug/postroom");

export const admin = { email: "ada@desk.example", password: "correct horse battery staple" };
export const mailbox = "help@desk.example";

// `settings`: further ones. `before`: commands that are run on its data first, each as a list of arguments.
export async function startServer(settings = {}, before = []) {
  if (!existsSync(binary)) throw new Error("the binary is missing: cargo build --workspace --bins");
  const folder = await mkdtemp(join(tmpdir(), "postroom-browser-"));
  const portFile = join(folder, "port");
  const log = [];
  const env = {
    PATH: process.env.PATH,
    HOME: folder,
    DATABASE_URL: `sqlite://${folder}/postroom.db`,
    BLOB_URL: `file://${folder}/blobs`,
    POSTROOM_LISTEN: "127.0.0.1:0",
    POSTROOM_PORT_FILE: portFile,
    POSTROOM_MAIL_DOMAIN: "desk.example",
    POSTROOM_MAIL_FROM: mailbox,
    // For images that stand in mail: the test is the other host.
    POSTROOM_FETCH_NETWORKS: "127.0.0.1",
    POSTROOM_ADMIN_EMAIL: admin.email,
    POSTROOM_ADMIN_PASSWORD: admin.password,
    ...settings,
  };
  // Runs a command on the same data.
  const run = (...args) => execFileSync(binary, args, { cwd: folder, env, stdio: ["ignore", "pipe", "inherit"] }).toString();
  for (const args of before) run(...args);
  const child = spawn(binary, ["serve"], { cwd: folder, stdio: ["ignore", "pipe", "pipe"], env });
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (bytes) => log.push(bytes));
  const said = () => Buffer.concat(log).toString();
  const exited = once(child, "exit");

  const stop = async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill("SIGTERM");
    const deadline = setTimeout(() => child.kill("SIGKILL"), 15_000);
    const [code, signal] = await exited;
    clearTimeout(deadline);
    await rm(folder, { recursive: true, force: true });
    if (code !== 0) throw new Error(`the server did not end cleanly on SIGTERM: ${code ?? signal}\n${said()}`);
  };

  let url;
  try {
    url = await ready(portFile, child, said);
  } catch (error) {
    await stop().catch(() => {});
    throw error;
  }
  return { url, stop, said, run };
}

// Returns the server's address once it says that it is ready.
async function ready(portFile, child, said) {
  const deadline = Date.now() + 30_000;
  while (Date.now() < deadline) {
    if (child.exitCode !== null) throw new Error(`the server ended with ${child.exitCode}\n${said()}`);
    const port = existsSync(portFile) ? (await readFile(portFile, "utf8")).trim() : null;
    const url = `http://127.0.0.1:${port}`;
    if (port && (await fetch(`${url}/readyz`).catch(() => null))?.ok) return url;
    await new Promise((done) => setTimeout(done, 50));
  }
  throw new Error(`the server was not ready after 30 s\n${said()}`);
}
