/* Tables of the class "sortable" are sorted by a click on a heading. */
"use strict";
(function () {
  const SEVERITY = ["status-warnings", "status-failed", "status-neutral", "status-ok"];

  /* Statuses go by what needs attention first, all else by its text and its numbers. */
  function sortKey(cell) {
    const status = cell.querySelector("[class^=status-]");
    return (status ? SEVERITY.indexOf(status.className) + " " : "") + cell.textContent.trim();
  }

  function sortTable(table, column, ascending) {
    const rows = Array.from(table.tBodies[0].rows, row => [sortKey(row.cells[column]), row]);
    const order = new Intl.Collator("en", { numeric: true }).compare;
    rows.sort((a, b) => (ascending ? 1 : -1) * order(a[0], b[0]));
    for (const pair of rows) table.tBodies[0].appendChild(pair[1]);
  }

  function makeSortable(table) {
    const headings = table.querySelectorAll("thead th");
    headings.forEach((heading, column) => {
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

  document.querySelectorAll("table.sortable").forEach(makeSortable);
}());
