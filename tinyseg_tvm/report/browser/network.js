// The network as a graph: a row for each operator, a lane for each tensor from who writes it to who reads it last.

const ROW = 38, LANE = 12, FIRST_LANE = 12;

class NetworkView {
  constructor(build, state) {
    this.build = build;
    this.state = state;
    this.assignLanes();
    this.rows = build.operators.map((operator, number) => this.row(operator, number));
    this.node = element("div", { class: "rows" }, this.picture(), ...this.rows);
  }

  // Rows: inputs that nothing writes come first, at row -1; a lane is free again below the last reader.
  assignLanes() {
    const { build } = this;
    const last = build.tensors.map((_, tensor) => Math.max(-1, ...build.readers[tensor]));
    const maker = (tensor) => (build.makers.has(tensor) ? build.makers.get(tensor) : -1);
    const order = build.tensors.map((_, tensor) => tensor).sort((a, b) => maker(a) - maker(b));
    const freeFrom = [];
    this.lanes = [];
    for (const tensor of order) {
      const begin = maker(tensor);
      let lane = freeFrom.findIndex((row) => row <= begin);
      if (lane < 0) lane = freeFrom.push(0) - 1;
      freeFrom[lane] = Math.max(last[tensor], begin + 0.5);
      this.lanes[tensor] = { lane, begin, end: Math.max(last[tensor], begin) };
    }
    this.width = FIRST_LANE * 2 + Math.min(freeFrom.length, 40) * LANE;
  }

  x(tensor) { return FIRST_LANE + Math.min(this.lanes[tensor].lane, 39) * LANE; }

  picture() {
    const { build } = this;
    const height = Math.max(build.operators.length, 1) * ROW;
    const middle = (row) => row * ROW + ROW / 2;
    const shapes = [];
    build.tensors.forEach((tensor, number) => {
      const { begin, end } = this.lanes[number];
      const top = begin < 0 ? 0 : middle(begin);
      if (middle(end) > top) {
        shapes.push(drawn("line", { x1: this.x(number), x2: this.x(number), y1: top, y2: middle(end), stroke: tensorColour(number), "stroke-width": 3 },
          drawn("title", {}, `${tensor.name}: ${tensor.type}`)));
      }
    });
    build.operators.forEach((operator, row) => {
      const y = middle(row);
      const own = operator.writes.length ? operator.writes[0] : operator.reads[0];
      const x = own === undefined ? FIRST_LANE : this.x(own);
      for (const tensor of operator.reads) {
        shapes.push(drawn("path", { d: `M${this.x(tensor)} ${y - 9} Q${this.x(tensor)} ${y} ${x} ${y}`, fill: "none", stroke: tensorColour(tensor), "stroke-width": 2 }));
      }
      shapes.push(drawn("circle", { cx: x, cy: y, r: 5, fill: own === undefined ? "var(--block)" : tensorColour(own), stroke: "var(--ink)" }));
    });
    return drawn("svg", { width: this.width, height, role: "img", "aria-label": "the network's operators, and tensors between them" }, ...shapes);
  }

  row(operator, number) {
    const { build, state } = this;
    const tensors = operator.writes.map((tensor) => build.tensors[tensor]);
    const about = tensors.length ? tensors.map((tensor) => [tensor.type, tensor.values].filter(Boolean).join(", ")).join("; ") : "leaves the network";
    const row = element("div", { class: "row", style: { paddingLeft: `${this.width + 4}px` }, tabindex: "0",
      onclick: () => state.pickOperator(build, operator), onkeydown: (event) => { if (event.key === "Enter") state.pickOperator(build, operator); } },
      element("div", {}, element("b", {}, operator.name), ` ${operator.kind}`,
        operator.float ? element("span", { class: "badge" }, "float") : null, operator.whole ? element("span", { class: "badge" }, "whole tensor") : null),
      element("div", { class: "faint" }, about));
    row.title = `${operator.name}\n${about}`;
    row.dataset.operator = number;
    return row;
  }

  redraw() {
    const { build, state } = this;
    const owner = build.owners[state.owner(build)];
    const shown = owner ? (owner.kind === "tensor" ? build.makers.get(owner.of) : owner.of) : state.operator(build);
    this.rows.forEach((row, number) => row.classList.toggle("on", number === shown));
  }
}
