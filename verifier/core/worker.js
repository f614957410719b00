// The core in Web Workers, so that the page stays responsive: one leads, others check chunks. Told by messages {kind, ...}.

import { findingOf, LedgerError } from "./errors.js";
import { parseEnvelope } from "./dsse.js";
import { BundleFiles } from "./files.js";
import { hex } from "./bytes.js";
import { parseCanonical } from "./json.js";
import { parseGivenKeys } from "./keys.js";
import { checkpointIn } from "./mail.js";
import { chunkName, leafName } from "./layout.js";
import { lineIn } from "./chunk.js";
import { MAX_AGE, readChunk, receivedFacts, sentFacts, verifyBundle } from "./verify.js";
import { missingHere } from "./platform.js";

const AHEAD = 2;
const NOT_ASSESSED = "not assessed", ON_ITS_WORD = ", on the job's word";

const LONGEST = 200;

/** A text as the table shows it, which holds those of all records: nothing bounds what a record may say. */
const cut = (text) => (text.length > LONGEST ? `${text.slice(0, LONGEST).replace(/[\ud800-\udbff]$/, "")}...` : text);

/** The verdict; of a run that was compared with no threshold, that; and whether only the job's word makes it below. */
function said({ verdict, assessments, rests_on: rests }) {
  if (verdict !== "below") return verdict;
  return (assessments.length ? verdict : NOT_ASSESSED) + (rests.on_the_jobs_word ? ON_ITS_WORD : "");
}

/** What the table of the page shows of a record. */
function rowOf({ content, at }, index) {
  const { job, cumulative, original } = content;
  return {
    index: String(index),
    id: job.id,
    job: cut(job.name),
    arn: cut(job.arn),
    status: cut(job.status),
    model: cut(original.base_model),
    verdict: said(content),
    best: cumulative.best_flop,
    upper: cumulative.upper_flop,
    revision: content.revision,
    at,
  };
}

/** A pin as somebody pasted it, and keys, as bytes; or why one says nothing about any bundle. */
async function knownFrom({ pin, keys }) {
  let what = "The checkpoint";
  try {
    const note = pin === null ? null : checkpointIn(pin);
    what = "keys.json";
    if (keys !== null) await parseGivenKeys(keys);
    return { pin: note, keys };
  } catch (error) {
    if (!(error instanceof LedgerError)) throw error;
    const { error: name, message, remedy } = findingOf(error);
    return { unusable: { name, message: `${what} that you gave: ${message}. ${remedy}` } };
  }
}

/** Answer messages: `scope` is the worker's global, or what stands for it in a test. */
export function serve(scope) {
  let files = null, facts = null;
  const say = (message) => scope.postMessage(message);
  const answers = {
    /** Lead: verify the bundle, with so many workers of this same source. */
    async verify({ blob, demands, source, workers }) {
      const missing = await missingHere();
      if (missing.length) return say({ kind: "unable", missing });
      const known = await knownFrom(demands);
      if (known.unusable) return say({ kind: "unusable", ...known.unusable });
      const pool = new Pool(source, workers, say);
      try {
        const report = await verifyBundle(blob, { maxAge: MAX_AGE, ...demands, ...known }, {
          chunks: (...parts) => pool.chunks(...parts),
          progress: (done, total) => say({ kind: "progress", done, total }),
          seen: (leaf, index) => say({ kind: "records", rows: [rowOf(leaf, index)] }),
        });
        say({ kind: "report", report });
      } finally {
        pool.end();
      }
    },

    /** Check chunks of this bundle from now on. */
    begin({ blob, entries, facts: sent }) {
      files = new BundleFiles(blob, entries);
      facts = receivedFacts(sent);
    },

    async chunk({ begin }) {
      const rows = [];
      const summary = await readChunk(files, facts, begin, (leaf, index) => rows.push(rowOf(leaf, index)));
      say({ kind: "chunk", summary, rows });
    },

    /** One record, for people to read. */
    async record({ blob, index }) {
      const opened = await BundleFiles.of(blob), leaf = BigInt(index);
      const begin = opened.numbers("log").findLast((number) => number <= leaf);
      const line = begin === undefined ? await opened.need(leafName("leaves", leaf)) : lineIn(await opened.need(chunkName("log", begin)), begin, leaf);
      const { payload, signatures } = parseEnvelope(line);
      say({ kind: "record", index, statement: parseCanonical(payload), keyid: signatures[0].keyid, signature: hex(signatures[0].der) });
    },
  };
  scope.onmessage = async ({ data }) => {
    try {
      await answers[data.kind](data);
    } catch (error) {
      say({ kind: "failed", cause: error?.name, message: error instanceof LedgerError ? findingOf(error).error : String(error?.message ?? error) });
    }
  };
}

/** Workers that check chunks, a few chunks ahead of what is joined. */
class Pool {
  constructor(source, count, say) {
    this.say = say;
    this.address = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
    this.workers = Array.from({ length: count }, () => new Worker(this.address));
    this.waiting = new Map();
    for (const worker of this.workers) {
      worker.onmessage = ({ data }) => this.answer(data);
      worker.onerror = (event) => this.answer({ kind: "failed", message: event.message });
    }
  }

  /** A worker checks several chunks at a time, and a small one may be ready before a large one. */
  answer(data) {
    if (data.kind === "failed") {
      for (const { reject } of this.waiting.values()) reject(Object.assign(new Error(data.message), { name: data.cause }));
      return;
    }
    const begin = String(data.summary.begin);
    this.waiting.get(begin).resolve(data);
    this.waiting.delete(begin);
  }

  ask(worker, begin) {
    return new Promise((resolve, reject) => {
      this.waiting.set(String(begin), { resolve, reject });
      worker.postMessage({ kind: "chunk", begin });
    });
  }

  async *chunks(files, facts, begins) {
    const entries = new Map([...files.entries].filter(([name]) => /^(log|evidence)\//.test(name)));
    for (const worker of this.workers) worker.postMessage({ kind: "begin", blob: files.blob, entries, facts: sentFacts(facts) });
    const most = AHEAD * this.workers.length, ahead = [];
    for (let next = 0; next < begins.length || ahead.length; ) {
      for (; next < begins.length && ahead.length < most; next++) {
        const asked = this.ask(this.workers[next % this.workers.length], begins[next]);
        asked.catch(() => {}); // it is awaited in its turn
        ahead.push(asked);
      }
      const { summary, rows } = await ahead.shift();
      if (rows.length) this.say({ kind: "records", rows });
      yield summary;
    }
  }

  end() {
    for (const worker of this.workers) worker.terminate();
  }
}
