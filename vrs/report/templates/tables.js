/* Tables of the class "sortable" are sorted by a click on a heading, other than of pictures. */
"use strict";
(function () {
  const SEVERITY = ["status-warnings", "status-failed", "status-neutral", "status-ok"];

  /* Statuses go by what needs attention first, values by size with empty cells last, all else by
     its text and its numbers. */
  function sortKey(cell) {
    const value = cell.dataset.value;
    if (value !== undefined) return value === "" ? Infinity : Number(value);
    const status = cell.querySelector("[class^=status-]");
    return (status ? SEVERITY.indexOf(status.className) + " " : "") + cell.textContent.trim();
  }

  function sortTable(table, column, ascending) {
    const rows = Array.from(table.tBodies[0].rows, row => [sortKey(row.cells[column]), row]);
    const words = new Intl.Collator("en", { numeric: true }).compare;
    const order = (a, b) => typeof a === "number" ? (a - b || 0) : words(a, b);
    rows.sort((a, b) => (ascending ? 1 : -1) * order(a[0], b[0]));
    for (const pair of rows) table.tBodies[0].appendChild(pair[1]);
  }

  function makeSortable(table) {
    const headings = table.querySelectorAll("thead th");
    headings.forEach((heading, column) => {
      if (heading.className === "picture") return;
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = heading.textContent;
      heading.textContent = "";
      heading.appendChild(button);
      button.addEventListener("click", () => {
        const ascending = heading.getAttribute("aria-sort") !== "ascending";
        for (const other of headings) other.removeAttribute("aria-sort");
        heading.setAttribute("aria-sort", ascending ? "ascending" : "descending");
        sortTable(table, column, ascending);
      });
    });
  }

  /* A form above a table says which of its rows are shown. */
  function makeFiltered(form, table) {
    const fields = form.elements, rows = Array.from(table.tBodies[0].rows);
    function filter() {
      const text = fields.text.value.trim().toLowerCase();
      for (const row of rows) row.hidden = !(
        row.cells[0].textContent.toLowerCase().includes(text)
        && (!fields.state.value || row.dataset.state === fields.state.value)
        && (!fields.findings.value || row.dataset.findings.split(" ").includes(fields.findings.value)));
      form.querySelector("output").textContent =
        rows.filter(row => !row.hidden).length + " of " + rows.length + " shown";
    }
    form.addEventListener("input", filter);
    form.addEventListener("submit", event => event.preventDefault());
    form.hidden = false;
  }

  document.querySelectorAll("table.sortable").forEach(makeSortable);
  const filters = document.querySelector("form.filters");
  if (filters) makeFiltered(filters, document.querySelector("table.filtered"));
}());
