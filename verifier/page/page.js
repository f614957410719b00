// The page: takes a bundle, has it checked by workers, shows what was found. Whatever a bundle says is shown as text alone.

const $ = (id) => document.getElementById(id);
const WORKERS = Math.max(1, Math.min(8, navigator.hardwareConcurrency || 2));
const PAGE = 50;
const MOST_ROWS = 200_000;
const DAY = 86_400_000;
const UNREADABLE = ["NotFoundError", "NotReadableError"]; // File API, section 8: the file is gone, or is another one now

const SAID = {
  valid: ["good", "Valid", "Every leaf was signed by the key in force at its place, the leaves are those that the signed checkpoints commit to, the records agree with one another, and the evidence is the evidence that was signed."],
  "valid, but stale": ["unsure", "Valid, but stale", "Everything in it is as it was signed, but it was sealed long before you received it: newer records may be kept back, or the sealer stands still."],
  "valid, with reservations": ["unsure", "Valid, with reservations", "Everything in it is as it was signed. What is named below is left open."],
  tampered: ["bad", "Tampered", "What is in this file is not what was signed and logged. Keep it as it is, and ask for a second copy."],
  "cannot verify": ["unsure", "Cannot be verified", "This file cannot be judged. That is neither a good nor a bad sign."],
};

// Characters that cannot be seen, or turn the text around them: each is shown by its number.
// As domain/values/visible.py shows them; the marks themselves, too, so that no text can imitate one.
const HIDDEN = /[\p{C}\p{Z}⟨⟩\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0\u180b-\u180f\ufe00-\ufe0f\u{e0100}-\u{e01ef}]/gu;

function numbered(character) {
  return `⟨U+${character.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}⟩`;
}

function visible(text, keep = " ") {
  return String(text).replace(HIDDEN, (each) => (keep.includes(each) ? each : numbered(each)));
}

const LETTERS = Object.entries(SIGHT.scripts).map(([name, blocks]) => [name, new RegExp(`[${blocks}]`, "u")]);
const ALIKE = new RegExp(`[${SIGHT.alike}]`, "u"), ALIKE_AMONG_OTHERS = new RegExp(`[${SIGHT.alikeAmongOthers}]`, "u");
const isAscii = (text) => /^[\0-\x7f]*$/.test(text);
const scriptOf = (letter) => LETTERS.find(([, letters]) => letters.test(letter))?.[0];

/** Whether a character is taken for something else, or is not as the composed form has it after the one before it. */
function isAlike(letter, before, atHome, last) {
  if (isAscii(letter) || (letter === SIGHT.cut && last)) return false;
  if (ALIKE.test(letter) || (before + letter).normalize("NFC") !== before + letter) return true;
  return ALIKE_AMONG_OTHERS.test(letter) && !atHome;
}

/**
 * Of each letter, whether it stands among letters of its own script alone. Where scripts are mixed as a rule: in a row of
 * its own that has a letter without a look-alike, and, unless it is kana, beside nothing else.
 */
function homes(letters) {
  const scripts = letters.map(scriptOf), alone = new Set(scripts.filter(Boolean)).size === 1, home = [];
  while (home.length < letters.length) {
    const first = home.length, script = scripts[first];
    let end = first;
    while (end < letters.length && scripts[end] === script) end += 1;
    const sound = letters.slice(first, end).some((each) => !ALIKE_AMONG_OTHERS.test(each));
    for (let place = first; place < end; place += 1) {
      const beside = !SIGHT.kana.includes(script) && ((place === first && first > 0) || (place === end - 1 && end < letters.length));
      home.push(SIGHT.eastAsian.includes(script) ? sound && !beside : alone);
    }
  }
  return home;
}

/** The scripts of a word that may be taken for another one: it mixes some, or looks like another one as a whole. */
function toldScripts(letters) {
  if (isAscii(letters.join(""))) return [];
  const written = letters.filter(scriptOf), scripts = [...new Set(written.map(scriptOf))];
  const doubtful = scripts.filter((name) => !SIGHT.unsuspicious.includes(name));
  const told = doubtful.length && (scripts.length > 1 || SIGHT.lookLatin.includes(doubtful[0]) || written.every((each) => ALIKE_AMONG_OTHERS.test(each)));
  return told ? scripts.sort() : [];
}

