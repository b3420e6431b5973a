// A build as the views read it, from the document in the page.

class Build {
  constructor(given) {
    this.given = given;
    this.title = given.title || "Memory report";
    this.steps = given.steps;
    this.operators = given.operators;
    this.tensors = given.tensors;
    this.exact = given.exact;
    this.order = this.expandOrder(given.order);
    this.times = this.expandTimes(given.ends);
    this.placePools(given.pools);
    this.owners = given.owners.map((owner) => this.describe(owner));
    this.expandRectangles();
    this.stored = given.stored.map(({ name, changes }) => this.expandStored(name, changes));
    this.mostStored = Math.max(0, ...this.sum(this.stored.map((each) => each.bytes)));
    this.makers = new Map();
    this.readers = this.tensors.map(() => []);
    this.operators.forEach((operator, number) => {
      for (const tensor of operator.writes) this.makers.set(tensor, number);
      for (const tensor of operator.reads) this.readers[tensor].push(number);
    });
  }

  expandOrder(pairs) {
    const order = new Int32Array(this.steps);
    for (let at = 0, step = 0; at < pairs.length; at += 2) {
      order.fill(pairs[at], step, step + pairs[at + 1]);
      step += pairs[at + 1];
    }
    return order;
  }

  // Microseconds at which each step begins, and the end; null where it is not known.
  expandTimes(lengths) {
    if (!lengths.length) return null;
    const times = new Float64Array(this.steps + 1);
    lengths.forEach((length, step) => { times[step + 1] = times[step] + length; });
    return times[this.steps] > 0 ? times : null;
  }

  // Pools lie one above the other on the axis of addresses.
  placePools(pools) {
    let base = 0;
    const gap = 0.03 * pools.reduce((sum, pool) => sum + pool.bytes, 0);
    this.pools = pools.map(({ name, bytes }) => {
      const placed = { name, bytes, base };
      if (bytes) base += bytes + gap;
      return placed;
    });
    this.top = Math.max(base - gap, 1);
  }

  describe(owner) {
    const isTensor = owner.kind === "tensor";
    const name = isTensor ? this.tensors[owner.of].name : this.operators[owner.of].name;
    return {
      ...owner,
      name,
      label: isTensor ? name : `${owner.kind} of ${name}`,
      colour: isTensor ? tensorColour(owner.of) : "var(--block)",
      base: this.pools[owner.pool].base,
    };
  }

  expandRectangles() {
    const total = this.owners.reduce((sum, owner) => sum + owner.runs.reduce((some, run) => some + run[0], 0), 0);
    const column = () => new Float64Array(total);
    const table = { owner: new Int32Array(total), line: column(), low: column(), high: column(), begin: column(), end: column() };
    const change = this.pools.map(() => new Float64Array(this.steps + 1));
    let at = 0;
    this.owners.forEach((owner, number) => {
      owner.first = at;
      for (const [times, line, address, bytes, begin, end, up, later, longer] of owner.runs) {
        for (let i = 0; i < times; i++, at++) {
          table.owner[at] = number;
          table.line[at] = line + i;
          table.low[at] = owner.base + address + i * up;
          table.high[at] = table.low[at] + bytes;
          table.begin[at] = begin + i * later;
          table.end[at] = end + i * longer;
          change[owner.pool][Math.max(table.begin[at], 0)] += bytes;
          change[owner.pool][Math.min(table.end[at], this.steps)] -= bytes;
        }
      }
      owner.end = at;
    });
    this.rectangles = table;
    this.count = total;
    this.live = new Float64Array(this.steps);
    for (const each of change) {
      for (let step = 0, sum = 0; step < this.steps; step++) this.live[step] += (sum += each[step]);
    }
    this.mostLive = this.live.reduce((most, bytes) => Math.max(most, bytes), 0);
    this.peak = Math.max(this.live.indexOf(this.mostLive), 0);
  }

  expandStored(name, changes) {
    const bytes = new Float64Array(this.steps);
    changes.forEach(([step, size], at) => bytes.fill(size, step, at + 1 < changes.length ? changes[at + 1][0] : this.steps));
    const number = this.tensors.findIndex((tensor) => tensor.name === name);
    return { name, bytes, colour: tensorColour(Math.max(number, 0)) };
  }

  sum(rows) {
    const total = new Float64Array(this.steps);
    for (const row of rows) row.forEach((value, step) => { total[step] += value; });
    return total;
  }

  // Bytes of each owner that is alive during a step, most first: [owner number, bytes].
  aliveAt(step) {
    const { owner, low, high, begin, end } = this.rectangles;
    const bytes = new Map();
    for (let i = 0; i < this.count; i++) {
      if (begin[i] <= step && step < end[i]) bytes.set(owner[i], (bytes.get(owner[i]) || 0) + high[i] - low[i]);
    }
    return [...bytes].sort((a, b) => b[1] - a[1]);
  }

  // Who used an address (on the axis of all pools), in order of time: [owner number, first line, last line, begin, end].
  usersOf(address) {
    const { owner, line, low, high, begin, end } = this.rectangles;
    const found = [];
    for (let i = 0; i < this.count; i++) {
      if (low[i] <= address && address < high[i]) found.push([owner[i], line[i], line[i], begin[i], end[i]]);
    }
    found.sort((a, b) => a[3] - b[3]);
    const merged = [];
    for (const use of found) {
      const last = merged[merged.length - 1];
      if (last && last[0] === use[0]) [last[2], last[4]] = [use[2], Math.max(last[4], use[4])];
      else merged.push(use);
    }
    return merged;
  }

  at(step, address) {
    const { low, high, begin, end } = this.rectangles;
    for (let i = 0; i < this.count; i++) {
      if (begin[i] <= step && step < end[i] && low[i] <= address && address < high[i]) return i;
    }
    return -1;
  }

  poolOf(address) {
    return this.pools.find((pool) => pool.base <= address && address < pool.base + pool.bytes);
  }

  ownerOfTensor(tensor) {
    return this.owners.findIndex((owner) => owner.kind === "tensor" && owner.of === tensor);
  }
}
