// records.csv and index.html of a bundle, which are for reading and prove nothing. The table must say what the records say:
// it is written again here, byte for byte, as domain/ledger/records_csv.py does. The page only the command can make again.

import { same, utf8 } from "./bytes.js";
import { parseEnvelope } from "./dsse.js";
import { refuse } from "./errors.js";
import { parseCanonical } from "./json.js";
import { CSV, PREDICATES } from "./tables.js";

const INDEX = "index.html", TABLE = "records.csv";
const PATHS = Object.values(CSV.columns).map((path) => path.split("."));

/** Compare the table with the records, which were verified; what was not compared is told, "" for nothing. Throws BadBundle. */
export async function checkShown(files, records) {
  const [index, table] = [await files.read(INDEX), await files.read(TABLE)]; // each is whole, compared or not
  if ((index || table) && records > CSV.mostShown) refuse("BadBundle", `a page or a table in a bundle of more than ${CSV.mostShown} records`);
  if (table && !same(table, await tableOf(files))) refuse("BadBundle", `${TABLE} says something else than the records`);
  return index ? INDEX : "";
}

async function tableOf(files) {
  const lines = [line(["leaf", ...Object.keys(CSV.columns)])];
  for await (const { index, bytes } of files.leaves()) {
    const statement = parseCanonical(parseEnvelope(bytes).payload);
    if (statement.predicateType !== PREDICATES.record) continue;
    lines.push(line([index, ...PATHS.map((path) => path.reduce((content, name) => content[name], statement.predicate))]));
  }
  return utf8(lines.join(""));
}

const line = (cells) => `${cells.map((each) => `"${cell(each)}"`).join(",")}\n`;

function cell(value) {
  const text = value === null ? "" : [...String(value)].map(shown).join("");
  return (text && CSV.formula.includes(text[0]) ? "'" : "") + text.replaceAll('"', '""');
}

function shown(character) {
  const code = character.codePointAt(0);
  const unseen = CSV.unseen.some(([first, last]) => first <= code && code <= last);
  return unseen ? `⟨U+${code.toString(16).toUpperCase().padStart(4, "0")}⟩` : character;
}
