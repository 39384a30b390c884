// What every living figure shares: a plot that follows the theme, labelled controls, one line that is read aloud. Classic scripts, so
// that they also run from file://. A figure extends RnnFigure and gives: controls, names (of its elements), draw(values).
{
  const NS = "http://www.w3.org/2000/svg";
  const node = (name, attributes, ...children) => {
    const made = document.createElementNS(NS, name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...children);
    return made;
  };
  const ticks = (low, high) => {
    const rough = (high - low) / 4, power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map(k => k * power).find(k => k >= rough);
    const first = Math.ceil(low / step), count = Math.floor(high / step) - first;
    return Array.from({ length: count + 1 }, (_, k) => +((first + k) * step).toFixed(6));
  };

  globalThis.RnnFigure = class extends HTMLElement {
    connectedCallback() {
      if (this.built) return;
      this.built = true;
      this.innerHTML = `<div class="rnn-panels"></div><p class="rnn-said" role="status"></p><div class="rnn-controls"></div>`;
      this.values = {};
      for (const control of this.constructor.controls) this.add(control);
      this.update();
      // Drawn in the page's own pixels: letters stay as large on a phone.
      new ResizeObserver(() => this.offsetWidth !== this.drawn && this.update()).observe(this);
    }

    // {name, label, value, min, max, step} is a slider, {name, label, value: true} a box to tick; a value that is a list, a box for each step.
    add({ name, label, value, show = x => x, ...range }) {
      if (Array.isArray(value)) return this.addRow(name, label, value);
      const line = document.createElement("label"), input = document.createElement("input"), output = document.createElement("output");
      const tick = typeof value === "boolean";
      Object.assign(input, { type: tick ? "checkbox" : "range", name, ...range });
      if (tick) input.checked = value;
      else input.value = value;
      const read = () => {
        this.values[name] = tick ? input.checked : Number(input.value);
        if (!tick) input.setAttribute("aria-valuetext", (output.textContent = show(this.values[name])));
      };
      input.oninput = () => (read(), this.update());
      line.append(`${label} `, input, tick ? "" : output);
      this.querySelector(".rnn-controls").append(line);
      read();
    }

    addRow(name, label, value) {
      const row = document.createElement("fieldset"), legend = document.createElement("legend");
      this.values[name] = [...value];
      legend.textContent = label;
      row.append(legend, ...value.map((checked, t) => {
        const box = Object.assign(document.createElement("input"), { type: "checkbox", name: `${name}-${t + 1}`, checked, title: `${label} ${t + 1}` });
        box.setAttribute("aria-label", box.title);
        box.onchange = () => ((this.values[name][t] = box.checked), this.update());
        return box;
      }));
      this.querySelector(".rnn-controls").append(row);
    }

    update() {
      this.drawn = this.offsetWidth;
      const { panels, said } = this.draw(this.values);
      this.querySelector(".rnn-panels").replaceChildren(...panels);
      clearTimeout(this.saying); // a reader who drags a slider hears the end, not each step
      this.querySelector(".rnn-said").textContent || this.say(said);
      this.saying = setTimeout(() => this.say(said), 300);
    }

    say(text) {
      const line = this.querySelector(".rnn-said");
      if (line.textContent !== text) line.textContent = text;
    }

    // lines: [{y, class}], each y a list over x = 1, 2, …; the picture's alt text is what the figure says.
    plot({ lines, low, high, label, height = 150, alt }) {
      const width = Math.max(240, this.clientWidth - 34), left = 44, top = 20, right = width - 8, bottom = height - 22;
      const T = lines[0].y.length;
      const X = t => left + ((right - left) * t) / T, Y = y => bottom - ((bottom - top) * (Math.min(Math.max(y, low), high) - low)) / (high - low);
      const svg = node("svg", { class: "rnn-plot", role: "img", "aria-label": alt, width, height, viewBox: `0 0 ${width} ${height}` });
      for (const y of ticks(low, high)) {
        svg.append(node("line", { class: "rnn-grid", x1: left, x2: right, y1: Y(y), y2: Y(y) }));
        svg.append(node("text", { x: left - 6, y: Y(y) + 4, "text-anchor": "end" }, String(y).replace("-", "−")));
      }
      for (const t of ticks(0, T)) svg.append(node("text", { x: X(t), y: bottom + 16, "text-anchor": "middle" }, String(t)));
      svg.append(node("text", { x: left, y: 12 }, label));
      for (const line of lines) svg.append(node("polyline", { class: line.class, points: line.y.map((y, k) => `${X(k + 1).toFixed(1)},${Y(y).toFixed(1)}`).join(" ") }));
      return svg;
    }
  };
}
