// What a step shows, by its phase.
"use strict";

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
