// What RAM can be traded for: every plan that was tried, as a point and as a row; each tells the command that chooses it.

class ChoicesView {
  constructor(build) {
    this.choices = build.given.choices;
    this.command = element("code", { tabindex: "0" });
    this.told = element("p", { class: "small" });
    this.copy = element("button", { type: "button", onclick: () => this.copyCommand() }, "Copy");
    this.panel = element("div", { "aria-live": "polite" }, this.told, this.command, element("div", { class: "tools" }, this.copy));
    this.table = this.makeTable();
    this.picture = element("div");
    this.node = element("div", { class: "split" }, element("div", {}, this.picture), this.panel);
    this.pick(0);
    new ResizeObserver(() => this.draw()).observe(this.picture);
  }

  makeTable() {
    const maybe = (value) => (value === null || value === undefined ? "" : count(value));
    const number = (name, key, title) => ({ name, number: true, title, value: (row) => row[key] ?? -1, show: (row) => maybe(row[key]) });
    return new SortableTable([
      { name: "plan", first: true, value: (row) => row.label },
      number("RAM", "ram", "bytes of the whole program"),
      { name: "ms", number: true, title: "estimated, of an inference", value: (row) => row.seconds, show: (row) => (1e3 * row.seconds).toFixed(1) },
      number("cycles", "cycles", "estimated"),
      number("flash", "flash", "bytes of the operators' constants and own code"),
      number("extra MACs", "recomputed_macs", "done twice"),
      number("written", "written", "bytes to storage per inference"),
      { name: "command", long: true, value: (row) => row.command },
    ], this.choices, { onpick: (row) => this.pick(this.choices.indexOf(row)), key: (row) => this.choices.indexOf(row) });
  }

  pick(index) {
    const choice = this.choices[index];
    this.picked = index;
    this.told.textContent = `${choice.label}: ${count(choice.ram)} B of RAM, ${(1e3 * choice.seconds).toFixed(1)} ms`
      + (choice.flash ? `, ${count(choice.flash)} B of flash` : "") + (choice.written ? `, ${count(choice.written)} B written` : "");
    this.command.textContent = choice.command;
    this.copy.textContent = "Copy";
    this.table.pick(index);
    this.draw();
  }

  async copyCommand() {
    try {
      await navigator.clipboard.writeText(this.command.textContent);
      this.copy.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(this.command);
      this.copy.textContent = "Selected: press Ctrl+C";
    }
  }

  draw() {
    const width = Math.max(this.picture.clientWidth, 240), height = 300;
    const [left, right, top, bottom] = [56, 16, 14, 36];
    const most = (key) => 1.06 * Math.max(...this.choices.map((choice) => choice[key]), 1e-9);
    const [ram, seconds] = [most("ram"), most("seconds")];
    const x = (choice) => left + (choice.ram / ram) * (width - left - right);
    const y = (choice) => height - bottom - (choice.seconds / seconds) * (height - top - bottom);
    const shapes = [];
    const ramStep = tickStep(ram, Math.max(width / 90, 2), 1024), timeStep = tickStep(1e3 * seconds, 6);
    for (let at = 0; at <= ram; at += ramStep) {
      const place = x({ ram: at });
      shapes.push(drawn("line", { class: "grid", x1: place, x2: place, y1: top, y2: height - bottom }),
        drawn("text", { class: "faint", x: place, y: height - bottom + 15, "text-anchor": "middle" }, String(+(at / 1024).toFixed(2))));
    }
    for (let at = 0; at <= 1e3 * seconds; at += timeStep) {
      const place = y({ seconds: at / 1e3 });
      shapes.push(drawn("line", { class: "grid", x1: left, x2: width - right, y1: place, y2: place }),
        drawn("text", { class: "faint", x: left - 6, y: place + 4, "text-anchor": "end" }, String(+at.toFixed(3))));
    }
    shapes.push(drawn("text", { class: "faint", x: width - right, y: height - 6, "text-anchor": "end" }, "whole program's RAM, KiB"),
      drawn("text", { class: "faint", x: 4, y: 10 }, "ms"));
    const front = this.front();
    shapes.push(drawn("polyline", { class: "front", points: front.flatMap((choice, i) =>
      (i ? [`${x(choice)},${y(front[i - 1])}`, `${x(choice)},${y(choice)}`] : [`${x(choice)},${y(choice)}`])).join(" ") }));
    this.choices.forEach((choice, index) => {
      const act = () => this.pick(index);
      shapes.push(drawn("circle", { class: `point${choice.flash ? " fast" : ""}${index === this.picked ? " on" : ""}`, cx: x(choice), cy: y(choice), r: 6,
        tabindex: "0", role: "button", "aria-label": `${choice.label}, ${kib(choice.ram)}`, onclick: act,
        onkeydown: (event) => { if (event.key === "Enter" || event.key === " ") { event.preventDefault(); act(); } } },
      drawn("title", {}, `${choice.label}: ${kib(choice.ram)}, ${(1e3 * choice.seconds).toFixed(1)} ms`)));
    });
    this.picture.replaceChildren(drawn("svg", { width, height, viewBox: `0 0 ${width} ${height}` }, ...shapes));
  }

  // The plans that no other beats in both RAM and time, by RAM.
  front() {
    const found = [];
    for (const choice of [...this.choices].sort((a, b) => a.ram - b.ram || a.seconds - b.seconds)) {
      if (!found.length || choice.seconds < found[found.length - 1].seconds) found.push(choice);
    }
    return found;
  }
}
