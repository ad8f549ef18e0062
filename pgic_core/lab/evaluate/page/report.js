"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const $ = (id) => document.getElementById(id);
const COLOURS = {
  pgic: "#ea580c", "pgic fine": "#b91c1c", "pgic perceptual": "#db2777", jpeg: "#64748b", webp: "#0d9488",
  avif: "#2563eb", heic: "#9333ea", jxl: "#65a30d", jp2: "#a16207",
};
const SPARE = ["#0891b2", "#4f46e5", "#be185d", "#166534"];
const METRICS = {
  psnr: ["PSNR, dB", 1], ssim: ["SSIM", 1], ms_ssim: ["MS-SSIM", 1], ssim_product: ["MS-SSIM as B.1.3 writes it", 1],
  gmsd: ["GMSD", -1], st_lpips: ["ST-LPIPS", -1], psnr_roi: ["PSNR in regions of interest, dB", 1],
  psnr_background: ["PSNR of the background, dB", 1], worst_tile: ["SSIM of the worst tile", 1],
};
const hidden = new Set();

function element(name, text, attributes = {}) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}
function svg(name, attributes, text) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
}
function colour(codec) {
  if (!(codec in COLOURS)) COLOURS[codec] = SPARE[Object.keys(COLOURS).length % SPARE.length];
  return COLOURS[codec];
}
const isOwn = (codec) => codec.startsWith("pgic");
function number(value, digits = 4) {
  if (value === null || value === undefined) return "–";
  if (value === "Infinity") return "∞";
  if (typeof value !== "number") return String(value);
  if (Number.isInteger(value)) return value.toLocaleString("en");
  return Math.abs(value) >= 100 ? value.toFixed(1) : String(Number(value.toPrecision(digits)));
}
function fillSelect(select, options, chosen) {
  select.replaceChildren(...options.map(([value, text]) => element("option", text, { value })));
  if (chosen !== undefined) select.value = chosen;
}
function tableOf(head, rows, ownRow = () => false) {
  const table = element("table");
  const top = element("tr");
  const numeric = head.map((_, i) => rows.every((r) => r[i] === null || typeof r[i] === "number" || r[i] === "Infinity" || r[i].className?.startsWith("number")));
  head.forEach((text, i) => top.append(element("th", text, numeric[i] ? { class: "number" } : {})));
  const body = element("tbody");
  for (const row of rows) {
    const line = element("tr", undefined, ownRow(row) ? { class: "own" } : {});
    row.forEach((value, i) =>
      line.append(value instanceof Node ? value : element("td", number(value), numeric[i] ? { class: "number" } : {})));
    body.append(line);
  }
  const headPart = element("thead");
  headPart.append(top);
  table.append(headPart, body);
  return table;
}

function showFacts() {
  for (const [name, text] of Object.entries(data.facts)) {
    const pair = element("div");
    pair.append(element("dt", name), element("dd", text));
    $("facts").append(pair);
  }
  for (const { question, answer, detail } of data.cards) {
    const card = element("div", undefined, { class: "card" });
    card.append(element("h3", question), element("b", answer), element("p", detail));
    $("cards").append(card);
  }
}

