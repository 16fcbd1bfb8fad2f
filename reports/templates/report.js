"use strict";
(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];

  // A link may point at something inside a closed cell: open all that encloses it.
  const reveal = () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target) return;
    for (let node = target; node; node = node.parentElement) {
      if (node.tagName === "DETAILS") node.open = true;
    }
    const evidence = target.nextElementSibling;
    if (evidence && evidence.classList.contains("evidence")) {
      all("details", evidence).forEach((details) => { details.open = true; });
    }
    target.scrollIntoView({ block: "start" });
  };

  // Formulas are in the page once; an open cell shows copies of those it refers to.
  const showFormulas = (details) => {
    all('li > a[href^="#eq-"]', details).forEach((link) => {
      const item = link.parentElement;
      const source = document.getElementById(link.getAttribute("href").slice(1));
      if (!source || item.querySelector(".entry")) return;
      item.append(source.querySelector(".entry").cloneNode(true));
    });
  };

  // The panel begins below the tallest cell of its row.
  const alignPanel = (details) => {
    const heads = all(":scope > th > div, :scope > td > details > summary", details.closest("tr"));
    const summary = details.firstElementChild;
    summary.style.minHeight = "";
    summary.style.minHeight = `${Math.max(...heads.map((head) => head.offsetHeight))}px`;
  };

  document.addEventListener("toggle", (event) => {
    const details = event.target;
    if (!details.open) return;
    if (details.classList.contains("uses")) showFormulas(details);
    if (!details.name) return;
    alignPanel(details);
    // Browsers without exclusive <details> would let two panels of a row overlap.
    all(`details[name="${CSS.escape(details.name)}"][open]`).forEach((other) => {
      if (other !== details) other.open = false;
    });
  }, true);

  all("pre").forEach((block) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "Copy";
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(block.textContent);
        button.textContent = "Copied";
      } catch {
        getSelection().selectAllChildren(block);
        button.textContent = "Selected: press Ctrl+C";
      }
      setTimeout(() => { button.textContent = "Copy"; }, 2000);
    });
    block.before(button);
  });

  const form = document.getElementById("filter");
  const results = all(".matrix tr.result").map((row) => ({
    row,
    cell: row.closest(".matrix > tbody > tr > td"),
    law: row.closest(".matrix > tbody > tr"),
    text: "",
  }));
  results.forEach((item) => {
    const evidence = item.row.nextElementSibling;
    item.evidence = evidence && evidence.classList.contains("evidence") ? evidence : null;
    item.text = `${item.law.dataset.text} ${item.row.textContent}`.toLowerCase();
  });

  const matches = (row, text, wanted) =>
    (!wanted.verdict || row.dataset.verdict === wanted.verdict) &&
    (!wanted.backend || row.dataset.backend === wanted.backend) &&
    (!wanted.dtype || row.dataset.dtype === wanted.dtype) &&
    (!wanted.text || text.includes(wanted.text.toLowerCase()));

  const filter = () => {
    const wanted = Object.fromEntries(new FormData(form));
    const cells = new Set();
    const laws = new Set();
    let shown = 0;
    results.forEach(({ row, evidence, cell, law, text }) => {
      row.hidden = !matches(row, text, wanted);
      if (evidence) evidence.hidden = row.hidden;
      if (row.hidden) return;
      shown += 1;
      cells.add(cell);
      laws.add(law);
    });
    all(".matrix tr.row").forEach((law) => { law.hidden = !laws.has(law); });
    all(".matrix tr.row > td").forEach((cell) => {
      cell.classList.toggle("filtered", shown < results.length && !cells.has(cell));
    });
    all(".matrix tr.group").forEach((group) => {
      group.hidden = !group.parentElement.querySelector("tr.row:not([hidden])");
    });
    all(".failures > li").forEach((item) => {
      item.hidden = !matches(item, item.textContent.toLowerCase(), wanted);
    });
    form.querySelector("output").textContent =
      shown < results.length ? `${shown} of ${results.length} results` : "";
  };
  form.hidden = false;
  form.addEventListener("input", filter);
  form.addEventListener("submit", (event) => event.preventDefault());
  filter();

  all("details.uses[open]").forEach(showFormulas);
  addEventListener("hashchange", reveal);
  reveal();
})();
