// A mail with files of the kinds that can be looked at, and one that cannot.
import { deflateSync } from "node:zlib";
import { deliver } from "./fixtures.js";

const crcTable = Array.from({ length: 256 }, (_, n) => {
  for (let k = 0; k < 8; k++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
  return n >>> 0;
});
function crc32(bytes) {
  let sum = ~0;
  for (const byte of bytes) sum = crcTable[(sum ^ byte) & 255] ^ (sum >>> 8);
  return ~sum >>> 0;
}

// A PNG of one colour.
export function png(side, [red, green, blue]) {
  const chunk = (kind, data) => {
    const body = Buffer.concat([Buffer.from(kind), data]);
    const [size, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
    size.writeUInt32BE(data.length);
    sum.writeUInt32BE(crc32(body));
    return Buffer.concat([size, body, sum]);
  };
  const head = Buffer.alloc(13);
  head.writeUInt32BE(side, 0);
  head.writeUInt32BE(side, 4);
  head.set([8, 2, 0, 0, 0], 8);
  const row = Buffer.from([0, ...Array.from({ length: side }, () => [red, green, blue]).flat()]);
  const rows = deflateSync(Buffer.concat(Array.from({ length: side }, () => row)));
  const magic = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  return Buffer.concat([magic, chunk("IHDR", head), chunk("IDAT", rows), chunk("IEND", Buffer.alloc(0))]);
}

// A PDF of two pages with a black square each; poppler finds its way without a table.
const square = "30 30 140 90 re f";
const page = (n) => `${n} 0 obj\n<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 280] /Contents 5 0 R >>\nendobj\n`;
export const pdf = Buffer.from(
  "%PDF-1.4\n1 0 obj\n<< /Type /Catalog /Pages 2 0 R >>\nendobj\n" +
    `2 0 obj\n<< /Type /Pages /Kids [3 0 R 4 0 R] /Count 2 >>\nendobj\n${page(3)}${page(4)}` +
    `5 0 obj\n<< /Length ${square.length} >>\nstream\n${square}\nendstream\nendobj\ntrailer\n<< /Root 1 0 R >>\n%%EOF\n`,
);

const files = [
  ["blue.png", "image/png", png(8, [40, 90, 200])],
  ["letter.pdf", "application/pdf", pdf],
  ["release.log", "text/plain", Buffer.from("line 1 <b>of</b> the log\n".repeat(60))],
  ["notes.zip", "application/zip", Buffer.from("504b0506000000000000000000000000000000000000", "hex")],
];

export function deliverFiles(server, { from, to, subject }) {
  const part = ([name, kind, bytes]) =>
    `--cut\nContent-Type: ${kind}\nContent-Disposition: attachment; filename="${name}"\n` +
    `Content-Transfer-Encoding: base64\n\n${bytes.toString("base64").replace(/.{76}/g, "$&\n")}\n`;
  const text = `--cut\nContent-Type: text/plain\n\nSee the files.\n${files.map(part).join("")}--cut--`;
  return deliver(server, { from, to, subject, text, headers: { "Content-Type": "multipart/mixed; boundary=cut" } });
}