function ticks(low, high, count) {
  const raw = (high - low) / count, power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((f) => f * power).find((s) => s >= raw);
  const found = [];
  for (let k = Math.ceil(low / step); k * step <= high + step / 1e6; k++) found.push(Number((k * step).toPrecision(12)));
  return found;
}
function drawChart() {
  const metric = $("metric").value, [label, better] = METRICS[metric];
  $("direction").textContent = better > 0 ? "Higher is better." : "Lower is better.";
  const points = data.curves.filter((p) => typeof p[metric] === "number" && !hidden.has(p.codec));
  const W = 720, H = 430, L = 62, R = 12, T = 12, B = 46;
  const chart = svg("svg", { viewBox: `0 0 ${W} ${H}`, role: "img", "aria-label": `${label} over bits per pixel` });
  $("chart").replaceChildren(chart);
  if (!points.length) return;
  const xs = points.map((p) => Math.log10(p.bpp)), ys = points.map((p) => p[metric]);
  const [x0, x1] = [Math.min(...xs) - 0.05, Math.max(...xs) + 0.05];
  const pad = (Math.max(...ys) - Math.min(...ys)) * 0.05 || 1;
  const [y0, y1] = [Math.min(...ys) - pad, Math.max(...ys) + pad];
  const x = (bpp) => L + ((Math.log10(bpp) - x0) / (x1 - x0)) * (W - L - R);
  const y = (value) => H - B - ((value - y0) / (y1 - y0)) * (H - T - B);
  for (const value of ticks(y0, y1, 7)) {
    chart.append(svg("line", { class: "grid", x1: L, x2: W - R, y1: y(value), y2: y(value) }));
    chart.append(svg("text", { x: L - 8, y: y(value) + 4, "text-anchor": "end" }, String(value)));
  }
  for (const bpp of [0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20].filter((b) => Math.log10(b) > x0 && Math.log10(b) < x1)) {
    chart.append(svg("line", { class: "grid", x1: x(bpp), x2: x(bpp), y1: T, y2: H - B }));
    chart.append(svg("text", { x: x(bpp), y: H - B + 18, "text-anchor": "middle" }, String(bpp)));
  }
  chart.append(svg("text", { x: (L + W - R) / 2, y: H - 8, "text-anchor": "middle" }, "bits per pixel (logarithmic)"));
  chart.append(svg("text", { x: 14, y: H / 2, "text-anchor": "middle", transform: `rotate(-90 14 ${H / 2})` }, label));
  const codecs = [...new Set(points.map((p) => p.codec))].sort((a, b) => isOwn(a) - isOwn(b));
  for (const codec of codecs) {
    const own = points.filter((p) => p.codec === codec).sort((a, b) => a.bpp - b.bpp);
    const path = own.map((p, i) => `${i ? "L" : "M"}${x(p.bpp).toFixed(1)} ${y(p[metric]).toFixed(1)}`).join("");
    chart.append(svg("path", { class: isOwn(codec) ? "curve own" : "curve", d: path, stroke: colour(codec) }));
    for (const p of own) {
      const dot = svg("circle", { cx: x(p.bpp), cy: y(p[metric]), r: isOwn(codec) ? 4.5 : 3, fill: colour(codec) });
      dot.append(svg("title", {}, `${codec}, quality ${p.quality}: ${number(p.bpp)} bits per pixel, ${number(p[metric])}`));
      chart.append(dot);
    }
  }
}
function showCurves() {
  const known = Object.keys(METRICS).filter((m) => data.curves.some((p) => typeof p[m] === "number"));
  fillSelect($("metric"), known.map((m) => [m, METRICS[m][0]]));
  $("metric").addEventListener("change", drawChart);
  const legend = element("div", undefined, { class: "legend" });
  for (const codec of [...new Set(data.curves.map((p) => p.codec))].sort((a, b) => isOwn(b) - isOwn(a) || a.localeCompare(b))) {
    const button = element("button", undefined, { "aria-pressed": "true", title: `show or hide ${codec}` });
    const line = element("i");
    line.style.background = colour(codec);
    button.append(line, codec);
    button.addEventListener("click", () => {
      if (!hidden.delete(codec)) hidden.add(codec);
      button.setAttribute("aria-pressed", String(!hidden.has(codec)));
      drawChart();
    });
    legend.append(button);
  }
  $("chart").parentElement.before(legend);
  drawChart();
  if (!data.bdRates.length) return;
  const anchors = [...new Set(data.bdRates.flatMap((r) => Object.keys(r.against)))].sort();
  $("bd").append(
    element("p", "BD-rate: bytes at the same PSNR, per cent. Below zero, .pgi needs fewer."),
    tableOf(["against", ...data.bdRates.map((r) => r.codec)],
      anchors.map((a) => [a, ...data.bdRates.map((r) => r.against[a] ?? null).map((v) => (v === null ? null : Number(v.toFixed(1))))])));
}

