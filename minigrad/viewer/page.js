"use strict";
// Every text on the page is set with textContent, so a name is never taken for markup.
const D = JSON.parse(document.getElementById("data").textContent);
const $ = id => document.getElementById(id);
let now = 0;

// --- Elements ---

function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (key === "onclick") node.addEventListener("click", value);
    else if (key === "class") node.className = value;
    else node.setAttribute(key, value === true ? "" : value);
  }
  node.append(...children.flat().filter(child => child !== null && child !== undefined && child !== ""));
  return node;
}

function svg(tag, attributes = {}, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [key, value] of Object.entries(attributes)) {
    if (key === "onclick") node.addEventListener("click", value);
    else if (value !== undefined) node.setAttribute(key, value);
  }
  node.append(...children);
  return node;
}

const shape = s => s && s.length ? s.join(" × ") : "scalar";
const path = call => D.calls[call].path || (call ? D.model : "");
const opName = k => D.operations[k].name;

function opPlace(k) {
  const op = D.operations[k];
  return op.call ? (path(op.call) === D.model ? "" : path(op.call)) : "";
}

const opTitle = k => (opPlace(k) ? `${opPlace(k)} · ` : "") + opName(k);

// --- Steps ---

const stepOfOperation = new Map(), stepOfBackward = new Map(), firstOfPhase = [null, null, null, null], countOfPhase = [0, 0, 0, 0];
D.steps.forEach(([phase, k], i) => {
  if (phase < 2) stepOfOperation.set(k, i);
  if (phase === 2) stepOfBackward.set(D.backward[k].operation, i);
  if (firstOfPhase[phase] === null) firstOfPhase[phase] = i;
  countOfPhase[phase]++;
});

function operationOf(i) {
  const [phase, k] = D.steps[i];
  return phase < 2 ? k : phase === 2 ? D.backward[k].operation : usedIn.get(D.parameters[k].name) ?? null;
}

const usedIn = new Map();  // from a parameter to the first operation that it goes into
D.operations.forEach((op, k) => (op.inputs || []).forEach(x => { if (x.name && !usedIn.has(x.name)) usedIn.set(x.name, k); }));

/** The step of an operation in the direction that is being walked. */
function stepOf(operation) {
  const back = D.steps[now][0] >= 2 ? stepOfBackward.get(operation) : undefined;
  return back !== undefined ? back : stepOfOperation.get(operation);
}

function go(i, focus) {
  now = Math.max(0, Math.min(D.steps.length - 1, i));
  show();
  if (focus) $("step").focus({preventScroll: true});
}

// --- Numbers ---

/** The class of a cell: p1 … p8 for a positive number, n1 … n8 for a negative one, by its share of the largest. */
function shade(text, largest) {
  const value = Number(text), most = Number(largest) || 1;
  if (!Number.isFinite(value) || value === 0) return "";
  return (value > 0 ? "p" : "n") + Math.max(1, Math.ceil(8 * Math.sqrt(Math.min(1, Math.abs(value) / most))));
}

function table(sample, label) {
  const texts = sample.text ? sample.text.split(" ") : [];
  if (!texts.length) return el("p", {class: "note"}, "no elements");
  const columns = texts.length / sample.rows, [top, left] = sample.corner;
  const [y, x, h, w] = sample.mark || [-1, -1, 0, 0];
  const rank = sample.shape ? sample.shape.length : 0;
  const body = el("tbody");
  if (rank > 0) body.append(el("tr", {"aria-hidden": "true"}, el("th"), ...Array.from({length: columns}, (_, c) => el("th", {}, String(left + c)))));
  for (let r = 0; r < sample.rows; r++) {
    const row = el("tr");
    if (rank > 0) row.append(el("th", {"aria-hidden": "true"}, rank > 1 ? String(top + r) : ""));
    for (let c = 0; c < columns; c++) {
      const text = texts[r * columns + c];
      const inside = rank > 0 && top + r >= y && top + r < y + h && left + c >= x && left + c < x + w;
const cell = document.createElement("td");
      cell.textContent = text;
      cell.className = shade(text, sample.largest) + (inside ? " mark" : "");
      row.append(cell);
    }
    body.append(row);
  }
  return el("div", {class: "scroll"}, el("table", {class: "numbers", "aria-label": `Numbers of ${label}`}, body), caption(sample, columns));
}