/** A text with names: what is taken for something else by its number, and after each word that may be, its scripts. */
function asWritten(text) {
  if (isAscii(String(text))) return visible(text);
  return String(text).split(" ").map((word) => {
    const letters = Array.from(word), home = homes(letters);
    const alike = letters.map((each, place) => isAlike(each, place ? letters[place - 1] : " ", home[place], place === letters.length - 1));
    const scripts = toldScripts(letters.filter((each, place) => !alike[place]));
    return letters.map((each, place) => (alike[place] ? numbered(each) : visible(each))).join("") + (scripts.length ? ` ⟨letters: ${scripts.join(", ")}⟩` : "");
  }).join(" ");
}

/** An element with a text, which may be anybody's, and a class. */
function element(tag, text = "", kind = "") {
  const made = document.createElement(tag);
  made.textContent = visible(text);
  if (kind) made.className = kind;
  return made;
}

/** A text of a job's owner in an element of its own, so that its direction ends with it. */
function foreign(tag, text, kind = "") {
  const made = element(tag, "", kind);
  const inner = document.createElement("bdi");
  inner.textContent = asWritten(text);
  made.append(inner);
  return made;
}

/**
 * A FLOP amount for people, three digits as the command line rounds them: a best estimate with ties to even, an upper
 * bound never down. The exact one is in the record.
 */
function scientific(amount, isUpper = false) {
  if (amount === null) return "unknown";
  if (amount === "0") return "0";
  const exponent = amount.length - 1, digits = amount.slice(0, 3).padEnd(3, "0"), rest = amount.slice(3);
  const half = rest && BigInt(rest) * 2n - 10n ** BigInt(rest.length);
  const up = rest && (isUpper ? BigInt(rest) > 0n : half > 0n || (half === 0n && Number(digits[2]) % 2 === 1));
  const mantissa = String(Number(digits) + (up ? 1 : 0));
  return mantissa.length > 3 ? `1.00e${exponent + 1}` : `${mantissa[0]}.${mantissa.slice(1)}e${exponent}`;
}

const source = $("core").textContent;
const address = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
let worker = null, bundle = null, rows = [], left = 0, shown = [], from = 0, begun = 0, asked = 0;

function start(file) {
  worker?.terminate();
  const mine = ++asked; // whatever comes of an earlier bundle is not heard any more
  [bundle, rows, left, begun] = [file, [], 0, performance.now()];
  for (const id of ["result", "records"]) $(id).hidden = true;
  $("record").close(); // it is of the bundle before
  $("again").disabled = false;
  $("under-way").hidden = false;
  $("bar").removeAttribute("value");
  tell("doing", `Checking ${file.name}`);
  const hear = (kind, event) => mine === asked && heard[kind](event);
  demanded().then((demands) => {
    if (mine !== asked) return;
    worker = new Worker(address);
    worker.onmessage = ({ data }) => hear(data.kind, data);
    worker.onerror = (event) => hear("failed", event);
    worker.postMessage({ kind: "verify", blob: file, demands, source, workers: WORKERS });
  }, (error) => hear("failed", error));
}

/** What is known from elsewhere. */
async function demanded() {
  const pin = $("pin").value, keys = $("keys").files[0], day = $("received").valueAsNumber;
  if (!$("received").checkValidity()) throw new Error("the day on which you received the bundle is none of the years 1 to 9999");
  const now = Date.now();
  return {
    now,
    asOf: Number.isNaN(day) ? now : day + DAY - 1,
    pin: pin.trim() ? pin : null,
    keys: keys ? new Uint8Array(await keys.arrayBuffer()) : null,
  };
}

function tell(id, text) {
  $(id).textContent = visible(text);
}

