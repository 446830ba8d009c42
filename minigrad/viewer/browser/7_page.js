// The page: shows the step that is now, and answers keys and buttons.
"use strict";

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