function caption(sample, columns) {
  const full = sample.shape || [], total = full.reduce((a, b) => a * b, 1), parts = [];
  if (full.length > 2) parts.push(`[${sample.at.slice(0, -2).join(", ")}, :, :]`);
  if (total > sample.rows * columns) parts.push(`${(sample.rows * columns).toLocaleString("en")} of ${total.toLocaleString("en")} numbers`);
  return parts.length ? el("p", {class: "caption"}, parts.join(", ")) : null;
}

const scheme = matchMedia("(prefers-color-scheme: dark)");
let palette = colours();

function colours() {
  return scheme.matches
    ? {zero: [32, 35, 39], plus: [235, 130, 75], minus: [95, 155, 230], mark: "#f2efe9"}
    : {zero: [255, 255, 255], plus: [190, 75, 25], minus: [30, 85, 160], mark: "#23211e"};
}

function canvasOf(image, side, label, mark, step) {
  const canvas = el("canvas", {width: image.width, height: image.height, role: "img", "aria-label": label});
  const scale = side / Math.max(image.width, image.height);
  canvas.style.width = `${Math.round(image.width * scale)}px`;
  const context = canvas.getContext("2d"), bytes = atob(image.pixels), data = context.createImageData(image.width, image.height);
  const {zero, plus, minus} = palette;
  for (let i = 0; i < image.width * image.height; i++) {
    for (let c = 0; c < 3; c++) {
      if (image.colour) { data.data[4 * i + c] = bytes.charCodeAt(3 * i + c); continue; }
      const v = (bytes.charCodeAt(i) - 128) / 127, end = v > 0 ? plus : minus;
      data.data[4 * i + c] = zero[c] + (end[c] - zero[c]) * Math.min(1, Math.abs(v));
    }
    data.data[4 * i + 3] = 255;
  }
  context.putImageData(data, 0, 0);
  if (!mark) return canvas;
  const [y, x, h, w] = mark.map(v => v / step * scale), frame = el("span", {class: "frame"});
  frame.style.cssText = `left: ${x}px; top: ${y}px; width: ${Math.max(4, w)}px; height: ${Math.max(4, h)}px`;
  return el("div", {class: "framed"}, canvas, frame);
}

function images(sample, label, colour) {
  const found = [];
  const rows = sample.shape ? sample.shape[sample.shape.length - 2] : 1;
  if (colour) found.push(el("figure", {}, canvasOf(colour, 150, `${label} as an image`), el("figcaption", {}, "image 0")));
  if (sample.image) {
    const step = Math.max(1, Math.ceil(Math.max(rows, sample.shape[sample.shape.length - 1]) / 40));
    const plane = sample.shape.length > 2 ? `[${sample.at.slice(0, -2).join(", ")}]` : "all of it";
    found.push(el("figure", {}, canvasOf(sample.image, 130, `${label}, ${plane}, as an image`, sample.mark, step), el("figcaption", {}, plane)));
  }
  for (const [k, map] of (sample.maps || []).entries()) {
    found.push(el("figure", {}, canvasOf(map, 56, `${label}, channel ${k}, as an image`), el("figcaption", {}, `channel ${k}`)));
  }
  return found.length ? el("div", {class: "images"}, found) : null;
}

function origin(entry) {
  if (entry.maker !== undefined) {
    const through = (entry.through || []).length ? `, through ${entry.through.join(", ")}` : "";
    return [el("button", {type: "button", onclick: () => go(stepOf(entry.maker), true)}, opTitle(entry.maker)), through];
  }
  return [entry.name || "a constant"];
}

function card(label, sample, from, colour) {
  if (!sample) return el("div", {class: "card"}, el("h4", {}, label), el("p", {class: "from"}, "no gradient arrived"));
  return el("div", {class: "card"}, el("h4", {}, label),
    el("p", {class: "from"}, `${shape(sample.shape)} · ${sample.dtype}`, from ? " · " : "", ...(from || [])),
    table(sample, label), images(sample, label, colour));
}

// --- One element in numbers ---

