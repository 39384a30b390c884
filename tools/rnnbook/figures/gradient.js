// The gradient through time (lesson 4.1): one network, one input sequence; spectral radius, tanh, size of the input and width are the reader's.
// Rows are samples, as in the book: h_t = tanh(x_t W_xh + h_{t-1} W_hh), J_t = diag(1 - h_t²) W_hhᵀ. Matrices are flat, row after row.

const STEPS = 60;

function normals(seed) { // mulberry32, then Box and Muller
  const uniform = () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let z = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    z = (z + Math.imul(z ^ (z >>> 7), 61 | z)) ^ z;
    return ((z ^ (z >>> 14)) >>> 0) / 4294967296;
  };
  return n => Float64Array.from({ length: n }, () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform()));
}

function product(A, B, H) {
  const C = new Float64Array(H * H);
  for (let i = 0; i < H; i++) for (let k = 0; k < H; k++) {
    const a = A[i * H + k];
    for (let j = 0; j < H; j++) C[i * H + j] += a * B[k * H + j];
  }
  return C;
}

const largest = A => A.reduce((most, a) => Math.max(most, Math.abs(a)), 0);

// Gelfand's formula at n = 2^40: the matrix is squared and rescaled.
function spectralRadius(W, H) {
  let A = W, log = 0;
  for (let k = 1; k <= 40; k++) {
    const size = largest(A);
    log += Math.log(size) / 2 ** (k - 1);
    A = A.map(a => a / size);
    A = product(A, A, H);
  }
  return Math.exp(log + Math.log(largest(A)) / 2 ** 40);
}

// The largest singular value, by the power method on (PᵀP)^64.
function norm(P, H) {
  let M = new Float64Array(H * H);
  for (let k = 0; k < H; k++) for (let i = 0; i < H; i++) for (let j = 0; j < H; j++) M[i * H + j] += P[k * H + i] * P[k * H + j];
  for (let k = 0; k < 6; k++) {
    const size = largest(M);
    if (!size) return 0;
    M = M.map(a => a / size);
    M = product(M, M, H);
  }
  const times = (A, v) => Float64Array.from({ length: H }, (_, i) => v.reduce((sum, x, j) => sum + A[i * H + j] * x, 0));
  let v = Float64Array.from({ length: H }, (_, i) => 1 + i / H), before = 0, size = 1;
  for (let k = 0; k < 60 && Math.abs(size - before) > 1e-15 * size; k++) {
    v = times(M, v);
    const length = Math.hypot(...v);
    v = v.map(a => a / length);
    [before, size] = [size, Math.hypot(...times(P, v))];
  }
  return size;
}

const networks = {};
function network(H) { // with spectral radius 1, made once
  if (networks[H]) return networks[H];
  const draw = normals(8 + H), W = draw(H * H), rho = spectralRadius(W, H);
  return (networks[H] = { W: W.map(w => w / rho), inputs: draw(STEPS * H) });
}

// log10 of the product's norm after 1, 2, … steps, and the states. Without the tanh the states do not matter.
function gradient({ rho, tanh, input, H }) {
  const { W, inputs } = network(H), W_hh = W.map(w => rho * w), norms = [], states = [];
  let h = new Float64Array(H), P = Float64Array.from({ length: H * H }, (_, k) => (k % (H + 1) ? 0 : 1)), log = 0;
  for (let t = 0; t < STEPS; t++) {
    const a = inputs.slice(t * H, t * H + H).map(x => input * x);
    for (let i = 0; i < H; i++) for (let j = 0; j < H; j++) a[j] += h[i] * W_hh[i * H + j];
    h = tanh ? a.map(Math.tanh) : new Float64Array(H);
    states.push(h);
    const J = Float64Array.from({ length: H * H }, (_, k) => (1 - h[Math.floor(k / H)] ** 2) * W_hh[(k % H) * H + Math.floor(k / H)]);
    P = product(J, P, H);
    const size = norm(P, H);
    log += Math.log10(size);
    P = P.map(p => p / (size || 1));
    norms.push(log);
  }
  return { W_hh, inputs, states, norms };
}

// In the page.
if (globalThis.RnnFigure) {
  const WIDTHS = [2, 8, 32];
  customElements.define("rnn-gradient", class extends RnnFigure {
    static controls = [
      { name: "rho", label: "spectral radius", value: 1.1, min: 0.5, max: 3, step: 0.05, show: x => x.toFixed(2) },
      { name: "tanh", label: "tanh", value: true },
      { name: "input", label: "size of the input", value: 0.2, min: 0, max: 2, step: 0.1, show: x => x.toFixed(1) },
      { name: "width", label: "units", value: 2, min: 0, max: 2, step: 1, show: k => WIDTHS[k] },
    ];
    draw({ rho, tanh, input, width }) {
      const { norms } = gradient({ rho, tanh, input, H: WIDTHS[width] });
      const factors = norms.map((log, t) => 10 ** (log - (t ? norms[t - 1] : 0))), late = factors.slice(10);
      const line = norms.map((_, t) => (t + 1) * Math.log10(rho));
      const low = Math.floor(Math.min(0, ...norms, ...line)), high = Math.ceil(Math.max(1, ...norms, ...line));
      const end = norms.at(-1), k = end.toFixed(1).replace("-", "−");
      const said = `After ${STEPS} steps 10 to the power ${k} of the gradient is left: it ${end < -1 ? "vanishes" : end > 1 ? "explodes" : "does neither"}. ` +
        `After the first ten, one step multiplies it by ${Math.min(...late).toFixed(2)} to ${Math.max(...late).toFixed(2)}.`;
      const panels = [
        this.plot({ lines: [{ y: line, class: "rnn-predicted" }, { y: norms, class: "rnn-line" }], low, high, label: "log₁₀ of product (dotted: from ρ)", alt: said }),
        this.plot({ lines: [{ y: factors.map(() => 1), class: "rnn-predicted" }, { y: factors, class: "rnn-line" }], low: 0, high: Math.max(2, Math.ceil(Math.max(...late))), label: "factor by step", alt: "The factor of each step", height: 120 }),
      ];
      return { panels, said };
    }
  });
}
