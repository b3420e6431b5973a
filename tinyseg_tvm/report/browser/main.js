// The page: one build, perhaps another beside it, and what their views share.

// What is picked, by build: an owner, a step, an address, an operator. Views redraw when it changes.
class State {
  constructor() {
    this.of = new Map();
    this.views = [];
  }

  get(build) {
    if (!this.of.has(build)) this.of.set(build, { owner: -1, step: build.peak, address: null, operator: -1 });
    return this.of.get(build);
  }

  owner(build) { return this.get(build).owner; }
  step(build) { return this.get(build).step; }
  address(build) { return this.get(build).address; }
  operator(build) { return this.get(build).operator; }

  set(build, change) {
    Object.assign(this.get(build), change);
    for (const view of this.views) if (view.build === build) view.redraw();
  }

  pick(build, owner) { this.set(build, { owner }); }
  toggle(build, owner) { this.pick(build, this.owner(build) === owner ? -1 : owner); }

  setStep(build, step, address = null) {
    this.set(build, { step: Math.min(Math.max(step, 0), build.steps - 1), address });
    this.reveal(build);
  }

  // An operator: its result in the map, at its first step.
  pickOperator(build, operator) {
    const tensor = operator.writes.length ? operator.writes[0] : operator.reads[0];
    this.set(build, { operator: build.operators.indexOf(operator), owner: tensor === undefined ? -1 : build.ownerOfTensor(tensor), step: operator.first, address: null });
    this.reveal(build);
  }

  reveal(build) {
    for (const view of this.views) if (view.build === build && view.reveal) view.reveal(this.step(build));
  }
}

function card(name, text) { return element("div", { class: "card" }, element("b", {}, text), element("span", {}, name)); }

function find(build, state) {
  const names = [...new Set(build.owners.map((owner) => owner.label))];
  const list = element("datalist", { id: `names${state.views.length}` }, ...names.slice(0, 2000).map((name) => element("option", { value: name })));
  const input = element("input", { type: "search", placeholder: "find a tensor", "aria-label": "find a tensor", list: list.id, oninput: () => {
    const found = build.owners.findIndex((owner) => owner.label === input.value);
    const part = found < 0 && input.value ? build.owners.findIndex((owner) => owner.label.includes(input.value)) : found;
    if (part >= 0) state.setStep(build, Math.max(build.rectangles.begin[build.owners[part].first] || 0, 0));
    state.pick(build, part);
  } });
  return [input, list];
}

function memorySection(id, heading, build, state, top, hint) {
  const view = new MemoryView(build, state, top);
  const details = new Details(build, state);
  const tools = element("div", { class: "tools" }, ...view.tools(), ...find(build, state));
  state.views.push(view, details);
  details.redraw();
  return section(id, heading,
    hint ? element("p", { class: "small faint hint" }, hint) : null,
    build.exact ? null : element("p", { class: "small" }, "So many lines: those that share an address are drawn as one."),
    tools, element("div", { class: "split" }, view.node, details.node));
}

function comparison(build, other) {
  const before = new Map(other.given.facts.map((fact) => [fact.name, fact]));
  const names = [...new Set([...build.given.facts, ...other.given.facts].map((fact) => fact.name))];
  const now = new Map(build.given.facts.map((fact) => [fact.name, fact]));
  const text = (facts, name) => (facts.has(name) ? facts.get(name).text : "-");
  const change = (name) => {
    const [a, b] = [now.get(name), before.get(name)];
    if (!a || !b || !a.value.length || !b.value.length) return a && b && a.text === b.text ? "same" : "";
    const difference = a.value[0] - b.value[0];
    const share = b.value[0] ? ` (${difference > 0 ? "+" : "\u2212"}${Math.abs((100 * difference) / b.value[0]).toFixed(1)} %)` : "";
    return difference === 0 ? "same" : `${difference > 0 ? "+" : "\u2212"}${Math.abs(difference).toLocaleString("en-US")}${share}`;
  };
  return element("div", { class: "scroll" }, element("table", {},
    element("tr", {}, ...["", "this build", "the other", "difference"].map((name) => element("th", { class: name ? "number" : undefined }, name))),
    ...names.map((name) => element("tr", {}, element("td", { class: "name" }, name),
      ...[text(now, name), text(before, name), change(name)].map((cell) => element("td", { class: "number" }, cell))))));
}