function worked(element) {
  if (!element) return null;
  const body = el("tbody"), row = (kind, ...cells) => body.append(el("tr", {class: kind}, ...cells.map(text => el("td", {}, text))));
  for (const [symbol, value] of element.known || []) row("soft", symbol, "", value);
  for (const term of element.terms || []) row("", term.symbols, term.numbers || "", term.value);
  if (element.rest) row("soft", `+ ${element.rest[0].toLocaleString("en")} other ${element.rest[0] === 1 ? "term" : "terms"}`, "", element.rest[1]);
  if (body.childElementCount) row("sum", element.name, "", element.value);
  return el("div", {class: "worked"},
    el("p", {class: "head"}, el("b", {}, element.name), element.formula ? ` = ${bare(element)}` : "", body.childElementCount ? "" : ` = ${element.value}`),
    body.childElementCount ? el("table", {}, body) : null);
}

const bare = element => element.formula.replace(/^∂\S+\/∂\S+\s*=\s*/, "");

// --- The phases ---

function formula(source, backward) {
  if (!source || !(source.formula || source.derivative)) return null;
  return el("p", {class: "formula"}, el("span", {class: backward ? "" : "now"}, source.formula || ""),
    source.derivative ? [source.formula ? "\n" : "", el("span", {class: backward ? "now" : ""}, source.derivative)] : []);
}

/** The source and the docstring, built when they are opened. */
function code(source, methods) {
  const shown = (source.code || []).filter(each => methods.includes(each.method));
  const more = [source.more, D.abouts[source.about]].filter(text => text);
  const parts = [...(more.length ? ["derivation"] : []), ...shown.map(each => each.method)];
  if (!parts.length) return null;
  const summary = [...(more.length ? ["Derivation"] : []), ...(shown.length ? [`source of ${shown.map(each => each.method).join(" and ")}`] : [])].join(", and ");
  const details = el("details", {class: "more"}, el("summary", {}, summary[0].toUpperCase() + summary.slice(1)));
  details.addEventListener("toggle", () => {
    if (details.childElementCount > 1) return;
    details.append(...more.map(text => el("pre", {tabindex: "0", "aria-label": "Docstring"}, text)), ...shown.flatMap(listing));
  });
  return details;
}

function listing(each) {
  const lines = each.text.split("\n").flatMap((line, k) => [el("span", {class: "no"}, String(each.line + k)), line, "\n"]);
  return [el("p", {class: "soft mono"}, `${each.file}, line ${each.line}`), el("pre", {tabindex: "0", "aria-label": `Source of ${each.method}`}, el("code", {}, lines))];
}

function forward(k) {
  const op = D.operations[k], source = D.sources[op.source];
  return [
    formula(source, false), code(source, ["forward"]),
    el("h3", {}, "One element, worked out"), worked(op.element) || el("p", {class: "note"}, "Not known for this operation."),
    el("h3", {}, "What goes in"), el("div", {class: "cards"}, (op.inputs || []).map(x => card(x.label, x.sample, origin(x), x.image))),
    el("h3", {}, "What comes out"), el("div", {class: "cards"}, (op.outputs || []).map((y, i) => card(i ? `output ${i}` : "y", y, i ? null : usedBy(k)))),
  ];
}

function usedBy(k) {
  const users = D.users[k];
  if (!users.length) return null;
  return ["to ", ...users.flatMap((user, i) => [i ? ", " : "", el("button", {type: "button", onclick: () => go(stepOfOperation.get(user), true)}, opTitle(user))])];
}

function backward(k) {
  const step = D.backward[k], op = D.operations[step.operation], source = D.sources[op.source];
  const parts = (step.parts || []).flatMap((each, i) => each && each.length > 1 ? [el("p", {class: "formula"}, added(op, i, each))] : []);
  const start = k === 0 ? [el("p", {class: "note"}, "The sweep starts here, with ∂L/∂L = 1.")] : [];
  return [
    formula(source, true), code(source, ["backward", "fused_backward"]), ...start,
    ...(parts.length ? [el("h3", {}, "Gradients that were added up before this turn came"), ...parts] : []),
    el("h3", {}, "Sums of gradients that are waiting"), waiting(step.waiting || []),
    el("h3", {}, "One element of each gradient, worked out"), ...(step.results || []).map(r => worked(r.element)),
    el("h3", {}, "What arrives"), el("div", {class: "cards"}, (step.arriving || []).filter(g => g).map((g, i) => card(i ? `∂L/∂output ${i}` : "∂L/∂y", g))),
    el("h3", {}, "What is passed on"), el("div", {class: "cards"}, (step.results || []).map(r => card(`∂L/∂${r.label}`, r.sample, ["to ", ...origin(r)]))),
  ];
}

