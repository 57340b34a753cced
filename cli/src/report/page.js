for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells], body = table.tBodies[0];
  heads.forEach((head, column) => head.addEventListener("click", () => {
    const down = head.getAttribute("aria-sort") === "descending";
    heads.forEach(other => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", down ? "ascending" : "descending");
    const key = row => { const cell = row.cells[column]; return "v" in cell.dataset ? Number(cell.dataset.v) : cell.textContent.trim(); };
    const rows = [...body.rows].map(row => [key(row), row]);
    rows.sort(([one], [other]) => typeof one === "number" ? other - one : one.localeCompare(other));
    if (down) rows.reverse();
    body.append(...rows.map(([, row]) => row));
  }));
}
