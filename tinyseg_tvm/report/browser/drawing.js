// Colours of tensors (as in the pictures of report/drawing.py), and colours of the page for canvases.

const LIGHTNESS = [0.77, 0.69, 0.84, 0.73, 0.8];
const GOLDEN_ANGLE = 180 * (3 - Math.sqrt(5));

function tensorColour(number) {
  const hue = (0.6 * 180 / Math.PI + number * GOLDEN_ANGLE) % 360;
  return `oklch(${LIGHTNESS[number % LIGHTNESS.length]} 0.1 ${hue.toFixed(1)})`;
}

// What the style sheet's variables are now: canvases know no variables.
function palette() {
  const style = getComputedStyle(document.documentElement);
  const names = ["ink", "faint", "line", "card", "paper", "accent", "ours", "block"];
  return Object.fromEntries(names.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
}

const onCanvas = (colour, colours) => (colour === "var(--block)" ? colours.block : colour);

// Text that ends with an ellipsis where it would be wider than `width`; empty where nothing of it has room.
function fitted(context, text, width) {
  if (context.measureText(text).width <= width) return text;
  let length = Math.floor((text.length * width) / context.measureText(text).width) - 1;
  while (length > 2 && context.measureText(`${text.slice(0, length)}\u2026`).width > width) length--;
  return length > 2 ? `${text.slice(0, length)}\u2026` : "";
}
