// Numbers of a tensor: a table, whose cells are coloured by their values, and images.
"use strict";

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
  const whole = el("table", {class: "numbers", "aria-label": `Numbers of ${label}`}, body), longest = Math.max(3, ...texts.map(text => text.length));
  whole.style.cssText = `--columns: ${columns}; --longest: ${longest}`;  // their width, which the browser need not find
  return el("div", {class: "scroll"}, whole, caption(sample, columns));
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

/** Images side by side on one canvas, three in a row: a canvas of its own for each would make a step slow. */
function canvasOf(images, side, label) {
  const {width, height} = images[0], columns = Math.min(3, images.length), gap = images.length > 1 ? Math.ceil(width / 10) : 0;
  const canvas = el("canvas", {width: columns * (width + gap) - gap, height: Math.ceil(images.length / columns) * (height + gap) - gap, role: "img", "aria-label": label});
  const context = canvas.getContext("2d"), data = context.createImageData(canvas.width, canvas.height);
  images.forEach((image, k) => pixels(image, data, (k % columns) * (width + gap), Math.floor(k / columns) * (height + gap)));
  context.putImageData(data, 0, 0);
  canvas.style.width = `${Math.round(canvas.width * side / Math.max(width, height))}px`;
  return canvas;
}

/** Write the pixels of an image at a place of a larger one. */
function pixels(image, data, left, top) {
  const bytes = atob(image.pixels), {zero, plus, minus} = palette;
  for (let i = 0; i < image.width * image.height; i++) {
    const at = 4 * ((top + Math.floor(i / image.width)) * data.width + left + i % image.width);
    const v = (bytes.charCodeAt(i) - 128) / 127, end = v > 0 ? plus : minus, share = Math.min(1, Math.abs(v));
    for (let c = 0; c < 3; c++) data.data[at + c] = image.colour ? bytes.charCodeAt(3 * i + c) : zero[c] + (end[c] - zero[c]) * share;
    data.data[at + 3] = 255;
  }
}

/** An image with a frame around the marked part; every step-th pixel of the plane is shown. */
function framed(image, side, label, mark, step) {
  const scale = side / Math.max(image.width, image.height), canvas = canvasOf([image], side, label);
  if (!mark) return canvas;
  const [y, x, h, w] = mark.map(v => v / step * scale), frame = el("span", {class: "frame"});
  frame.style.cssText = `left: ${x}px; top: ${y}px; width: ${Math.max(4, w)}px; height: ${Math.max(4, h)}px`;
  return el("div", {class: "framed"}, canvas, frame);
}

function images(sample, label, colour) {
  const found = [], figure = (image, caption) => found.push(el("figure", {}, image, el("figcaption", {}, caption)));
  const rows = sample.shape ? sample.shape[sample.shape.length - 2] : 1;
  if (colour) figure(canvasOf([colour], 150, `${label} as an image`), "image 0");
  if (sample.image) {
    const step = Math.max(1, Math.ceil(Math.max(rows, sample.shape[sample.shape.length - 1]) / 40));
    const plane = sample.shape.length > 2 ? `[${sample.at.slice(0, -2).join(", ")}]` : "all of it";
    figure(framed(sample.image, 130, `${label}, ${plane}, as an image`, sample.mark, step), plane);
  }
  const count = (sample.maps || []).length, channels = `channels 0 to ${count - 1}`;
  if (count) figure(canvasOf(sample.maps, 56, `${label}, ${channels}, as images`), channels);
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
