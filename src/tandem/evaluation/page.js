"use strict";
// The error browser. Everything that comes from a corpus goes through textContent; the state of the
// filters stands in the address (#task=...&kind=...), so that it can be linked to.
const { tasks, rows } = JSON.parse(document.getElementById("data").textContent);
const PAGE = 25;
const NAMES = { missed: "missed", spurious: "spurious", type: "wrong type", boundary: "wrong boundary", misclassified: "misclassified" };
const controls = ["task", "kind", "label", "search", "sort"];
const field = (name) => document.getElementById("by-" + name);
const list = document.getElementById("errors-list");
const count = document.getElementById("count");
const more = document.getElementById("more");
const percent = (value) => (100 * value).toFixed(1) + " %";
let pair = null; // the cell of a confusion matrix that was chosen: [gold, predicted]
let found = [];
let shown = 0;

function element(name, className, ...children) {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.append(...children);
  return made;
}

// a row as stored: task, corpus, row, text, gold, predicted, confidence, marks, cut before, cut after, errors outside
const errors = rows.map(([task, corpus, row, text, gold, predicted, confidence, marks, before, after, hidden], order) => ({
  task: tasks[task], corpus, row, text, marks, before, after, hidden, order,
  folded: text.toLowerCase(),
  items: marks
    ? marks.filter(([kind]) => kind !== "correct").map(([kind, one, other, sure]) => ({ kind, gold: one ? one[2] : "(spurious)", predicted: other ? other[2] : "(missed)", sure }))
    : [{ kind: "misclassified", gold, predicted, sure: confidence }],
}));

function read() {
  const wanted = Object.fromEntries(controls.map((name) => [name, field(name).value]));
  wanted.search = wanted.search.trim().toLowerCase();
  return wanted;
}

function matches(error, wanted) {
  if (wanted.task && error.task.task !== wanted.task) return 0;
  if (wanted.search && !error.folded.includes(wanted.search)) return 0;
  let sure = 0;
  for (const item of error.items) {
    const fits = (!wanted.kind || item.kind === wanted.kind)
      && (!wanted.label || item.gold === wanted.label || item.predicted === wanted.label)
      && (!pair || (item.gold === pair[0] && item.predicted === pair[1]));
    if (fits) sure = Math.max(sure, item.sure, Number.MIN_VALUE);
  }
  return sure;
}

const ORDERS = {
  surest: (one, other) => other.sure - one.sure || one.error.order - other.error.order,
  unsure: (one, other) => one.sure - other.sure || one.error.order - other.error.order,
  corpus: (one, other) => (one.error.corpus < other.error.corpus ? -1 : one.error.corpus > other.error.corpus ? 1 : one.error.row - other.error.row),
};

function update() {
  const wanted = read();
  found = [];
  for (const error of errors) {
    const sure = matches(error, wanted);
    if (sure) found.push({ error, sure });
  }
  found.sort(ORDERS[wanted.sort] || ORDERS.surest);
  list.replaceChildren();
  shown = 0;
  showMore();
  tell(wanted);
  const state = new URLSearchParams(Object.entries(wanted).filter(([name, value]) => value && !(name === "sort" && value === "surest")));
  if (pair) { state.set("gold", pair[0]); state.set("predicted", pair[1]); }
  const address = state.toString() ? "#" + state : "#errors";
  if (started && location.hash !== address) history.replaceState(null, "", address);
}

function tell(wanted) {
  const chosen = tasks.filter(({ task }) => !wanted.task || task === wanted.task);
  count.replaceChildren(element("span", "", found.length.toLocaleString("en") + (found.length === 1 ? " text" : " texts")));
  if (pair) count.append(element("span", "", `${pair[0]} answered as ${pair[1]}`));
  for (const { task, total, kept, file } of chosen) {
    if (kept < total) count.append(element("span", "", `${(total - kept).toLocaleString("en")} more texts of ${task}, less sure, are only in ${file}`));
  }
  if (pair || wanted.kind || wanted.label || wanted.search || wanted.task) {
    const clear = element("button", "", "Clear filters");
    clear.type = "button";
    clear.addEventListener("click", () => { for (const name of controls) field(name).value = name === "sort" ? "surest" : ""; pair = null; labels(); update(); });
    count.append(clear);
  }
}

function showMore() {
  list.append(...found.slice(shown, shown + PAGE).map(({ error, sure }) => card(error, sure)));
  shown = Math.min(found.length, shown + PAGE);
  more.hidden = shown >= found.length;
  more.textContent = `Show more (${(found.length - shown).toLocaleString("en")} left)`;
}

