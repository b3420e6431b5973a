// The memory map: addresses over time, bytes alive, bytes in storage, and which operator runs; on one canvas.

const LEFT = 58, RIGHT = 8, TOP = 8, AXIS = 18, GAP = 10, LIVE = 52, STRIP = 16;

class MemoryView {
  // `state`: what views share (main.js). `top`: bytes that the axis of addresses reaches at first.
  constructor(build, state, top = build.top) {
    this.build = build;
    this.state = state;
    this.highest = 1.07 * top;
    this.byTime = false;
    this.canvas = element("canvas", { tabindex: "0", role: "img", "aria-label": this.description() });
    this.node = element("div", { class: "map" }, this.canvas);
    this.showAll();
    new Gestures(this);
    new ResizeObserver(() => this.redraw()).observe(this.node);
  }

  description() {
    const { build } = this;
    return `Memory of ${build.title}: ${count(build.steps)} steps, at most ${count(build.mostLive)} bytes alive, in step ${count(build.peak)}`;
  }

  tools() {
    const button = (text, label, act) => element("button", { type: "button", "aria-label": label, onclick: act }, text);
    const axis = element("select", { "aria-label": "time axis", onchange: () => this.setAxis(axis.value === "time") },
      element("option", { value: "steps" }, "in steps"),
      this.build.times ? element("option", { value: "time" }, "in microseconds, estimated") : null);
    this.range = element("output", { class: "small faint" });
    return [button("+", "zoom in", () => this.zoom(1 / 1.5)), button("\u2212", "zoom out", () => this.zoom(1.5)),
      button("All", "show all", () => { this.showAll(); this.redraw(); }), axis, this.range];
  }

  setAxis(byTime) {
    const [first, last] = [this.stepAt(this.x0), this.stepAt(this.x1)];
    this.byTime = byTime;
    [this.x0, this.x1] = [this.position(first), this.position(last)];
    if (!(this.x1 > this.x0)) this.showAll();
    this.redraw();
  }

  get length() { return this.byTime ? this.build.times[this.build.steps] : Math.max(this.build.steps, 1); }

  showAll() {
    [this.x0, this.x1, this.y0, this.y1] = [0, this.length, 0, this.highest];
  }

  // A time on the axis from a step (a fraction is a part of the step), and back.
  position(step) {
    if (!this.byTime) return step;
    const { times, steps } = this.build;
    const whole = Math.min(Math.max(Math.floor(step), 0), steps);
    return times[whole] + (whole < steps ? (step - whole) * (times[whole + 1] - times[whole]) : 0);
  }

