"use strict";
// Sorting and filtering of the summary table. Without this file the page is whole: all rows, in the order of the study.
(() => {
  const table = document.getElementById("rows");
  if (!table) return;
  const body = table.tBodies[0];
  const rows = Array.from(body.rows);
  const heads = Array.from(table.tHead.rows[0].cells);
  const controls = document.getElementById("controls");
  const selects = Array.from(controls.querySelectorAll("select"));
  const search = controls.querySelector("input");
  const told = document.getElementById("told");
  const texts = rows.map((row) => row.textContent.toLowerCase());

  const filter = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    rows.forEach((row, i) => {
      const fits = selects.every((own) => !own.value || row.cells[own.dataset.column].textContent === own.value);
      row.hidden = !(fits && words.every((word) => texts[i].includes(word)));
      count += !row.hidden;
    });
    const [some, all] = [count, rows.length].map((number) => number.toLocaleString("en"));
    told.textContent = `${some} of the ${all} rows on this page are shown.`;
  };

  const key = (row, column) => {
    const cell = row.cells[column];
    const text = cell.dataset.v ?? cell.textContent;
    return text === "" ? null : Number.isNaN(Number(text)) ? text : Number(text);
  };

  const compare = (a, b) => {
    if (a === null || b === null) return (a === null) - (b === null); // what has no number comes last, both ways
    if (typeof a === typeof b) return a < b ? -1 : a > b ? 1 : 0;
    return typeof a === "number" ? -1 : 1;
  };

  const sort = (column) => {
    const down = heads[column].getAttribute("aria-sort") === "ascending";
    heads.forEach((head, k) => head.setAttribute("aria-sort", k !== column ? "none" : down ? "descending" : "ascending"));
    const keyed = rows.map((row, i) => [key(row, column), i, row]);
    keyed.sort((a, b) => {
      const found = compare(a[0], b[0]);
      return (down && a[0] !== null && b[0] !== null ? -found : found) || a[1] - b[1];
    });
    body.append(...keyed.map((own) => own[2]));
  };

  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    head.setAttribute("aria-sort", "none");
    button.addEventListener("click", () => sort(column));
  });
  selects.forEach((own) => own.addEventListener("change", filter));
  search.addEventListener("input", filter);
  controls.addEventListener("submit", (event) => event.preventDefault());
  controls.querySelector("button").addEventListener("click", () => {
    [search, ...selects].forEach((own) => { own.value = ""; });
    filter();
  });
  selects.filter((own) => own.dataset.first).forEach((own) => { own.value = own.dataset.first; });
  controls.hidden = false;
  filter();
})();