const heard = {
  progress({ done, total }) {
    $("bar").max = total;
    $("bar").value = done;
    tell("doing", `Checked ${done.toLocaleString("en")} of ${total.toLocaleString("en")} leaves of ${bundle.name}`);
  },
  records({ rows: more }) {
    const room = MOST_ROWS - rows.length;
    for (const row of more.slice(0, room)) rows.push(row);
    left += Math.max(0, more.length - room);
  },
  report({ report }) {
    const [, words, meaning] = SAID[report.verdict];
    end(report.verdict, words, meaning);
    showFindings([...report.findings, ...report.reservations], report.more);
    showFacts(report);
    showNotes(report);
    if (!report.findings.length) showRecords();
  },
  record({ index, statement, keyid }) {
    tell("record-title", `Leaf ${index}, signed by ${keyid.slice(0, 16)}…`);
    $("statement").textContent = visible(JSON.stringify(statement, null, 2), " \n");
    $("record").showModal();
  },
  unusable({ name, message }) {
    end("cannot verify", name, message);
  },
  unable({ missing }) {
    end("cannot verify", "This browser cannot check a bundle", `It lacks ${missing.join("; ")}. Use a current Chromium, Firefox or Safari, or the command line.`);
  },
  failed({ message, cause }) {
    const checked = $("under-way").hidden, name = bundle?.name;
    halt(); // what was said before is of a file that may not be there any more
    if (!UNREADABLE.includes(cause)) return end("cannot verify", "The check stopped", `Something failed that says nothing about the bundle: ${message}`);
    end("cannot verify", checked ? "The file is not there any more as it was checked" : "The file cannot be read", checked
      ? `${name} was moved, removed or changed after it was checked. What was said of it was of the file as it was. Give the file again.`
      : `${name} was moved, removed or changed while it was read, or is no file. That says nothing about the bundle. Give the file again.`);
  },
};

/** Show a verdict, and take the reader to it. */
function end(verdict, words, meaning) {
  $("under-way").hidden = true;
  $("result").hidden = false;
  for (const id of ["findings", "facts", "notes"]) $(id).replaceChildren();
  $("verdict").className = SAID[verdict][0];
  tell("verdict", words);
  tell("meaning", meaning);
  tell("announced", `${words}. ${meaning}`);
  $("verdict").focus();
}

function showFindings(found, more) {
  if (!found.length) return;
  const table = element("table", "", "findings-table"), head = element("tr"), body = element("tbody");
  table.append(element("caption", "What was found"));
  for (const title of ["Name", "Weight", "Leaf", "What was seen", "What to do"]) {
    const cell = element("th", title);
    cell.scope = "col";
    head.append(cell);
  }
  for (const { error, weight, index, message, remedy } of found) {
    const row = element("tr");
    row.append(element("td", error, weight === "tampered" ? "tampered" : "unsure"), element("td", weight), element("td", index ?? ""));
    row.append(foreign("td", message, "name"), element("td", remedy));
    body.append(row);
  }
  const header = element("thead"), wide = element("div", "", "wide");
  header.append(head);
  table.append(header, body);
  wide.append(table);
  wide.tabIndex = 0;
  wide.setAttribute("role", "region");
  wide.setAttribute("aria-label", "What was found");
  $("findings").append(wide);
  for (const [name, count] of Object.entries(more)) $("findings").append(element("p", `and ${count} more of ${name}`));
}

function showFacts(report) {
  const counted = (number, one, several = `${one}s`) => `${Number(number).toLocaleString("en")} ${Number(number) === 1 ? one : several}`;
  const listed = (found, others) => {
    const told = [...found].sort().map(([name, count]) => `${name} (${count.toLocaleString("en")})`);
    return [...told, ...(others ? [`others (${others.toLocaleString("en")})`] : [])].join(", ");
  };
  const facts = [["Bundle", `${bundle.name}, ${bundle.size.toLocaleString("en")} bytes`]];
  if (report.ledgerId) facts.push(["Ledger", report.ledgerId]);
  if (report.kind) facts.push(["Selection", report.kind === "whole" ? "the whole ledger" : report.selection]);
  if (report.sealedAt !== null) {
    facts.push(["Content", [counted(report.records, "record"), counted(report.size, "leaf", "leaves"), counted(report.checkpoints, "checkpoint")].join(", ")]);
    facts.push(["Sealed", new Date(report.sealedAt).toISOString()], ["Merkle root", report.root]);
    facts.push(["Assessed under", listed(report.assessedUnder, report.assessedUnderOthers)]);
    facts.push(["Recorded by version", listed(report.recordedBy, report.recordedByOthers)]);
    for (const bill of report.bills) facts.push([`Bill of ${bill.period}`, billInWords(bill)]);
    if (report.moreBills) facts.push(["And besides", `${counted(report.moreBills, "more bill")}, of which less is open`]);
  }
  facts.push(["Checked in", `${((performance.now() - begun) / 1000).toFixed(1)} seconds`]);
  for (const [name, value] of facts) $("facts").append(element("dt", name), foreign("dd", value));
}

