// Tables whose columns sort, and the table of operators.

// `columns`: {name, value(row), show(row), number, title, first}; `onpick(row)` makes rows clickable.
class SortableTable {
  constructor(columns, rows, { onpick = null, key = null, caption = "" } = {}) {
    Object.assign(this, { columns, rows: [...rows], onpick, key });
    this.picked = null;
    this.head = element("tr");
    this.body = element("tbody");
    this.node = element("table", {}, caption ? element("caption", { class: "small faint" }, caption) : null, element("thead", {}, this.head), this.body);
    this.by = null;
    this.down = false;
    this.redraw();
  }

  sort(column) {
    this.down = this.by === column ? !this.down : Boolean(column.number);
    this.by = column;
    const sign = this.down ? -1 : 1;
    const compare = column.number ? (a, b) => a - b : (a, b) => String(a).localeCompare(String(b), "en", { numeric: true });
    this.rows.sort((a, b) => sign * compare(column.value(a), column.value(b)));
    this.redraw();
  }

  redraw() {
    this.head.replaceChildren(...this.columns.map((column) => {
      const arrow = this.by === column ? (this.down ? " \u25be" : " \u25b4") : "";
      return element("th", { class: column.number ? "number" : undefined, title: column.title, scope: "col",
        "aria-sort": this.by === column ? (this.down ? "descending" : "ascending") : "none" },
        element("button", { type: "button", onclick: () => this.sort(column) }, column.name + arrow));
    }));
    this.body.replaceChildren(...this.rows.map((row) => element("tr", this.rowAttributes(row), ...this.columns.map((column) =>
      element("td", { class: column.number ? "number" : column.first ? "name" : column.long ? "long" : undefined }, column.show ? column.show(row) : String(column.value(row)))))));
  }

  rowAttributes(row) {
    if (!this.onpick) return {};
    const act = () => this.onpick(row);
    return { class: this.picked !== null && this.key(row) === this.picked ? "pick on" : "pick", tabindex: "0", onclick: act,
      onkeydown: (event) => { if (event.key === "Enter") act(); } };
  }

  pick(key) {
    this.picked = key;
    this.redraw();
  }
}

const signed = (change) => (change === 0 ? "0" : `${change > 0 ? "+" : "\u2212"}${count(Math.abs(change))}`);

function operatorTable(build, other, state) {
  const before = new Map((other ? other.operators : []).map((operator) => [operator.name, operator]));
  const number = (name, key, title) => ({ name, number: true, title, value: (row) => row[key], show: (row) => count(row[key]) });
  const change = (name, key) => ({ name: `${name} \u0394`, number: true, title: `more than in ${other && other.title}`,
    value: (row) => (before.has(row.name) ? row[key] - before.get(row.name)[key] : 0),
    show: (row) => (before.has(row.name) ? signed(row[key] - before.get(row.name)[key]) : "new") });
  const badges = (row) => [
    row.float ? element("span", { class: "badge", title: "computes in floating point" }, "float") : null,
    row.whole ? element("span", { class: "badge", title: "takes a whole tensor in one step" }, "whole tensor") : null];
  const columns = [
    { name: "operator", first: true, value: (row) => row.name, show: (row) => element("span", {}, row.name, badges(row)) },
    { name: "kind", value: (row) => row.kind },
    number("cycles", "cycles", "estimated, of all its steps"),
    ...(other ? [change("cycles", "cycles")] : []),
    number("MACs", "macs", "multiply-accumulates"),
    number("RAM", "alive", "most bytes alive while it runs"),
    ...(other ? [change("RAM", "alive")] : []),
    number("own RAM", "own", "bytes of scratch and state"),
    number("flash", "flash", "bytes of constants as the kernel packs them, and of code that is its own"),
    ...(other ? [change("flash", "flash")] : []),
    { name: "kernel", value: (row) => row.kernel },
    number("steps", "steps", "how often it runs"),
    number("first", "first", "its first step"),
  ];
  const table = new SortableTable(columns, build.operators, { onpick: (row) => state.pickOperator(build, row), key: (row) => row.name });
  return table;
}