function added(op, output, parts) {
  const at = op.outputs[output] ? op.outputs[output].at : [];
  return `∂L/∂y${at && at.length ? `[${at.join(", ")}]` : ""} = ${parts.join(" + ").replace(/\+ -/g, "− ")}`;
}

function waiting(entries) {
  if (!entries.length) return el("p", {class: "note"}, "None: every gradient has reached its parameter.");
  const newest = Math.max(...entries.map(e => e.maker !== undefined && e.arrived >= e.expected ? e.maker : -1));
  const rows = entries.slice().sort((a, b) => (b.maker ?? -1) - (a.maker ?? -1)).map(e => {
    const complete = e.arrived >= e.expected, next = complete && e.maker === newest;
    const label = e.maker !== undefined ? el("button", {type: "button", onclick: () => go(stepOf(e.maker), true)}, opTitle(e.maker)) : e.name;
    const dots = "●".repeat(e.arrived) + "○".repeat(e.expected - e.arrived);
    const sum = e.parts.length > 1 ? `${e.parts.join(" + ").replace(/\+ -/g, "− ")} = ${e.total}` : e.total;
    return el("tr", {}, el("td", {}, label, next ? el("span", {class: "soft"}, " · next") : ""),
      el("td", {}, el("span", {class: "dots", "aria-hidden": "true"}, dots), el("span", {class: "soft"}, ` ${e.arrived} of ${e.expected}`)),
      el("td", {class: "sum"}, `${e.element || ""} ${sum}`, complete ? "" : " + …"));
  });
  return el("div", {class: "card"}, el("table", {class: "waiting"},
    el("thead", {}, el("tr", {}, el("th", {scope: "col"}, "Output of"), el("th", {scope: "col"}, "Arrived"), el("th", {scope: "col"}, "One element of the sum"))), el("tbody", {}, rows)),
    el("p", {class: "note"}, "An operation runs backward only when every gradient of its output has arrived, so the youngest complete one is next."));
}

function optimization(k) {
  const p = D.parameters[k], numbers = Object.entries(p.numbers || {}), states = Object.keys(p.state || {});
  const cards = [card("before", p.before), card("gradient", p.gradient)];
  for (const name of states) {
    if (p.state_before && p.state_before[name]) cards.push(card(`${name}, before`, p.state_before[name]));
    cards.push(card(`${name}, after`, p.state[name]));
  }
  if (p.after) cards.push(card("after", p.after));
  const intro = p.after ? [] : [el("p", {class: "note"}, "No optimizer took a step inside the block, so nothing moved.")];
  return [
    ...intro, formula(D.rule, false), D.rule ? code(D.rule, ["step"]) : null,
    numbers.length ? el("p", {class: "note mono"}, numbers.map(([n, v]) => `${n} = ${v}`).join(", ")) : null,
    p.after ? [el("h3", {}, "One element, worked out"), moved(p)] : [],
    el("h3", {}, p.after ? "The parameter before, its gradient, what the optimizer keeps, and after" : "The parameter and its gradient"), el("div", {class: "cards"}, cards),
  ];
}

function numberAt(sample) {
  const texts = sample.text.split(" "), columns = texts.length / sample.rows, [top, left] = sample.corner, at = [0, 0, ...sample.at].slice(-2);
  return texts[(at[0] - top) * columns + at[1] - left];
}

function moved(p) {
  const at = p.before.at && p.before.at.length ? `[${p.before.at.join(", ")}]` : "";
  const known = [["p before", numberAt(p.before)], ["g", numberAt(p.gradient)]];
  for (const [name, sample] of Object.entries(p.state || {})) if (String(sample.shape) === String(p.before.shape)) {
    known.push([name, (p.state_before && p.state_before[name] ? `${numberAt(p.state_before[name])} → ` : "") + numberAt(sample)]);
  }
  return worked({name: `${p.name}${at}`, formula: "", known, value: numberAt(p.after)});
}

// --- The graph of a scope ---

const BOX = {width: 118, height: 30, column: 146, row: 46, pad: 22};

/** The innermost module around a call with at least three parts; if there is none, the one with most. */
function scopeOf(call) {
  let best = null;
  for (let c = call; c !== undefined && c !== null; c = D.calls[c].parent) {
    const size = D.scopes[c] ? D.scopes[c].boxes.length : 0;
    if (size >= 3) return c;
    if (size && (best === null || size > D.scopes[best].boxes.length)) best = c;
  }
  return best;
}