function rivalTable(rivals) {
  const most = Math.max(...rivals.map((rival) => rival.bytes));
  return element("div", { class: "scroll" }, element("table", {},
    element("tr", {}, element("th", {}, "planner"), element("th", { class: "number" }, "bytes"), element("th", { class: "number" }, "KiB"), element("th", {}), element("th", {})),
    ...rivals.map((rival) => element("tr", {}, element("td", { class: "name" }, rival.name), element("td", { class: "number" }, count(rival.bytes)),
      element("td", { class: "number" }, (rival.bytes / 1024).toFixed(1)),
      element("td", { style: { width: "30%" } }, element("div", { style: { background: "var(--ours)", height: ".7em", width: `${(100 * rival.bytes) / most}%` } })),
      element("td", {}, rival.remark)))));
}

const HINT = "Click: pick a tensor, a step and an address. Wheel (after a click, or with Ctrl): zoom; with Shift also by address. "
  + "Drag: move. Double click: all. Keys: arrows, +, \u2212, 0; Shift and arrows: step by step.";

function show() {
  const given = JSON.parse(document.getElementById("document").textContent);
  const state = new State();
  const build = new Build(given);
  const other = given.against ? new Build(given.against) : null;
  const sections = [];
  if (other) {
    sections.push(section("compared", `Compared with ${other.title}`, comparison(build, other)));
  }
  const top = Math.max(build.top, other ? other.top : 0);
  sections.push(memorySection("memory", "Memory over time", build, state, top, HINT));
  if (other) sections.push(memorySection("other", `Memory over time: ${other.title}`, other, state, top));
  if (given.choices.length) {
    const choices = new ChoicesView(build);
    sections.push(section("choices", "RAM and its price", element("p", { class: "small faint" },
      "Every point is a plan: click it for the command that chooses it. Filled: kernels of different size and speed. Times are estimates."),
    choices.node, element("div", { class: "tall" }, choices.table.node)));
  }
  if (given.rivals.length) sections.push(section("rivals", "Peak RAM beside other planners", rivalTable(given.rivals)));
  const operators = operatorTable(build, other, state);
  const total = (key) => build.operators.reduce((sum, operator) => sum + operator[key], 0);
  sections.push(section("operators", "Operators", element("p", { class: "small faint" },
    `${count(build.operators.length)} operators, ${count(total("cycles"))} cycles (estimated), ${count(total("macs"))} MACs. Click a heading to sort, a row to see its result in the map.`),
  element("div", { class: "tall" }, operators.node)));
  state.views.push({ build, redraw: () => operators.pick(state.operator(build) < 0 ? null : build.operators[state.operator(build)].name) });
  const network = new NetworkView(build, state);
  state.views.push(network);
  sections.push(section("network", "Network", element("p", { class: "small faint" },
    "A row for each operator, with its result; a line for each tensor, from who writes it to who reads it last."), element("div", { class: "tall" }, network.node)));
  const flash = new FlashView(build, state);
  if (flash.total) {
    sections.push(section("flash", "Flash", element("p", { class: "small faint" },
      `${count(flash.total)} bytes of constants as the kernels pack them, and of code that is an operator's own. Code that operators share is not in it: 'tinyseg run' measures the whole program.`), flash.node));
  }
  const links = sections.map((each) => element("a", { href: `#${each.id}` }, each.querySelector("h2").textContent));
  document.title = build.title;
  document.getElementById("page").replaceChildren(
    element("h1", {}, build.title),
    element("p", { class: "faint" }, `${count(build.steps)} steps, ${count(build.operators.length)} operators, ${count(build.tensors.length)} tensors`),
    element("div", { class: "cards" }, ...given.facts.map((fact) => card(fact.name, fact.text))),
    ...given.remarks.map((remark) => element("p", {}, `${remark}.`)),
    element("nav", { "aria-label": "sections" }, ...links),
    ...sections);
  const redraw = () => state.views.forEach((view) => view.redraw());
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  const printing = (on) => () => {
    document.documentElement.classList.toggle("printing", on);
    for (const view of state.views) (view.draw ? view.draw() : view.redraw());
  };
  addEventListener("beforeprint", printing(true));
  addEventListener("afterprint", printing(false));
}

show();
