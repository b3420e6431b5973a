// Elements and numbers. Texts of a model become text nodes, never markup.

const wholeNumber = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
const count = (value) => wholeNumber.format(value);
const kib = (bytes) => `${(bytes / 1024).toFixed(1)} KiB`;

function microseconds(time) {
  if (time >= 1e6) return `${(time / 1e6).toFixed(3)} s`;
  return time >= 1000 ? `${(time / 1000).toFixed(2)} ms` : `${time.toFixed(1)} \u00b5s`;
}

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "style") Object.assign(node.style, value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value !== undefined) node.setAttribute(name, value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return node;
}

const element = (tag, attributes = {}, ...children) => fill(document.createElement(tag), attributes, children);
const drawn = (tag, attributes = {}, ...children) =>
  fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);

const swatch = (colour) => element("i", { class: "swatch", style: { background: colour } });

// A step of 1, 2 or 5 times a power of ten (of two with `base` 1024) so that a range has at most `most` ticks.
function tickStep(range, most, base = 1) {
  const least = Math.max(range / most / base, 1e-9);
  const power = 10 ** Math.floor(Math.log10(least));
  return base * [1, 2, 5, 10].map((times) => times * power).find((step) => step >= least * 0.999);
}

const section = (id, heading, ...children) => element("section", { id }, element("h2", {}, heading), ...children);
