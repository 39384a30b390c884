// A copied formula is its TeX.
document.addEventListener("copy", event => {
  const range = getSelection().rangeCount && getSelection().getRangeAt(0);
  const part = range && range.cloneContents();
  if (!part || !part.querySelector("mjx-container")) return;
  for (const node of part.querySelectorAll("mjx-container")) {
    const mark = node.hasAttribute("display") ? "$$" : "$";
    node.replaceWith(mark + node.dataset.tex + mark);
  }
  for (const block of part.querySelectorAll("p, li, dt, dd, tr, div, h1, h2, h3")) block.append("\n");
  event.clipboardData.setData("text/plain", part.textContent.trim());
  event.preventDefault();
});
