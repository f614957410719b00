// records.csv and index.html of a bundle, which are for reading and prove nothing. The table must say what the records say:
// it is written again here, byte for byte, as domain/ledger/records_csv.py does. The page only the command can make again.

import { same, utf8 } from "./bytes.js";
import { oneOf } from "./codepoints.js";
import { parseEnvelope } from "./dsse.js";
import { refuse } from "./errors.js";
import { parseCanonical } from "./json.js";
import { CSV, PREDICATES } from "./tables.js";

const SEVERITY = { below: 0, indeterminate: 1, above: 2 };
const INDEX = "index.html", TABLE = "records.csv";
const UNSEEN = oneOf(CSV.numbered, "gu");
const PATHS = Object.values(CSV.columns).map((path) => path.split("."));

/** Compare the table with the records, which were verified; what was not compared is told, "" for nothing. Throws BadBundle. */
export async function checkShown(files, records) {
  const [index, table] = [await files.read(INDEX), await files.read(TABLE)]; // each is whole, compared or not
  if ((index || table) && records > CSV.mostShown) refuse("BadBundle", `a page or a table in a bundle of more than ${CSV.mostShown} records`);
  if (table && !same(table, await tableOf(files))) refuse("BadBundle", `${TABLE} says something else than the records`);
  return index ? INDEX : "";
}

async function tableOf(files) {
  const lines = [line(["leaf", ...Object.keys(CSV.columns), ...CSV.compared])];
  for await (const { index, bytes } of files.leaves()) {
    const statement = parseCanonical(parseEnvelope(bytes).payload);
    if (statement.predicateType !== PREDICATES.record) continue;
    const { assessments } = statement.predicate, members = PATHS.map((path) => path.reduce((content, name) => content[name], statement.predicate));
    lines.push(line([index, ...members, assessments.length, nearest(assessments)?.threshold_flop ?? null]));
  }
  return utf8(lines.join(""));
}

/** The assessment that a run comes nearest to, as domain/values/figures.py has it. */
function nearest(assessments) {
  const drawn = assessments.filter((each) => each.threshold_flop !== "0");
  const severest = drawn.reduce((most, each) => (each.wording_of ? most : Math.max(most, SEVERITY[each.verdict])), -1);
  const lines = drawn.filter((each) => !each.wording_of || SEVERITY[each.verdict] > severest);
  const known = lines.filter((each) => each.upper_flop !== null);
  const nearer = (one, other) => BigInt(other.upper_flop) * BigInt(one.threshold_flop) > BigInt(one.upper_flop) * BigInt(other.threshold_flop);
  if (known.length) return known.reduce((one, other) => (nearer(one, other) ? other : one));
  return lines.reduce((one, other) => (one && BigInt(one.threshold_flop) <= BigInt(other.threshold_flop) ? one : other), null);
}

const line = (cells) => `${cells.map((each) => `"${cell(each)}"`).join(",")}\n`;

function cell(value) {
  const text = value === null ? "" : String(value).replace(UNSEEN, numbered);
  return (text && CSV.formula.includes(text[0]) ? "'" : "") + text.replaceAll('"', '""');
}

function numbered(character) {
  return `⟨U+${character.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}⟩`;
}
