// Beside the map: what lives at a step, what is known of the picked owner, and who used the clicked address.

function describeRectangle(build, i) {
  const { owner, line, low, high, begin, end } = build.rectangles;
  const of = build.owners[owner[i]];
  const which = of.kind === "tensor" ? (build.exact ? `, line ${count(line[i])} of ${count(build.tensors[of.of].lines)}` : "") : "";
  const time = (step) => (build.times ? ` (${microseconds(build.times[Math.min(step, build.steps)])})` : "");
  const writer = of.kind === "tensor" ? build.makers.get(of.of) : of.of;
  return [
    `${of.label}${which}`,
    of.kind === "tensor" ? [build.tensors[of.of].type, build.tensors[of.of].values].filter(Boolean).join(", ") : "",
    `${count(high[i] - low[i])} B at ${count(low[i] - of.base)} to ${count(high[i] - of.base)} of ${build.pools[of.pool].name}`,
    `born at step ${count(begin[i])}${time(begin[i])}`,
    `dies at step ${count(end[i])}${time(end[i])}, after ${count(end[i] - begin[i])} steps`,
    writer === undefined ? "there from the start" : `${of.kind === "tensor" ? "written by" : "of"} ${build.operators[writer].name}`,
  ].filter(Boolean).join("\n");
}

class Details {
  constructor(build, state) {
    this.build = build;
    this.state = state;
    this.node = element("div", { class: "details", "aria-live": "polite" });
  }

  redraw() {
    const { build, state } = this;
    this.node.replaceChildren(...this.alive(state.step(build)), ...this.picked(state.owner(build)), ...this.users(state.address(build)));
  }

  ownerRow(number, ...cells) {
    const { build, state } = this;
    const of = build.owners[number];
    return element("tr", { class: number === state.owner(build) ? "pick on" : "pick", onclick: () => state.toggle(build, number) },
      element("td", {}, swatch(of.colour), of.label), ...cells.map((cell) => element("td", { class: "number" }, cell)));
  }

  alive(step) {
    const { build } = this;
    if (!build.steps) return [element("p", {}, "No steps.")];
    const time = build.times ? `, ${microseconds(build.times[step])}` : "";
    return [
      element("h3", {}, `Step ${count(step)}${time}: ${build.operators[build.order[step]].name}`),
      element("p", { class: "small faint" }, `${count(build.live[step])} B alive${step === build.peak ? ", the most of all steps" : ""}`),
      element("table", {}, ...build.aliveAt(step).map(([number, bytes]) => this.ownerRow(number, count(bytes)))),
    ];
  }

  picked(number) {
    const { build } = this;
    if (number < 0) return [element("p", { class: "small faint" }, "Click the map: a step, and the tensor and address there.")];
    const of = build.owners[number];
    const { begin, end } = build.rectangles;
    const tensor = of.kind === "tensor" ? build.tensors[of.of] : null;
    const name = (operator) => build.operators[operator].name;
    let [born, dies] = [Infinity, 0];
    for (let i = of.first; i < of.end; i++) [born, dies] = [Math.min(born, begin[i]), Math.max(dies, end[i])];
    const rows = [
      ...(tensor ? [["type", tensor.type], ["values", tensor.values], ["lines", `${count(tensor.lines)} of ${count(tensor.line_bytes)} B`],
        ["role", tensor.role === "internal" ? "" : tensor.role],
        ["written by", build.makers.has(of.of) ? name(build.makers.get(of.of)) : "there from the start"],
        ["read by", build.readers[of.of].map(name).join(", ")]] : []),
      ["born, dies", `step ${count(born)}, ${count(dies)}`],
      ["alive at once", `${count(of.live)} B`],
    ];
    return [element("h3", {}, swatch(of.colour), of.label),
      element("table", {}, ...rows.filter(([, text]) => text).map(([what, text]) =>
        element("tr", {}, element("td", { class: "faint" }, what), element("td", {}, text))))];
  }

  users(address) {
    const { build } = this;
    const pool = address === null ? undefined : build.poolOf(address);
    if (!pool) return [];
    const lines = ([, first, last]) => (build.exact ? (first === last ? ` ${count(first)}` : ` ${count(first)}\u2026${count(last)}`) : "");
    const uses = build.usersOf(address);
    return [element("h3", {}, `Who used byte ${count(Math.floor(address - pool.base))} of ${pool.name}`),
      element("table", {}, ...uses.slice(0, 60).map((use) => this.ownerRow(use[0], lines(use), `${count(use[3])}\u2013${count(use[4])}`))),
      uses.length > 60 ? element("p", { class: "small faint" }, `and ${count(uses.length - 60)} more`) : null].filter(Boolean);
  }
}
