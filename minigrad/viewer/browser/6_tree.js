// The tree of modules and operations, which unfolds.
"use strict";

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