  stepAt(position) {
    if (!this.byTime) return position;
    const { times, steps } = this.build;
    let low = 0, high = steps;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (times[middle + 1] <= position) low = middle + 1; else high = middle;
    }
    if (low >= steps) return steps;
    return low + Math.max(position - times[low], 0) / (times[low + 1] - times[low] || 1);
  }

  zoom(factor, x = (this.x0 + this.x1) / 2, y = null) {
    const width = Math.min(Math.max((this.x1 - this.x0) * factor, this.length / 1e5), this.length);
    const share = (x - this.x0) / (this.x1 - this.x0);
    this.x0 = x - share * width;
    this.x1 = this.x0 + width;
    if (y !== null) {
      const height = Math.min(Math.max((this.y1 - this.y0) * factor, 16), this.highest);
      const above = (y - this.y0) / (this.y1 - this.y0);
      this.y0 = y - above * height;
      this.y1 = this.y0 + height;
    }
    this.pan(0, 0);
  }

  // Moves by parts of what is seen, and stays within what there is.
  pan(right, up) {
    const [width, height] = [this.x1 - this.x0, this.y1 - this.y0];
    this.x0 = Math.min(Math.max(this.x0 + right * width, 0), Math.max(this.length - width, 0));
    this.y0 = Math.min(Math.max(this.y0 + up * height, 0), Math.max(this.highest - height, 0));
    [this.x1, this.y1] = [this.x0 + width, this.y0 + height];
    this.redraw();
  }

  panPixels(right, down) {
    this.pan(-right / (this.box.right - LEFT), down / (this.box.map - TOP));
  }

  inside(x) { return x >= LEFT && x <= this.box.right; }

  // So that a step is seen, with something of what is around it.
  reveal(step) {
    const x = this.position(step);
    if (x < this.x0 || x > this.x1) this.pan((x - (this.x0 + this.x1) / 2) / (this.x1 - this.x0), 0);
  }

  layout() {
    const [width, height] = [this.node.clientWidth, this.node.clientHeight];
    const strip = height - AXIS - STRIP;
    const stored = this.build.stored.length ? LIVE + GAP : 0;
    const live = strip - GAP - LIVE;
    this.box = { width, height, right: width - RIGHT, map: live - stored - GAP, live, stored: live - stored, strip };
    return this.box;
  }

  toX(step) { return LEFT + ((this.position(step) - this.x0) / (this.x1 - this.x0)) * (this.box.right - LEFT); }
  toY(address) { return this.box.map - ((address - this.y0) / (this.y1 - this.y0)) * (this.box.map - TOP); }
  fromX(x) { return this.x0 + ((x - LEFT) / (this.box.right - LEFT)) * (this.x1 - this.x0); }
  fromY(y) { return this.y0 + ((this.box.map - y) / (this.box.map - TOP)) * (this.y1 - this.y0); }

  redraw() {
    if (this.waiting) return;
    this.waiting = requestAnimationFrame(() => { this.waiting = 0; this.draw(); });
  }

  draw() {
    const { width, height } = this.layout();
    if (!width || !height) return;
    const ratio = window.devicePixelRatio || 1;
    if (this.canvas.width !== Math.round(width * ratio) || this.canvas.height !== Math.round(height * ratio)) {
      [this.canvas.width, this.canvas.height] = [Math.round(width * ratio), Math.round(height * ratio)];
    }
    const context = this.canvas.getContext("2d");
    const colours = palette();
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.fillStyle = colours.paper;
    context.fillRect(0, 0, width, height);
    context.font = "11px system-ui, sans-serif";
    this.drawAxes(context, colours);
    this.drawRectangles(context, colours);
    this.drawCurves(context, colours);
    this.drawStrip(context, colours);
    this.drawCursor(context, colours);
    this.tellRange();
  }

  tellRange() {
    const [first, last] = [this.stepAt(this.x0), this.stepAt(this.x1)].map((step) => count(Math.floor(step)));
    const bytes = [this.y0, Math.min(this.y1, this.build.top)].map((address) => count(Math.round(address)));
    this.range.textContent = `steps ${first} to ${last}, bytes ${bytes.join(" to ")}`;
  }

  drawAxes(context, colours) {
    const { box, build } = this;
    context.strokeStyle = colours.line;
    context.fillStyle = colours.faint;
    context.textAlign = "right";
    for (const pool of build.pools) {
      if (!pool.bytes) continue;
      const step = tickStep(this.y1 - this.y0, 8, 1024);
      const end = Math.min(pool.bytes, this.y1 - pool.base);
      for (let address = Math.max(0, Math.ceil((this.y0 - pool.base) / step) * step); address < end; address += step) {
        const y = this.toY(pool.base + address);
        context.fillRect(LEFT, y, box.right - LEFT, 0.3);
        context.fillText(`${+(address / 1024).toFixed(step < 1024 ? 2 : 0)} K`, LEFT - 5, y + 4);
      }
    }
    context.textAlign = "center";
    const step = Math.max(tickStep(this.x1 - this.x0, Math.max(box.width / 90, 2)), this.byTime ? 0.01 : 1);
    for (let x = Math.ceil(this.x0 / step) * step; x <= this.x1; x += step) {
      const at = LEFT + ((x - this.x0) / (this.x1 - this.x0)) * (box.right - LEFT);
      if (at > box.right - 12 || at < LEFT) continue;
      context.fillText(this.byTime ? microseconds(x) : count(x), at, box.height - 4);
      context.fillRect(at, TOP, 0.3, box.strip - TOP);
    }
    context.textAlign = "left";
  }

  drawRectangles(context, colours) {
    const { build, box } = this;
    const { owner, line, low, high, begin, end } = build.rectangles;
    const [first, last] = [this.stepAt(this.x0), this.stepAt(this.x1)];
    const picked = this.state.owner(build);
    context.save();
    context.beginPath();
    context.rect(LEFT, TOP, box.right - LEFT, box.map - TOP);
    context.clip();
    const labels = [];
    for (let i = 0; i < build.count; i++) {
      if (end[i] < first || begin[i] > last || high[i] < this.y0 || low[i] > this.y1) continue;
      const [x, y] = [this.toX(begin[i]), this.toY(high[i])];
      const [width, height] = [Math.max(this.toX(end[i]) - x, 0.7), Math.max(this.toY(low[i]) - y, 0.7)];
      context.globalAlpha = picked < 0 || picked === owner[i] ? 1 : 0.16;
      context.fillStyle = onCanvas(build.owners[owner[i]].colour, colours);
      context.fillRect(x, y, width, height);
      if (width > 4 && height > 4) {
        context.strokeStyle = colours.paper;
        context.lineWidth = 0.5;
        context.strokeRect(x, y, width, height);
        if (width > 44 && height > 12) labels.push([i, x, y, width, height]);
      }
    }
    context.fillStyle = "#22262e";
    for (const [i, x, y, width, height] of labels.slice(0, 400)) {
      const of = build.owners[owner[i]];
      context.globalAlpha = picked < 0 || picked === owner[i] ? 1 : 0.3;
      const left = Math.max(x, LEFT) + 3;
      const text = of.kind === "tensor" && build.exact ? `${of.label} ${line[i]}` : of.label;
      context.fillText(fitted(context, text, Math.min(x + width, box.right) - left - 3), left, y + height / 2 + 4);
    }
    context.globalAlpha = 1;
    context.strokeStyle = colours.accent;
    context.lineWidth = 1;
    for (const pool of build.pools) {
      if (!pool.bytes) continue;
      const y = this.toY(pool.base + pool.bytes);
      context.strokeRect(LEFT - 1, y, box.right - LEFT + 2, this.toY(pool.base) - y);
      context.fillStyle = colours.accent;
      context.fillText(`${pool.name} ${count(pool.bytes)} B`, LEFT + 4, y - 4);
    }
    context.restore();
  }

  // An area below a curve of bytes by step; `pick` chooses, of the steps under a pixel, the most.
  area(context, bytes, most, bottom, colour) {
    const { box, build } = this;
    context.beginPath();
    context.moveTo(LEFT, bottom);
    for (let x = LEFT; x <= box.right; x++) {
      const from = Math.max(0, Math.min(build.steps - 1, Math.floor(this.stepAt(this.fromX(x)))));
      const to = Math.max(from, Math.min(build.steps - 1, Math.floor(this.stepAt(this.fromX(x + 1)) - 1e-6)));
      let value = 0;
      for (let step = from; step <= to; step++) value = Math.max(value, bytes[step] || 0);
      context.lineTo(x, bottom - (most ? (value / most) * (LIVE - 6) : 0));
    }
    context.lineTo(box.right, bottom);
    context.fillStyle = colour;
    context.fill();
  }

  drawCurves(context, colours) {
    const { build, box } = this;
    const bottom = box.live + LIVE;
    context.globalAlpha = 0.45;
    this.area(context, build.live, build.mostLive, bottom, colours.ours);
    context.globalAlpha = 1;
    this.name(context, colours, "alive", kib(build.mostLive), box.live);
    if (!build.stored.length) return;
    const rest = build.sum(build.stored.map((each) => each.bytes));
    for (const each of build.stored) {
      this.area(context, rest, build.mostStored, box.stored + LIVE, each.colour);
      each.bytes.forEach((bytes, step) => { rest[step] -= bytes; });
    }
    this.name(context, colours, "stored", kib(build.mostStored), box.stored);
  }

  name(context, colours, text, most, top) {
    context.fillStyle = colours.faint;
    context.textAlign = "right";
    context.fillText(text, LEFT - 5, top + LIVE - 4);
    context.fillText(most, LEFT - 5, top + 12);
    context.textAlign = "left";
  }

  drawStrip(context, colours) {
    const { build, box } = this;
    const last = Math.min(build.steps, Math.ceil(this.stepAt(this.x1)));
    let step = Math.max(0, Math.floor(this.stepAt(this.x0)));
    while (step < last) {
      const number = build.order[step];
      let end = step + 1;
      while (end < last && build.order[end] === number) end++;
      const [x, right] = [Math.max(this.toX(step), LEFT), Math.min(this.toX(end), box.right)];
      if (right > x) {
        const { name, writes } = build.operators[number];
        context.fillStyle = writes.length ? tensorColour(writes[0]) : colours.block;
        context.fillRect(x, box.strip, Math.max(right - x, 0.4), STRIP - 3);
        context.fillStyle = "#22262e";
        if (right - x > 40) context.fillText(fitted(context, name, right - x - 6), x + 3, box.strip + 10);
      }
      step = end;
    }
    context.fillStyle = colours.faint;
    context.textAlign = "right";
    context.fillText("operator", LEFT - 5, box.strip + 10);
    context.textAlign = "left";
  }

  drawCursor(context, colours) {
    const step = this.state.step(this.build);
    const x = (this.toX(step) + this.toX(step + 1)) / 2;
    if (x < LEFT || x > this.box.right) return;
    context.strokeStyle = colours.accent;
    context.setLineDash([3, 3]);
    context.beginPath();
    context.moveTo(x, TOP);
    context.lineTo(x, this.box.height - AXIS);
    context.stroke();
    context.setLineDash([]);
  }
}