function card(error, sure) {
  const kinds = [...new Set(error.items.map((item) => item.kind))];
  const what = error.marks
    ? kinds.map((kind) => { const n = error.items.filter((item) => item.kind === kind).length; return (n > 1 ? n + " × " : "") + NAMES[kind]; }).join(", ")
    : `${error.items[0].gold} → ${error.items[0].predicted}`;
  const surest = error.items.reduce((one, other) => (other.sure > one.sure ? other : one));
  const header = element("header", "", element("span", "what", what), element("span", "", percent(sure) + " sure"),
    element("span", "where", `${error.task.task} · ${error.corpus}, row ${error.row}`));
  const text = element("p", "");
  if (error.before) text.append(element("span", "cut", "… "));
  text.append(...(error.marks ? marked(error) : [error.text]));
  if (error.after) text.append(element("span", "cut", " …"));
  const made = element("article", "error " + surest.kind, header, text);
  if (error.hidden) made.append(element("span", "cut", `${error.hidden} more errors outside the part that is shown`));
  return made;
}

// Gold is underlined and predicted is shaded, each in the colour of what became of it. Where marks overlap, the
// text is cut at every begin and end; a mark is named where it ends.
function marked(error) {
  const characters = Array.from(error.text); // Python counts code points
  const cut = (start, end) => characters.slice(start, end).join("");
  const parts = [];
  let at = 0;
  for (const group of groups(error.marks)) {
    if (group.start > at) parts.push(cut(at, group.start));
    const made = element("span", "mark");
    const sides = group.marks.flatMap(([, gold, predicted]) => [gold, predicted].filter(Boolean));
    const edges = [...new Set(sides.flatMap(([start, end]) => [start, end]))].sort((one, other) => one - other);
    for (let n = 0; n + 1 < edges.length; n++) {
      const inside = (side) => side && side[0] <= edges[n] && side[1] >= edges[n + 1];
      const gold = group.marks.find((mark) => inside(mark[1]));
      const predicted = group.marks.find((mark) => inside(mark[2]));
      const part = element("span", [gold && "g", predicted && "p"].filter(Boolean).join(" "), cut(edges[n], edges[n + 1]));
      if (gold) part.style.setProperty("--under", `var(--${gold[0]})`);
      if (predicted) part.style.setProperty("--behind", `var(--${predicted[0]})`);
      made.append(part);
      const ending = group.marks.filter((mark) => Math.max(...[mark[1], mark[2]].filter(Boolean).map((side) => side[1])) === edges[n + 1]);
      made.append(...ending.map((mark) => element("small", mark[0], describe(mark))));
    }
    parts.push(made);
    at = group.end;
  }
  parts.push(cut(at));
  return parts;
}

function groups(marks) {
  const made = [];
  for (const mark of marks) {
    const sides = [mark[1], mark[2]].filter(Boolean);
    const start = Math.min(...sides.map((side) => side[0]));
    const end = Math.max(...sides.map((side) => side[1]));
    const last = made[made.length - 1];
    if (last && start < last.end) { last.marks.push(mark); last.end = Math.max(last.end, end); } else made.push({ start, end, marks: [mark] });
  }
  return made;
}

function describe([kind, gold, predicted]) {
  if (kind === "correct") return gold[2];
  if (kind === "type") return `${gold[2]} → ${predicted[2]}`;
  return `${NAMES[kind]} ${(gold || predicted)[2]}`;
}

function options(name, values) {
  const select = field(name);
  const kept = select.value;
  select.replaceChildren(...values.map(([value, text]) => new Option(text, value)));
  select.value = values.some(([value]) => value === kept) ? kept : "";
}

function labels() {
  const chosen = field("task").value;
  const inside = errors.filter((error) => !chosen || error.task.task === chosen).flatMap((error) => error.items);
  const names = new Set(inside.flatMap((item) => [item.gold, item.predicted]));
  names.delete("(missed)");
  names.delete("(spurious)");
  options("label", [["", "any label"], ...[...names].sort().map((name) => [name, name])]);
  const kinds = new Set(inside.map((item) => item.kind));
  options("kind", [["", "any kind"], ...Object.entries(NAMES).filter(([kind]) => kinds.has(kind))]);
}

function follow() {
  if (!location.hash.includes("=")) return false;
  const state = new URLSearchParams(location.hash.slice(1));
  field("task").value = state.get("task") || "";
  labels();
  for (const name of ["kind", "label", "search"]) field(name).value = state.get(name) || "";
  field("sort").value = state.get("sort") || "surest";
  pair = state.has("gold") ? [state.get("gold"), state.get("predicted")] : null;
  update();
  document.getElementById("errors").scrollIntoView({ behavior: "instant" });
  return true;
}

let started = false;
options("task", [["", "all tasks"], ...tasks.map(({ task }) => [task, task])]);
labels();
for (const name of controls) {
  field(name).addEventListener(name === "search" ? "input" : "change", () => {
    started = true;
    if (name !== "search" && name !== "sort") pair = null;
    if (name === "task") labels();
    update();
  });
}
more.addEventListener("click", showMore);
addEventListener("hashchange", follow);
if (!follow()) update();
started = true;
