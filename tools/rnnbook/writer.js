// <rnn-writer name="char-rnn" prompt="Alice ">: a trained network that writes in the page, and shows its state while it does.
// The weights are those of the lesson's own run (rnnlib.book.weights), eight bits a number, loaded when the element is seen.

const numbers = (base64, scale) => Float32Array.from(new Int8Array(Uint8Array.from(atob(base64), (c) => c.charCodeAt(0)).buffer), (q) => q * scale);

// Rows are samples, as in the book: h_t = tanh(x_t W_xh + h_{t-1} W_hh + b_h), logits = h_t W_hy + b_y.
export class Network {
  constructor({ symbols, weights }) {
    this.symbols = [...symbols];
    for (const [name, { int8, scale }] of Object.entries(weights)) this[name] = numbers(int8, scale);
    this.H = this.b_h.length;
    this.V = this.b_y.length;
    this.reset();
  }
  reset() {
    this.h = new Float32Array(this.H);
  }
  step(id) {
    const { H, W_xh, W_hh, b_h, h } = this;
    const a = Float32Array.from(b_h, (b, j) => b + W_xh[id * H + j]);
    for (let k = 0; k < H; k++) for (let j = 0; j < H; j++) a[j] += h[k] * W_hh[k * H + j];
    this.h = a.map(Math.tanh);
  }
  logits() {
    const { H, V, W_hy, b_y, h } = this;
    const out = Float32Array.from(b_y);
    for (let k = 0; k < H; k++) for (let v = 0; v < V; v++) out[v] += h[k] * W_hy[k * V + v];
    return out;
  }
  probs(temperature) {
    const logits = this.logits().map((z) => z / temperature);
    const top = Math.max(...logits);
    const e = logits.map((z) => Math.exp(z - top));
    const sum = e.reduce((s, x) => s + x, 0);
    return e.map((x) => x / sum);
  }
}

const load = (name) =>
  new Promise((done, fail) => {
    if (globalThis.rnnWeights?.[name]) return done(globalThis.rnnWeights[name]);
    const script = document.createElement("script");
    script.src = new URL(`${name}.js`, import.meta.url);
    script.onload = () => done(globalThis.rnnWeights[name]);
    script.onerror = () => fail(new Error(`the weights ${name} are not beside this script`));
    document.head.append(script);
  });

const shown = (symbol) => ({ " ": "space", "\n": "line" })[symbol] ?? symbol;
const COLUMNS = 25;
const LINES = 3; // of text that stay on the page
const WIDTH = 60;

class Writer extends HTMLElement {
  connectedCallback() {
    if (this.ready) return;
    this.ready = new Promise((done) => {
      new IntersectionObserver(async (seen, observer) => {
        if (!seen.some((entry) => entry.isIntersecting)) return;
        observer.disconnect();
        this.network = new Network(await load(this.getAttribute("name")));
        this.build();
        done(this.network);
      }).observe(this);
    });
  }

  build() {
    this.innerHTML = `
      <pre class="rnn-text" tabindex="0" role="region" aria-label="The text that the network writes"></pre>
      <div class="rnn-inside">
        <svg class="rnn-state" role="img" aria-label="The network's ${this.network.H} state numbers: green above zero, orange below" viewBox="0 0 ${COLUMNS} ${Math.ceil(this.network.H / COLUMNS)}"></svg>
        <ol class="rnn-next" aria-label="The likeliest next characters"></ol>
      </div>
      <div class="rnn-controls">
        <button type="button" class="rnn-play"></button>
        <button type="button" class="rnn-one">One step</button>
        <button type="button" class="rnn-again">Begin again</button>
        <label>begin with <input type="text" size="14" maxlength="60"></label>
        <label>temperature <input type="range" min="0.2" max="1.5" step="0.1" value="0.6"> <output>0.6</output></label>
      </div>`;
    const find = (what) => this.querySelector(what);
    [this.text, this.state, this.next, this.slider, this.prompt] =
      [".rnn-text", ".rnn-state", ".rnn-next", "[type=range]", "[type=text]"].map(find);
    this.prompt.value = this.getAttribute("prompt");
    this.prompt.onchange = () => this.begin();
    for (let j = 0; j < this.network.H; j++) {
      const cell = document.createElementNS("http://www.w3.org/2000/svg", "rect");
      for (const [key, value] of Object.entries({ x: j % COLUMNS, y: Math.floor(j / COLUMNS), width: 0.92, height: 0.92 })) cell.setAttribute(key, value);
      this.state.append(cell);
    }
    this.slider.oninput = () => {
      find("output").textContent = Number(this.slider.value).toFixed(1);
      this.draw();
    };
    find(".rnn-play").onclick = () => (this.timer ? this.pause() : this.play());
    find(".rnn-one").onclick = () => (this.pause(), this.write());
    find(".rnn-again").onclick = () => this.begin();
    this.begin();
    // It moves by itself only for who has not asked for less motion, and not when nobody can see it.
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) this.pause();
    else this.play();
    new IntersectionObserver(([entry]) => !entry.isIntersecting && this.pause()).observe(this);
  }

  begin() {
    this.network.reset();
    this.written = "";
    for (const symbol of this.prompt.value || "\n") {
      const id = this.network.symbols.indexOf(symbol); // a letter that it never read is passed over
      if (id >= 0) this.feed(id);
    }
    this.draw();
  }

  feed(id) {
    this.network.step(id);
    this.written += this.network.symbols[id];
  }

  write() {
    let rest = Math.random();
    const probs = this.network.probs(Number(this.slider.value));
    const id = probs.findIndex((p) => (rest -= p) < 0);
    this.feed(id < 0 ? probs.length - 1 : id);
    this.draw();
  }

  play() {
    this.timer ??= setInterval(() => this.write(), 120);
    this.querySelector(".rnn-play").textContent = "Pause";
  }

  pause() {
    clearInterval(this.timer);
    this.timer = null;
    this.querySelector(".rnn-play").textContent = "Write";
  }

  draw() {
    const lines = this.written.split("\n").flatMap((line) => line.match(new RegExp(`.{1,${WIDTH}}`, "g")) ?? [""]);
    this.text.textContent = lines.slice(-LINES).join("\n");
    this.network.h.forEach((value, j) => {
      this.state.children[j].setAttribute("class", value > 0 ? "rnn-up" : "rnn-down");
      this.state.children[j].setAttribute("fill-opacity", Math.abs(value).toFixed(2));
    });
    const probs = this.network.probs(Number(this.slider.value));
    const best = [...probs.keys()].sort((a, b) => probs[b] - probs[a]).slice(0, 5);
    this.next.replaceChildren(
      ...best.map((id) => {
        const item = document.createElement("li");
        item.style.setProperty("--p", probs[id]);
        item.textContent = `${shown(this.network.symbols[id])} ${Math.round(100 * probs[id])} %`;
        return item;
      }),
    );
  }
}

customElements.define("rnn-writer", Writer);
