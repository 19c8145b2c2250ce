// The words on the pages, from the product's own catalogue, so that flows name things as their reader sees them and
// run in every language.
import { readFileSync } from "node:fs";

const folder = new URL("../../../templates/i18n/", import.meta.url);

// Reads the part of Fluent that the tests ask for: one text per key. Texts that depend on a number are left out.
function read(language) {
  const texts = new Map();
  let key = null;
  for (const line of readFileSync(new URL(`${language}.ftl`, folder), "utf8").split("\n")) {
    const start = /^([a-z][\w-]*) *= *(.*)$/.exec(line);
    if (start) {
      key = start[1];
      texts.set(key, start[2]);
    } else if (key && /^\s+\S/.test(line)) {
      texts.set(key, `${texts.get(key)} ${line.trim()}`.trim());
    } else {
      key = null;
    }
  }
  return texts;
}

const catalogues = new Map();

// Returns the text of a key with its values filled in, or a pattern where a value is not given.
export function words(language) {
  if (!catalogues.has(language)) catalogues.set(language, read(language));
  const texts = catalogues.get(language);
  return (key, values = {}) => {
    const text = texts.get(key);
    if (text === undefined) throw new Error(`no text ${key} in ${language}.ftl`);
    if (text.includes("->")) throw new Error(`${key} depends on a number`);
    let open = false;
    const parts = text.split(/(\{[^}]*\})/).map((part) => {
      const name = /^\{ *\$([\w-]+) *\}$/.exec(part)?.[1];
      const literal = /^\{ *"(.*)" *\}$/.exec(part)?.[1];
      if (literal !== undefined) return [literal, escape(literal)];
      if (!name) return [part, escape(part)];
      if (name in values) return [String(values[name]), escape(String(values[name]))];
      open = true;
      return ["", ".*"];
    });
    return open ? new RegExp(`^${parts.map((p) => p[1]).join("")}$`) : parts.map((p) => p[0]).join("");
  };
}

const escape = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
