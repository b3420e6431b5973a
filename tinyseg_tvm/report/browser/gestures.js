// What a mouse, fingers and keys do to a memory map: zoom, move, tell, pick.

class Gestures {
  constructor(view) {
    this.view = view;
    this.state = view.state;
    this.build = view.build;
    this.canvas = view.canvas;
    this.pointers = new Map();
    this.tip = element("div", { class: "tip", hidden: true, role: "status" });
    document.body.append(this.tip);
    const hide = () => { this.tip.hidden = true; };
    const on = (name, act, options) => this.canvas.addEventListener(name, act, options);
    on("pointerdown", (event) => this.press(event));
    on("pointermove", (event) => this.move(event));
    on("pointerup", (event) => this.release(event));
    on("pointercancel", (event) => { this.pointers.delete(event.pointerId); hide(); });
    on("pointerleave", hide);
    on("dblclick", () => { view.showAll(); view.redraw(); });
    on("wheel", (event) => this.wheel(event), { passive: false });
    on("keydown", (event) => this.key(event));
  }

  place(event) {
    const frame = this.canvas.getBoundingClientRect();
    return [event.clientX - frame.left, event.clientY - frame.top];
  }

  wheel(event) {
    // The page scrolls under the wheel until the map is asked for: by a click, or with Ctrl held.
    if (document.activeElement !== this.canvas && !event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    const { view } = this;
    const [x, y] = this.place(event);
    const factor = 1.2 ** (Math.max(-300, Math.min(300, event.deltaY || event.deltaX)) / 100);
    view.zoom(factor, view.fromX(x), event.shiftKey ? view.fromY(y) : null);
  }

  key(event) {
    const { view, state, build } = this;
    const moves = { ArrowLeft: [-0.1, 0], ArrowRight: [0.1, 0], ArrowUp: [0, 0.1], ArrowDown: [0, -0.1] };
    if (event.shiftKey && (event.key === "ArrowLeft" || event.key === "ArrowRight")) {
      state.setStep(build, state.step(build) + (event.key === "ArrowLeft" ? -1 : 1));
    } else if (moves[event.key]) view.pan(...moves[event.key]);
    else if (event.key === "+" || event.key === "=") view.zoom(1 / 1.5);
    else if (event.key === "-") view.zoom(1.5);
    else if (event.key === "0" || event.key === "Home") { view.showAll(); view.redraw(); }
    else if (event.key === "Escape") state.pick(build, -1);
    else return;
    event.preventDefault();
  }

  press(event) {
    this.canvas.focus({ preventScroll: true });
    this.canvas.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, this.place(event));
    this.moved = this.pointers.size > 1;
  }

  move(event) {
    const { view } = this;
    const [x, y] = this.place(event);
    const before = this.pointers.get(event.pointerId);
    if (!before) { this.hover(event, x, y); return; }
    this.moved ||= Math.hypot(x - before[0], y - before[1]) > 3;
    if (!this.moved) return;
    this.tip.hidden = true;
    this.pointers.set(event.pointerId, [x, y]);
    const other = [...this.pointers].find(([id]) => id !== event.pointerId);
    if (other) {
      const [ox, oy] = other[1];
      const spread = (px, py) => Math.max(Math.hypot(px - ox, py - oy), 1);
      view.zoom(spread(...before) / spread(x, y), view.fromX((x + ox) / 2));
    } else view.panPixels(x - before[0], event.pointerType === "touch" ? 0 : y - before[1]);
  }

  release(event) {
    const [x, y] = this.place(event);
    if (!this.moved && this.pointers.has(event.pointerId)) this.click(x, y);
    this.pointers.delete(event.pointerId);
  }

  hover(event, x, y) {
    const text = this.told(x, y);
    this.tip.hidden = !text;
    if (!text) return;
    this.tip.textContent = text;
    this.tip.style.left = `${Math.max(4, Math.min(event.clientX + 14, innerWidth - this.tip.offsetWidth - 8))}px`;
    this.tip.style.top = `${Math.max(4, Math.min(event.clientY + 16, innerHeight - this.tip.offsetHeight - 8))}px`;
  }

  // The step under a pixel; -1 beside the map.
  stepUnder(x) {
    const { view, build } = this;
    const step = view.inside(x) ? Math.floor(view.stepAt(view.fromX(x))) : -1;
    return step < build.steps ? step : -1;
  }

  told(x, y) {
    const { view, build } = this;
    const step = this.stepUnder(x);
    if (step < 0) return "";
    const time = build.times ? ` at ${microseconds(build.times[step])}` : "";
    const running = `step ${count(step)}${time}: ${build.operators[build.order[step]].name}`;
    if (y > view.box.strip) return running;
    if (y > view.box.live) return `${running}\n${count(build.live[step])} B alive`;
    if (y > view.box.map) {
      const there = build.stored.filter((each) => each.bytes[step]);
      return [running, ...there.map((each) => `${count(each.bytes[step])} B of ${each.name} in storage`)].join("\n");
    }
    const found = build.at(step, view.fromY(y));
    return found < 0 ? "" : describeRectangle(build, found);
  }

  click(x, y) {
    const { view, build, state } = this;
    const step = this.stepUnder(x);
    if (step < 0) return;
    const address = y <= view.box.map ? view.fromY(y) : null;
    state.setStep(build, step, address);
    const found = address === null ? -1 : build.at(step, address);
    if (address !== null) state.pick(build, found < 0 ? -1 : build.rectangles.owner[found]);
  }
}
