"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const $ = (id) => document.getElementById(id);
const judged = [];
let shownAt = 0;

function picture(trial, name) {
  const crop = data.crops[trial.crop];
  return name === "original" ? crop.original : crop.views.find((view) => view.codec === name).image;
}
function show() {
  const number = judged.length;
  if (number === data.trials.length) { finish(); return; }
  const trial = data.trials[number];
  $("where").textContent = `Trial ${number + 1} of ${data.trials.length}`;
  $("a").src = picture(trial, trial.a);
  $("b").src = picture(trial, trial.b);
  $("x").src = picture(trial, "original");
  shownAt = performance.now();
}
function judge(answer) {
  if (judged.length >= data.trials.length) return;
  const seconds = (performance.now() - shownAt) / 1000;
  judged.push({ ...data.trials[judged.length], answer, seconds });
  show();
}
function wilson(share, count) {
  const z = 1.959964, middle = (share + z * z / (2 * count)) / (1 + z * z / count);
  const reach = z * Math.sqrt(share * (1 - share) / count + z * z / (4 * count * count)) / (1 + z * z / count);
  return [Math.max(0, middle - reach), Math.min(1, middle + reach)];
}
function summary() {
  const pairs = {};
  for (const trial of judged) {
    const other = trial.a === "pgic" ? trial.b : trial.a;
    const pair = (pairs[other] ??= { other, trials: 0, pgic: 0, same: 0, points: 0 });
    const nearer = trial.answer === "same" ? "same" : trial[trial.answer];
    pair.trials += 1;
    pair.pgic += nearer === "pgic";
    pair.same += nearer === "same";
    pair.points += nearer === "pgic" ? 1 : nearer === "same" ? 0.5 : 0;
  }
  return Object.values(pairs).sort((a, b) => a.other.localeCompare(b.other)).map((pair) => {
    const share = pair.points / pair.trials, [low, high] = wilson(share, pair.trials);
    return { ...pair, share, low, high };
  });
}
const percent = (value) => `${(100 * value).toFixed(0)} %`;
function finish() {
  $("trial").hidden = true;
  $("result").hidden = false;
  const table = document.createElement("table");
  const line = (cells, kind) => {
    const row = table.insertRow();
    for (const text of cells) {
      const cell = document.createElement(kind);
      cell.textContent = text;
      row.append(cell);
    }
  };
  line([".pgi against", "trials", ".pgi nearer", "no difference", "share", "95 % interval"], "th");
  for (const p of summary())
    line([p.other, p.trials, p.pgic, p.same, percent(p.share), `${percent(p.low)} to ${percent(p.high)}`], "td");
  $("summary").replaceChildren(table);
}
function csv() {
  const cell = (value) => (/[",\n]/.test(String(value)) ? `"${String(value).replaceAll('"', '""')}"` : String(value));
  const lines = [["seed", "trial", "picture", "x", "y", "a", "b", "answer", "seconds", "share", "low", "high"]];
  const pairs = Object.fromEntries(summary().map((pair) => [pair.other, pair]));
  judged.forEach((trial, index) => {
    const crop = data.crops[trial.crop], pair = pairs[trial.a === "pgic" ? trial.b : trial.a];
    lines.push([data.seed, index + 1, crop.picture, crop.window[0], crop.window[1], trial.a, trial.b, trial.answer,
      trial.seconds.toFixed(2), pair.share.toFixed(4), pair.low.toFixed(4), pair.high.toFixed(4)]);
  });
  return lines.map((line) => line.map(cell).join(",")).join("\n") + "\n";
}
for (const button of document.querySelectorAll("#answers button"))
  button.addEventListener("click", () => judge(button.dataset.answer));
document.addEventListener("keydown", (event) => {
  const answer = { 1: "a", 2: "same", 3: "b" }[event.key];
  if (answer) judge(answer);
});
$("save").addEventListener("click", () => {
  $("file").href = URL.createObjectURL(new Blob([csv()], { type: "text/csv" }));
  $("file").click();
});
show();
