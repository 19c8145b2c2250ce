// An mbox of so many conversations: each a question and two answers to it, and one of 2,000 mails. The same number gives the
// same mails.
import { createWriteStream } from "node:fs";
import { once } from "node:events";
import { mailbox } from "./server.js";

const MAILS_OF_LONG = 2_000;
// Stands in the subject of the conversation of 2,000 mails, which comes last.
export const LONG = "aardvarkian";
// Stands in every tenth mail.
export const usualWord = "printer";
// Stands in one conversation alone.
export const rareWord = (n) => `case${n.toString(36)}q`;

const SOUNDS = ["ba", "de", "fi", "go", "lu", "ma", "ne", "pi", "ro", "su", "ta", "ve", "wi", "zo", "ka", "le"];
const VOCABULARY = Array.from({ length: 4_096 }, (_, n) => SOUNDS[n % 16] + SOUNDS[(n >> 4) % 16] + SOUNDS[n >> 8]);

// Writes the file; returns how many mails stand in it.
export async function mbox(path, conversations) {
  const out = createWriteStream(path);
  let state = 12345;
  const random = (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 4294967296) * below);
  };
  const text = (n) => Array.from({ length: n }, (_, i) => VOCABULARY[random(4_096)] + (i % 12 === 11 ? ".\n" : "")).join(" ");
  let mails = 0;
  const mail = async (n, turn, who, subject, body) => {
    const utc = new Date(Date.UTC(2026, 0, 5) + n * 60_000 + turn * 3_600_000).toUTCString();
    const [, day, number, month, year, time] = /^(\w+), (\d+) (\w+) (\d+) ([\d:]+)/.exec(utc);
    const date = utc.replace("GMT", "+0000");
    const id = (k) => `<c${n}.${k}@mail.example>`;
    const thread = turn ? `In-Reply-To: ${id(turn - 1)}\nReferences: ${id(0)}${turn > 1 ? ` ${id(turn - 1)}` : ""}\n` : "";
    const letter = `From MAILER ${day} ${month} ${number} ${time} ${year}\nFrom: Customer ${who} <customer${who}@company${who % 997}.example>\nTo: ${mailbox}\n`
      + `Date: ${date}\nMessage-ID: ${id(turn)}\n${thread}Subject: ${turn ? "Re: " : ""}${subject}\n\n${body}\n\n`;
    mails += 1;
    if (!out.write(letter)) await once(out, "drain");
  };
  for (let n = 0; n < conversations - 1; n += 1) {
    const subject = `${text(4)} ${rareWord(n)}`;
    for (let turn = 0; turn < 3; turn += 1) {
      await mail(n, turn, n % 5_000, subject, `${random(10) === 0 ? `The ${usualWord} again.\n` : ""}${text(50)}`);
    }
  }
  for (let turn = 0; turn < MAILS_OF_LONG; turn += 1) await mail(conversations, turn, 7, `The ${LONG} one`, text(40));
  out.end();
  await once(out, "close");
  return mails;
}