/** A statement on a bill in one line. It is somebody's word: the export is not in the bundle. */
function billInWords(bill) {
  const left = bill.open.map((each) => `, and there are ${OPEN[each]}`).join("");
  const whose = `says ${bill.who} (${bill.identity}), leaf ${bill.leaf}, compared with the log of size ${bill.size}`;
  const nothing = bill.billed_nanoseconds === "0" && !bill.open.includes("hours");
  const explained = nothing ? "No accelerator hours charged for what trains or may" : `${shareInWords(bill.share)} of ${hoursInWords(bill.billed_nanoseconds)} explained`;
  return `${explained}${left}; ${bill.begins} to ${bill.ends}, ${whose}${beforeInWords(bill)}`;
}

/** What a statement is in place of: that it says more of less is to be seen. */
function beforeInWords({ revision, most_before_nanoseconds: most, least_share_before: least }) {
  if (!revision) return "";
  const one = revision === 1;
  return `; in place of ${revision} earlier, ${one ? "of" : "of up to"} ${hoursInWords(most)}, ${one ? "at" : "the lowest at"} ${shareInWords(least)}`;
}

function shareInWords(share) {
  const [whole, digits] = share.split(".");
  return share ? `${Number(whole + digits.slice(0, 2))}.${digits.slice(2, 4)} %` : "an unknown share";
}

/** Nanoseconds of accelerators with one digit, and never more than they are. */
function hoursInWords(nanoseconds) {
  const tenths = BigInt(nanoseconds || "0") / 360_000_000_000n;
  return `${tenths / 10n}.${tenths % 10n} accelerator hours`;
}

function showNotes(report) {
  if (report.findings.length) return;
  const notes = [];
  if (!report.pinned && !report.keysGiven) {
    notes.push("You gave neither a checkpoint nor keys: this says that the bundle is consistent in itself. Whoever wrote all of it could have chosen all of it.");
  }
  if (report.pins.length) {
    notes.push(`It goes on from what you gave, the log at ${report.pins.join(" and ")} leaves: nothing before it was rewritten.`);
  }
  if (report.keysGiven) notes.push("It begins with the keys that you gave.");
  if (report.kind === "part") {
    notes.push("It is a part of the ledger. Of a part nobody can say that it holds every record of its selection, or the newest of each job; nor what came into the log after a pin although dated long before it.");
  }
  const lacked = report.supersededElsewhere;
  if (lacked === 1) notes.push("1 record that a later one of the same job supersedes is not in it.");
  if (lacked > 1) notes.push(`${lacked} records that later ones of the same job supersede are not in it.`);
  if (report.notCompared) notes.push(`${report.notCompared} in it was not compared with the records: believe this page, or the command, and not that one.`);
  if (report.elsewhere === 1) notes.push("1 ancestor of its records is not in it: its figures are what the records say.");
  if (report.elsewhere > 1) notes.push(`${report.elsewhere} ancestors of its records are not in it: their figures are what the records say.`);
  notes.push("Figures were not computed again from their evidence: see below.");
  $("notes").append(...notes.map((note) => element("li", note)));
}

function showRecords() {
  $("records").hidden = false;
  const newest = new Map();
  for (const row of rows) newest.set(row.id, Math.max(row.revision, newest.get(row.id) ?? 0));
  for (const row of rows) row.replaced = row.revision < newest.get(row.id);
  tell("records-note", left ? `The first ${rows.length.toLocaleString("en")}; ${left.toLocaleString("en")} more were checked and are not listed here.` : "Each as it was signed. A later revision takes the place of an earlier one of the same job; a verdict is looked for in the latest alone.");
  filter();
}

/** A text with the characters whose numbers stand in it: what somebody means who copied it from a table. */
function unnumbered(text) {
  return text.replace(/⟨U\+(10[0-9A-F]{4}|[0-9A-F]{4,5})⟩/g, (_, code) => String.fromCodePoint(parseInt(code, 16)));
}