const boxOf = new Map();
for (const [scope, drawing] of Object.entries(D.scopes)) {
  const boxes = new Map();
  drawing.boxes.forEach(([kind, number], b) => (kind === "call" ? inside(number) : [number]).forEach(op => boxes.set(op, b)));
  boxOf.set(Number(scope), boxes);
}

function inside(call) {
  return (D.calls[call].items || []).flatMap(([kind, number]) => kind === "call" ? inside(number) : [number]);
}

let drawn = null, chosen = null;

function graph() {
  const operation = operationOf(now), section = $("graph");
  if (operation === null || !Object.keys(D.scopes).length) { section.hidden = true; return; }
  section.hidden = false;
  const own = scopeOf(D.operations[operation].call);
  if (own === null) { section.hidden = true; return; }
  const scope = chosen !== null && boxOf.get(chosen) && boxOf.get(chosen).has(operation) ? chosen : own;
  if (drawn !== scope) { draw(section, scope); drawn = scope; }
  paint(section, scope, operation);
}

function chain(call) {
  const calls = [];
  for (let c = call; c !== undefined && c !== null; c = D.calls[c].parent) calls.unshift(c);
  return calls;
}

const callName = c => c === 0 ? "step" : D.calls[c].name || D.model;

function draw(section, scope) {
  const drawing = D.scopes[scope], width = drawing.rows * BOX.column - (BOX.column - BOX.width) + 2 * BOX.pad, height = drawing.columns * BOX.row + 2 * BOX.pad;
  const x = row => BOX.pad + BOX.width / 2 + row * BOX.column, y = column => height / 2 + column * BOX.row;
  const arrows = drawing.arrows.map(points => {
    const first = points[0], last = points[points.length - 1], half = BOX.width / 2;
    let d = `M${x(first[0]) + half} ${y(first[1])}`;
    for (let i = 1; i < points.length; i++) {
      const [r, c] = points[i], end = i === points.length - 1, from = x(points[i - 1][0]) + half, to = x(r) - half;
      d += ` C${(from + to) / 2} ${y(points[i - 1][1])} ${(from + to) / 2} ${y(c)} ${to - (end ? 3 : 0)} ${y(c)}`;
      if (!end) d += ` L${x(r) + half} ${y(c)}`;
    }
    return svg("path", {d, "marker-end": "url(#tip)"});
  });
  const boxes = drawing.boxes.map(([kind, number, row, column]) => {
    const name = kind === "call" ? callName(number) : opName(number), first = kind === "call" ? inside(number)[0] : number;
    const open = () => { chosen = null; go(stepOf(first), false); };
    const text = name.length > 18 ? `${name.slice(0, 17)}…` : name;
    return svg("g", {class: `box ${kind}`, onclick: open},
      svg("title", {}, kind === "call" ? `${name}: ${D.calls[number].kind}` : name),
      svg("rect", {x: x(row) - BOX.width / 2, y: y(column) - BOX.height / 2, width: BOX.width, height: BOX.height, rx: 7}),
      svg("text", {x: x(row), y: y(column)}, text), svg("text", {class: "badge", x: x(row), y: y(column) - BOX.height / 2 - 7}));
  });
  const tip = svg("marker", {id: "tip", viewBox: "0 0 6 6", refX: 5, refY: 3, markerWidth: 6, markerHeight: 6, orient: "auto"}, svg("path", {d: "M0 0 L6 3 L0 6 z", style: "fill: var(--soft); stroke: none"}));
  const crumbs = el("div", {class: "crumbs"}, chain(scope).flatMap((c, i) => [i ? "›" : "", D.scopes[c] && c !== scope ? el("button", {type: "button", onclick: () => { chosen = c; show(); }}, callName(c)) : el("span", {}, callName(c) + (c === scope && D.calls[c].kind && D.calls[c].kind !== callName(c) ? ` · ${D.calls[c].kind}` : ""))]));
  const whole = svg("svg", {width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `Graph of ${callName(scope)}: ${drawing.boxes.length} parts`}, svg("defs", {}, tip), ...arrows, ...boxes);
  section.replaceChildren(crumbs, el("div", {class: "scroll", tabindex: "0", "aria-label": "Graph; scroll sideways"}, whole));
}

