// The graph of the module that a step is in: its parts as boxes. Where they stand was computed before.
"use strict";

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