const RANKED = 15;
function showRanking() {
  const all = data.ranking;
  if (!all.length) { $("ranking-section").hidden = true; return; }
  const fixed = (value, digits) => element("td", typeof value === "number" ? value.toFixed(digits) : "–", { class: "number" });
  const gap = (value) => {
    if (typeof value !== "number") return fixed(value);
    const text = `${value > 0 ? "+" : "−"}${Math.abs(value).toFixed(1)}`;
    return element("td", text, { class: value > 0 ? "number bad" : "number" });
  };
  $("ranking-how").textContent = `How many dB .pgi falls short: behind the best other codec in as many bits at quality ${all[0].quality}, ` +
    `or below ${data.excellent} dB, which the standard calls excellent, in the shares of a JPEG that it asks for. ` +
    "The larger of both ranks. Busy pictures take more than twice the bits of the median picture, smooth ones less than half.";
  $("groups").append(tableOf(
    ["pictures", "how many", "bits per pixel", "PSNR, dB", "behind the best other, dB", "pictures behind", `below ${data.excellent} dB by`, "pictures below"],
    data.groups.map((g) => [g.group, g.pictures, fixed(g.bpp, 2), fixed(g.psnr, 1), gap(g.behind), g.pictures_behind, gap(g.short), g.pictures_short])));
  const show = (count) => {
    $("ranking").replaceChildren(tableOf(
      ["", "picture", "kind", "MP", "bits per pixel", "PSNR, dB", "SSIM of worst tile", "best other", "behind it, dB",
        ...data.shares.map(([, text]) => `${text}, dB`), `below ${data.excellent} dB by`],
      all.slice(0, count).map((r, i) => [i + 1, r.picture, r.kind, fixed(r.megapixels, 1), fixed(r.bpp, 2), fixed(r.psnr, 1),
        fixed(r.worst_tile, 2), r.peer || "–", gap(r.behind), ...data.shares.map(([key]) => fixed(r[key], 1)), gap(r.short)])));
    $("ranking-more").hidden = count >= all.length;
    $("ranking-more").textContent = `Show all ${all.length}`;
  };
  $("ranking-more").addEventListener("click", () => show(all.length));
  show(RANKED);
}

function showCrops() {
  if (!data.crops.length) { $("side").hidden = true; return; }
  fillSelect($("crop"), data.crops.map((c, i) => [String(i), `${i + 1}. ${c.picture}`]));
  const names = data.crops[0].views.map((v) => v.codec);
  const choices = [["original", "original"], ...names.map((n) => [n, n])];
  fillSelect($("left"), choices, "original");
  fillSelect($("right"), choices, "pgic");
  const describe = (crop, name) => {
    if (name === "original") return "original";
    const v = crop.views.find((view) => view.codec === name);
    return `${name} at quality ${v.quality}: ${v.bytes.toLocaleString("en")} bytes, ${number(v.psnr)} dB, ${number(v.crop_psnr)} dB in this crop`;
  };
  const picture = (crop, name) => (name === "original" ? crop.original : crop.views.find((v) => v.codec === name).image);
  const change = () => {
    const crop = data.crops[Number($("crop").value)], left = $("left").value, right = $("right").value;
    $("over").src = picture(crop, left);
    $("under").src = picture(crop, right);
    $("over").alt = `${left}, ${crop.picture}`;
    $("under").alt = `${right}, ${crop.picture}`;
    const [x, y, width, height] = crop.window;
    $("said").textContent = `Left: ${describe(crop, left)}. Right: ${describe(crop, right)}. ` +
      `${width} x ${height} pixels at ${x}, ${y}.`;
  };
  const slide = () => {
    const share = $("slider").value;
    $("over").style.clipPath = `inset(0 ${100 - share}% 0 0)`;
    $("handle").style.left = `${share}%`;
  };
  for (const id of ["crop", "left", "right"]) $(id).addEventListener("change", change);
  $("slider").addEventListener("input", slide);
  $("viewer").addEventListener("pointermove", (event) => {
    if (event.pointerType === "mouse" && !event.buttons) return;
    const box = $("viewer").getBoundingClientRect();
    $("slider").value = String(((event.clientX - box.left) / box.width) * 100);
    slide();
  });
  change();
  slide();
}

function showSpeed() {
  if (!data.speed.length) { $("costs").hidden = true; return; }
  $("costs-how").textContent = "One picture, fresh processes one after the other, all threads. Warm is a call in a process " +
    "that has made one before; cold counts from the start of the process. Memory is the peak of the process, interpreter included. " +
    "Preview and window are what the others have to decode everything for.";
  const most = Math.max(...data.speed.map((r) => r.warm)), memory = Math.max(...data.speed.map((r) => r.peak));
  const cell = (text, share) => {
    const made = element("td", undefined, { class: "number" });
    const bar = element("span", undefined, { class: "bar" });
    bar.style.width = `${Math.max(1, share * 70)}px`;
    made.append(text, bar);
    return made;
  };
  const order = (row) => ({ encode: 0, decode: 1 })[row.operation] ?? 2;
  const rows = [...data.speed].sort((a, b) => order(a) - order(b) || a.warm - b.warm);
  $("speed").append(tableOf(
    ["operation", "codec", "quality", "MP/s", "warm, s", "cold, s", "processor, s", "memory, MB", "speed over AVIF"],
    rows.map((r) => [r.operation, r.codec, r.quality, r.megapixels_per_second, cell(number(r.warm, 3), r.warm / most),
      Number(r.cold.toFixed(2)), Number(r.cpu.toFixed(3)), cell(number(Math.round(r.peak / 1e6)), r.peak / memory),
      r.ratio === null ? null : Number(r.ratio.toFixed(2))]),
    (row) => isOwn(row[1])));
}