function paint(section, scope, operation) {
  const boxes = boxOf.get(scope), on = boxes.get(operation), [phase, k] = D.steps[now], groups = section.querySelectorAll("g.box");
  const badges = new Map();
  if (phase === 2) for (const e of D.backward[k].waiting || []) {
    const b = e.maker === undefined ? undefined : boxes.get(e.maker);
    if (b !== undefined && b !== on) badges.set(b, `Σ ${e.arrived} of ${e.expected}`);
  }
  const done = new Set(), total = new Map();
  for (const [op, b] of boxes) total.set(b, (total.get(b) || 0) + 1);
  const passed = new Map();
  for (const [op, b] of boxes) {
    const at = phase === 2 ? stepOfBackward.get(op) : phase < 2 ? stepOfOperation.get(op) : undefined;
    if (at !== undefined && at < now) passed.set(b, (passed.get(b) || 0) + 1);
  }
  for (const [b, count] of passed) if (count === total.get(b)) done.add(b);
  groups.forEach((group, b) => {
    group.classList.toggle("on", b === on);
    group.classList.toggle("done", done.has(b) && b !== on);
    group.classList.toggle("waiting", badges.has(b));
    group.querySelector(".badge").textContent = badges.get(b) || "";
  });
  const box = groups[on], holder = section.querySelector(".scroll");
  if (box) {
    const rect = box.querySelector("rect"), middle = Number(rect.getAttribute("x")) + BOX.width / 2;
    holder.scrollLeft = middle - holder.clientWidth / 2;
  }
}

// --- The tree ---

const treeButton = new Map();

function branch(entry) {
  if (entry.op !== undefined) {
    const kind = entry.kind && entry.kind !== opName(entry.op) ? `${entry.kind}, ${opName(entry.op)}` : opName(entry.op);
    const label = entry.name ? [entry.name, el("span", {class: "soft"}, ` ${kind}`)] : kind;
    const button = el("button", {type: "button", class: entry.name ? "" : "op", title: opTitle(entry.op), onclick: () => go(stepOf(entry.op), false)}, label);
    treeButton.set(entry.op, button);
    return el("li", {}, button);
  }
  const call = entry.call !== undefined ? D.calls[entry.call] : null;
  const label = call ? [callName(entry.call), call.kind === callName(entry.call) ? "" : el("span", {class: "soft"}, ` ${call.kind}`)] : [entry.repeat];
  const list = el("ul", {hidden: true});
  const button = el("button", {type: "button", "aria-expanded": "false", title: call ? `${call.path || D.model}: ${call.kind}(${call.options || ""})` : entry.repeat}, label);
  const node = {button, list, filled: false};
  node.open = opened => {
    if (opened && !node.filled) { node.filled = true; list.append(...entry.in.map(branch)); }
    list.hidden = !opened;
    button.setAttribute("aria-expanded", String(opened));
  };
  button.addEventListener("click", () => node.open(list.hidden));
  return el("li", {}, button, list);
}

/** Open the branches above an operation. */
function reveal(operation) {
  let entries = D.tree, list = $("tree").firstElementChild;
  for (;;) {
    const k = entries.findIndex(each => holds(each, operation));
    if (k < 0 || entries[k].op !== undefined) return;
    const item = list.children[k], button = item.firstElementChild;
    if (button.getAttribute("aria-expanded") === "false") button.click();
    entries = entries[k].in;
    list = item.lastElementChild;
  }
}

const held = new Map();
function holds(entry, operation) {
  if (entry.op !== undefined) return entry.op === operation;
  if (!held.has(entry)) {
    const ops = new Set(), visit = each => each.op !== undefined ? ops.add(each.op) : each.in.forEach(visit);
    visit(entry);
    held.set(entry, ops);
  }
  return held.get(entry).has(operation);
}

function tree() {
  const nav = $("tree"), operation = operationOf(now);
  nav.querySelectorAll("[aria-current]").forEach(button => button.removeAttribute("aria-current"));
  nav.querySelectorAll(".inside").forEach(button => button.classList.remove("inside"));
  if (operation === null) return;
  reveal(operation);
  const button = treeButton.get(operation);
  if (!button) return;
  button.setAttribute("aria-current", "step");
  for (let list = button.closest("ul"); list && list.parentElement.tagName === "LI"; list = list.parentElement.closest("ul")) list.previousElementSibling.classList.add("inside");
  if (!nav.clientHeight) return;
  const top = button.offsetTop - nav.offsetTop;
  if (top < nav.scrollTop + 20 || top > nav.scrollTop + nav.clientHeight - 60) nav.scrollTop = top - nav.clientHeight / 2;
}

