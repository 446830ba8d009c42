// The steps, and elements of the page. Every text is set with textContent, so a name is never taken for markup.
"use strict";

const D = JSON.parse(document.getElementById("data").textContent);
const $ = id => document.getElementById(id);
let now = 0;

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