/** What a row is found by: its names as the record has them, and as they are shown. */
function names({ job, model, arn }) {
  const names = `${job}\n${model}\n${arn}`;
  return (isAscii(names) ? names : [job, model, arn].map((each) => `${each}\n${asWritten(each)}`).join("\n")).toLowerCase();
}

function filter() {
  const written = $("words").value, only = $("only").value;
  const meant = [written, unnumbered(written)].map((each) => each.toLowerCase());
  const fits = (row) => !written || meant.some((each) => (row.names ??= names(row)).includes(each));
  shown = rows.filter((row) => (!only || (row.verdict === only && !row.replaced)) && fits(row));
  turn(0);
}

function turn(to) {
  from = Math.max(0, Math.min(to, PAGE * Math.floor(Math.max(0, shown.length - 1) / PAGE)));
  $("rows").replaceChildren(...shown.slice(from, from + PAGE).map(rowOf));
  tell("which", shown.length ? `${(from + 1).toLocaleString("en")} to ${Math.min(from + PAGE, shown.length).toLocaleString("en")} of ${shown.length.toLocaleString("en")}` : "none");
  $("back").disabled = from === 0;
  $("on").disabled = from + PAGE >= shown.length;
}

/** What a verdict looks like: on the job's word alone it is another one than without. */
function classOf(verdict) {
  const [said, word] = verdict.split(", ");
  return word ? "word" : said;
}

function rowOf(row) {
  const made = element("tr"), show = element("button", "Show"), last = element("td");
  show.type = "button";
  show.setAttribute("aria-label", `Show leaf ${row.index}`);
  show.addEventListener("click", () => worker.postMessage({ kind: "record", blob: bundle, index: row.index }));
  last.append(show);
  made.append(element("td", row.index, "number"), foreign("td", row.job, "name"), foreign("td", row.model, "name"), element("td", row.verdict, classOf(row.verdict)));
  made.append(element("td", scientific(row.best), "number"), element("td", scientific(row.upper, true), "number"));
  made.append(element("td", new Date(row.at).toISOString().slice(0, 19).replace("T", " "), "time"), element("td", row.replaced ? `${row.revision}, replaced` : row.revision, "number"), last);
  return made;
}

/** Check the file that was dropped: one, since a verdict is of one bundle. */
function take({ files, items }) {
  if (Array.from(items).some((item) => item.webkitGetAsEntry?.()?.isDirectory)) {
    halt();
    end("cannot verify", "That is a folder", "A bundle is one zip file, and nothing was checked. If something unpacked it on its way to you, ask for the zip file as it was sent.");
  } else if (files.length > 1) {
    halt();
    end("cannot verify", "One bundle at a time", `You dropped ${files.length} files, and none of them was checked. Drop one.`);
  } else if (files.length) {
    $("bundle").files = files;
    start(files[0]);
  }
}

/** Let go of whatever was checked or shown. */
function halt() {
  worker?.terminate();
  [bundle, rows] = [null, []];
  asked += 1;
  $("records").hidden = true;
  $("again").disabled = true;
  $("record").close();
}

function stop() {
  worker?.terminate();
  asked += 1;
  end("cannot verify", "Stopped", "The bundle was not checked to its end.");
}

$("bundle").addEventListener("change", (event) => event.target.files[0] && start(event.target.files[0]));
$("bundle").addEventListener("click", (event) => {
  event.target.value = ""; // so that the same file, written anew, can be chosen again
});
$("ask").addEventListener("submit", (event) => {
  event.preventDefault();
  if (bundle) start(bundle);
});
$("stop").addEventListener("click", stop);
$("words").addEventListener("input", filter);
$("only").addEventListener("change", filter);
$("back").addEventListener("click", () => turn(from - PAGE));
$("on").addEventListener("click", () => turn(from + PAGE));
for (const kind of ["dragover", "drop", "dragleave"]) {
  addEventListener(kind, (event) => {
    event.preventDefault();
    $("drop").classList.toggle("over", kind === "dragover");
    if (kind === "drop") take(event.dataTransfer);
  });
}