// --- The page ---

function phases() {
  const phase = D.steps[now][0];
  D.phases.forEach((name, i) => {
    const button = $("phases").children[i], first = firstOfPhase[i];
    const share = first === null ? 0 : Math.max(0, Math.min(1, (now - first + 1) / countOfPhase[i]));
    button.querySelector("i").style.width = `${100 * share}%`;
    if (i === phase) button.setAttribute("aria-current", "step"); else button.removeAttribute("aria-current");
  });
}

function show() {
  const [phase, k] = D.steps[now], step = $("step");
  let title, lead, content;
  if (phase < 3) {
    const operation = operationOf(now), op = D.operations[operation];
    title = opName(operation) + (phase === 2 ? ", backward" : "");
    const calls = chain(op.call).filter(c => c > 0);
    const inner = D.calls[op.call];
    lead = calls.length ? `in ${inner.path || D.model}, a ${inner.kind}${inner.options ? `(${inner.options})` : ""}` : "outside the model";
    content = phase === 2 ? backward(k) : forward(operation);
  } else {
    title = D.parameters[k].name;
    lead = `parameter of shape ${shape(D.parameters[k].shape)}${D.optimizer ? `, moved by ${D.optimizer}` : ""}`;
    content = optimization(k);
  }
  tree();  // before the step is replaced: it reads positions, which are known now
  graph();
  step.replaceChildren(el("h2", {id: "name"}, title), el("p", {class: "lead"}, lead), ...content.flat(2).filter(each => each));
  $("where").replaceChildren(`${now + 1} of ${D.steps.length}`, el("small", {}, `${D.phases[phase]}: ${title}`));
  $("first").disabled = $("back").disabled = now === 0;
  $("last").disabled = $("forward").disabled = now === D.steps.length - 1;
  phases();
  try {
    history.replaceState(null, "", `#step=${now + 1}`);
  } catch {
    // in a notebook's frame the page has no address, and some browsers allow few changes of it
  }
}

function keys(event) {
  if (event.altKey || event.ctrlKey || event.metaKey) return;
  const scrollable = event.target.closest && event.target.closest("pre, .scroll");
  if (scrollable && scrollable.scrollWidth > scrollable.clientWidth && event.key.startsWith("Arrow")) return;
  const moves = {ArrowRight: now + 1, ArrowLeft: now - 1, Home: 0, End: D.steps.length - 1};
  const phase = "1234".indexOf(event.key);
  if (event.key in moves) go(moves[event.key]);
  else if (event.key.length === 1 && phase >= 0 && firstOfPhase[phase] !== null) go(firstOfPhase[phase]);
  else return;
  event.preventDefault();
}

function start() {
  const counts = ["operation", "operation", "operation", "parameter"];
  D.phases.forEach((name, i) => $("phases").append(el("button", {type: "button", class: "phase", disabled: firstOfPhase[i] === null, title: `${name} (${i + 1})`, onclick: () => go(firstOfPhase[i])},
    el("i"), `${i + 1} ${name}`, el("small", {}, firstOfPhase[i] === null ? (i === 1 ? "inside the model" : "none") : `${countOfPhase[i].toLocaleString("en")} ${counts[i]}${countOfPhase[i] === 1 ? "" : "s"}`))));
  $("summary").textContent = `${D.model}, ${D.loss ? `loss ${D.loss}, ` : ""}${D.steps.length.toLocaleString("en")} steps. Go through them with ← and →, or 1 to 4 for a phase.`;
  if (matchMedia("(max-width: 860px)").matches) $("outline").open = false;
  $("tree").append(el("ul", {}, D.tree.map(branch)));
  $("first").addEventListener("click", () => go(0));
  $("back").addEventListener("click", () => go(now - 1));
  $("forward").addEventListener("click", () => go(now + 1));
  $("last").addEventListener("click", () => go(D.steps.length - 1));
  document.addEventListener("keydown", keys);
  scheme.addEventListener("change", () => { palette = colours(); show(); });
  const asked = /^#step=(\d+)$/.exec(location.hash);
  now = asked ? Math.max(0, Math.min(D.steps.length - 1, Number(asked[1]) - 1)) : 0;
  show();
}

start();
