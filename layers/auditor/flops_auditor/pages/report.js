// The table of all jobs: filter, sort, show more. Everything is written as text; nothing is asked for.
"use strict";
(() => {
  const NAME = 0, LOWER = 1, BEST = 2, UPPER = 3, SHARE = 4, ENDED = 5, SHARED = 6, PAGE = 200;
  const { shared, rows } = JSON.parse(document.getElementById("job-data").textContent);
  const columns = Object.keys(shared);
  const body = document.querySelector("#job-table tbody");
  const form = document.getElementById("job-filter");
  const told = document.getElementById("job-count");
  const more = document.getElementById("job-more");
  const heads = [...document.querySelectorAll("#job-table thead th")];
  let shown = PAGE, sorted = null, falling = false;

  const of = (row, name) => shared[name][row[SHARED + columns.indexOf(name)]];
  const amount = (text) => (text === "unknown" ? Infinity : Number(text));
  const share = (text) => {
    if (text === "unknown") return Infinity;
    if (text === "") return -1;
    const number = Number.parseFloat(text.replace(/^\D+/, ""));
    return text.endsWith("times") ? number * 100 : number;
  };
  const severity = { above: 3, indeterminate: 2, word: 1, below: 0, not_assessed: -1 };
  const keys = {
    name: (row) => row[NAME].toLowerCase(),
    verdict: (row) => severity[of(row, "verdict")[2]],
    lower: (row) => amount(row[LOWER]),
    best: (row) => amount(row[BEST]),
    upper: (row) => amount(row[UPPER]),
    share: (row) => share(row[SHARE]),
    model: (row) => of(row, "model").toLowerCase(),
    method: (row) => of(row, "method"),
    region: (row) => of(row, "region"),
    ended: (row) => row[ENDED],
  };

  const cell = (text, kind) => {
    const made = document.createElement("td");
    made.textContent = text;
    if (kind) made.className = kind;
    return made;
  };
  // A text of a job's owner, whose direction ends with it.
  const isolated = (text) => {
    const made = document.createElement("bdi");
    made.textContent = text;
    return made;
  };
  const line = (row) => {
    const made = document.createElement("tr");
    const [label, mark, tone] = of(row, "verdict");
    const name = document.createElement("th");
    name.scope = "row";
    name.append(isolated(row[NAME]));
    const verdict = document.createElement("td");
    const badge = document.createElement("span");
    badge.className = `badge ${tone}`;
    badge.textContent = `${mark} ${label}`;
    verdict.append(badge);
    const toLine = cell(row[SHARE], "number");
    const [title, called] = of(row, "line");
    const which = document.createElement("small");
    which.textContent = called;
    toLine.title = title;
    if (called) toLine.append(which);
    const model = cell("", "name");
    model.append(isolated(of(row, "model")));
    made.append(name, verdict, cell(row[LOWER], "number wide"), cell(row[BEST], "number"), cell(row[UPPER], "number"),
      toLine, model, cell(of(row, "method"), "wide"), cell(of(row, "region"), "wide day"),
      cell(row[ENDED], "day"));
    return made;
  };

  const draw = () => {
    const words = form.elements.words.value.toLowerCase().split(/\s+/).filter(Boolean);
    const tone = form.elements.verdict.value;
    const texts = (row) => [row[NAME], of(row, "model"), of(row, "region"), of(row, "status"), of(row, "method")].join("\n");
    let found = rows.filter((row) => (!tone || of(row, "verdict")[2] === tone) && (!words.length ||
      words.every(((all) => (word) => all.includes(word))(texts(row).toLowerCase()))));
    if (sorted) {
      const key = keys[sorted], sign = falling ? -1 : 1;
      const keyed = found.map((row, at) => [key(row), at, row]);
      keyed.sort((a, b) => (a[0] < b[0] ? -sign : a[0] > b[0] ? sign : a[1] - b[1]));
      found = keyed.map((each) => each[2]);
    }
    const page = found.slice(0, shown);
    body.replaceChildren(...page.map(line));
    const jobs = found.length === 1 ? "job" : "jobs";
    told.textContent = `${page.length} of ${found.length} ${jobs} shown` +
      (found.length < rows.length ? `; ${rows.length} recorded.` : ".");
    more.hidden = page.length === found.length;
  };

  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", () => { shown = PAGE; draw(); });
  more.addEventListener("click", () => { shown += PAGE; draw(); });
  for (const head of heads) {
    const text = head.textContent;
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = text;
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      const name = head.dataset.key;
      falling = sorted === name ? !falling : ["lower", "best", "upper", "share", "verdict", "ended"].includes(name);
      sorted = name;
      for (const other of heads) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", falling ? "descending" : "ascending");
      draw();
    });
  }
  form.hidden = false;
  if (rows.length > PAGE) draw();
})();