function showClauses() {
  $("clauses").append(tableOf(["demand", "asked", "measured", "verdict", "how"],
    data.clauses.map((c) => [c.id, c.asked, c.measured || "–",
      element("td", c.verdict, { class: `verdict ${c.verdict.replace(" ", "-")}` }), c.how])));
  if (data.exact.length) {
    $("exact").append(tableOf(["picture", "kind", "codec", "bytes", "bits per pixel", "exact", "input / file"],
      data.exact.map((r) => [r.picture, r.kind, r.codec, r.bytes, r.bpp, r.exact ? "yes" : "no", r.ratio]),
      (row) => isOwn(row[2])));
  } else $("exact-section").hidden = true;
}

function showRecognition() {
  if (!data.recognition.length) { $("recognition-section").hidden = true; return; }
  const percent = (v) => (v === null ? null : Number(v.toFixed(2)));
  $("recognition").append(tableOf(
    ["recogniser", "size", "codec", "pictures", "bytes of the JPEG", "on originals", "on decoded", "lost, %", "from, %", "to, %"],
    data.recognition.map((r) => [r.recogniser, r.size, r.codec, r.pictures, r.share, r.original, r.decoded,
      percent(r.lost), percent(r.low), percent(r.high)]),
    (row) => isOwn(row[2])));
}

function showTable() {
  const columns = data.columns, rows = data.rows;
  let by = columns.indexOf("worst_tile"), descending = false;
  const value = (v) => (v === null ? null : v === "Infinity" ? Infinity : v);
  const head = element("tr");
  columns.forEach((name, i) => {
    const cell = element("th", name.replaceAll("_", " "), { scope: "col", tabindex: "0" });
    const sort = () => { descending = by === i ? !descending : false; by = i; show(); };
    cell.addEventListener("click", sort);
    cell.addEventListener("keydown", (event) => { if (event.key === "Enter") sort(); });
    head.append(cell);
  });
  $("table").tHead.append(head);
  const codec = columns.indexOf("codec");
  fillSelect($("codec"), [["", "all"], ...[...new Set(rows.map((r) => r[codec]))].sort().map((n) => [n, n])], "");
  const show = () => {
    const words = $("filter").value.toLowerCase().split(/\s+/).filter(Boolean), wanted = $("codec").value;
    const kept = rows.filter((r) => (!wanted || r[codec] === wanted) &&
      words.every((w) => `${r[0]} ${r[1]} ${r[codec]}`.toLowerCase().includes(w)));
    kept.sort((a, b) => {
      const [first, second] = [value(a[by]), value(b[by])];
      if (first === null || second === null) return (first === null) - (second === null);
      const order = typeof first === "string" ? first.localeCompare(second) : first - second;
      return descending ? -order : order;
    });
    [...head.children].forEach((cell, i) => cell.setAttribute("aria-sort", i !== by ? "none" : descending ? "descending" : "ascending"));
    $("count").textContent = `${kept.length} of ${rows.length}`;
    $("table").tBodies[0].replaceChildren(...kept.map((row) => {
      const line = element("tr", undefined, isOwn(row[codec]) ? { class: "own" } : {});
      row.forEach((v) => line.append(element("td", number(v), typeof v === "string" && v !== "Infinity" ? {} : { class: "number" })));
      return line;
    }));
  };
  $("filter").addEventListener("input", show);
  $("codec").addEventListener("change", show);
  show();
}

function showMissing() {
  const lines = [...Object.entries(data.missing), ...data.failures].map(([name, reason]) => element("li", `${name}: ${reason}`));
  if (lines.length) $("missing").append(...lines);
  else $("left-out").hidden = true;
}

showFacts();
showCurves();
showRanking();
showCrops();
showSpeed();
showClauses();
showRecognition();
showTable();
showMissing();
