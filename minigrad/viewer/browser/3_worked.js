// One element, worked out in numbers.
"use strict";

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
