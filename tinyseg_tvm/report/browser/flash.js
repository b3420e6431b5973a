// Flash by operator, as a squarified treemap (Bruls, Huizing, van Wijk: Squarified Treemaps, 2000).

// Boxes [index, x, y, width, height] for sizes, largest first, within a rectangle.
function squarified(sizes, width, height) {
  const scale = (width * height) / sizes.reduce((sum, size) => sum + size, 0);
  const areas = sizes.map((size) => size * scale);
  const boxes = [];
  let [x, y, w, h, at] = [0, 0, width, height, 0];
  const worst = (row, side) => {
    const sum = row.reduce((total, area) => total + area, 0);
    return Math.max((side * side * row[0]) / (sum * sum), (sum * sum) / (side * side * row[row.length - 1]));
  };
  while (at < areas.length) {
    const side = Math.max(Math.min(w, h), 1e-6);
    const row = [areas[at]];
    while (at + row.length < areas.length && worst([...row, areas[at + row.length]], side) <= worst(row, side)) row.push(areas[at + row.length]);
    const thick = row.reduce((total, area) => total + area, 0) / side;
    let along = 0;
    row.forEach((area, i) => {
      const length = area / thick;
      boxes.push(w >= h ? [at + i, x, y + along, thick, length] : [at + i, x + along, y, length, thick]);
      along += length;
    });
    if (w >= h) [x, w] = [x + thick, w - thick]; else [y, h] = [y + thick, h - thick];
    at += row.length;
  }
  return boxes;
}

class FlashView {
  constructor(build, state) {
    this.build = build;
    this.state = state;
    this.operators = build.operators.filter((operator) => operator.flash > 0).sort((a, b) => b.flash - a.flash);
    this.total = this.operators.reduce((sum, operator) => sum + operator.flash, 0);
    this.node = element("div", { class: "flash" });
    new ResizeObserver(() => this.redraw()).observe(this.node);
  }

  redraw() {
    const [width, height] = [this.node.clientWidth, this.node.clientHeight];
    if (!width || !this.total) return;
    const boxes = squarified(this.operators.map((operator) => operator.flash), width, height);
    this.node.replaceChildren(...boxes.map(([index, x, y, w, h]) => {
      const operator = this.operators[index];
      const text = `${operator.name}\n${count(operator.flash)} B, ${((100 * operator.flash) / this.total).toFixed(1)} %`;
      return element("div", { title: text, onclick: () => this.state.pickOperator(this.build, operator),
        style: { left: `${x}px`, top: `${y}px`, width: `${w}px`, height: `${h}px`, background: tensorColour(operator.writes[0] || 0) } },
      w > 40 && h > 16 ? text : "");
    }));
  }
}
