// Runs in the build, not in a page: the formulas of one page, from TeX to HTML, with MathML for screen readers.
globalThis.MathJax = {
  startup: { typeset: false, adaptor: "liteAdaptor", pageReady: () => {} },
  loader: { load: [] },
  tex: { formatError: (_, error) => { throw error; } },
  chtml: { fontURL: "FONTS", adaptiveCSS: true },
};

function begin() {
  MathJax.startup.getComponents();
  MathJax.startup.makeMethods();
  const output = MathJax.startup.output;
  output.processMath = function (math, node) { // as MathJax does it, but the width is kept
    const wrapped = this.factory.wrap(math);
    this.width = wrapped.getOuterBBox().w;
    wrapped.toCHTML(node);
  };
}

// formulas: [[tex, display], …] → {made: [{html, width in em} or {error}, …], css}
function typeset(formulas) {
  const { output, adaptor } = MathJax.startup;
  output.clearCache();
  const made = formulas.map(([tex, display]) => {
    try {
      MathJax.texReset();
      const node = MathJax.tex2chtml(tex, { display, em: 16, ex: 8, containerWidth: 80 * 16 });
      return { html: adaptor.innerHTML(node), width: output.width };
    } catch (error) {
      return { error: error.message };
    }
  });
  return { made, css: adaptor.textContent(MathJax.chtmlStylesheet()) };
}
