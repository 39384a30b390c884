// One LSTM unit as a register (lesson 5.2): at every step the reader writes, erases or shows; the biases and the recurrent weight are sliders.
// The input is (v, w, e, s), a number and three marks: a_i = 20 w - 10, a_f = b_f - 20 e, a_g = v + W_hg h_{t-1}, a_o = b_o + 20 s.

const VALUES = [0.8, -0.5, 0.3, 0.9, -0.7, 0.4, -0.9, 0.6, -0.2, 0.7]; // what stands at the input, written or not
const sigmoid = a => 1 / (1 + Math.exp(-a));

// c and h after each step, and the derivative of the last c by each c: through the memory alone, and by both paths.
function register({ write, erase, show, forget, output, weight, size }) {
  const T = VALUES.length, steps = [];
  let c = 0, h = 0;
  for (let t = 0; t < T; t++) {
    const i = sigmoid(20 * write[t] - 10), f = sigmoid(forget - 20 * erase[t]), o = sigmoid(output + 20 * show[t]);
    const g = Math.tanh(size * VALUES[t] + weight * h);
    c = f * c + i * g;
    h = o * Math.tanh(c);
    steps.push({ i, f, g, o, c, h });
  }
  const alone = Array(T), both = Array(T);
  let memory = 1, dc = 1, dh = 0; // of the last c, by this c and this h
  for (let t = T - 1; t >= 0; t--) {
    const { i, f, g, o, c } = steps[t];
    dc += dh * o * (1 - Math.tanh(c) ** 2);
    [alone[t], both[t]] = [memory, dc];
    dh = dc * i * (1 - g ** 2) * weight;
    dc *= f;
    memory *= f;
  }
  return { c: steps.map(s => s.c), h: steps.map(s => s.h), alone, both };
}

// In the page.
if (globalThis.RnnFigure) {
  const marks = (...at) => VALUES.map((_, t) => at.includes(t + 1));
  const signed = x => x.toFixed(2).replace("-", "−");
  customElements.define("rnn-register", class extends RnnFigure {
    static controls = [
      { name: "write", label: "write at step", value: marks(1) },
      { name: "erase", label: "erase at step", value: marks() },
      { name: "show", label: "show at step", value: marks(5) },
      { name: "forget", label: "forget bias", value: 10, min: -2, max: 10, step: 0.5 },
      { name: "output", label: "output bias", value: -10, min: -10, max: 2, step: 0.5 },
      { name: "size", label: "size of the value", value: 1, min: 0.02, max: 1, step: 0.02, show: x => x.toFixed(2) },
      { name: "weight", label: "recurrent weight", value: 0, min: -6, max: 6, step: 0.5 },
    ];
    draw(values) {
      const { c, h, alone, both } = register(values), around = Math.ceil(Math.max(1, ...c.map(Math.abs)));
      const said = `The last memory is ${signed(c.at(-1))}. Its derivative by the first one is ${signed(alone[0])} through the memory alone ` +
        `and ${signed(both[0])} by both paths.`;
      const far = [...alone, ...both], low = Math.floor(Math.min(0, ...far)), high = Math.ceil(Math.max(1, ...far));
      return { said, panels: [
        this.plot({ lines: [{ y: c, class: "rnn-c" }, { y: h, class: "rnn-line" }], low: -around, high: around, label: "memory c (orange), output h (green)", alt: said }),
        this.plot({ lines: [{ y: alone, class: "rnn-predicted" }, { y: both, class: "rnn-line" }], low, high, label: "dc₁₀/dcₜ: both paths; dotted: memory", alt: said }),
      ] };
    }
  });
}
