// Click a column's head to sort a list by it; again for the other way.
(function () {
  "use strict";
  document.querySelectorAll("table.sortable").forEach(function (table) {
    var body = table.tBodies[0], heads = Array.from(table.tHead.rows[0].cells);
    heads.forEach(function (head, column) {
      var button = document.createElement("button");
      button.type = "button";
      button.append.apply(button, Array.from(head.childNodes));
      head.append(button);
      button.addEventListener("click", function () {
        var numeric = column > 1 && !head.classList.contains("left"), up = head.getAttribute("aria-sort") === (numeric ? "descending" : "ascending");
        if (!numeric) up = head.getAttribute("aria-sort") !== "ascending";
        heads.forEach(function (other) { other.removeAttribute("aria-sort"); });
        head.setAttribute("aria-sort", up ? "ascending" : "descending");
        var rows = Array.from(body.rows).map(function (row) {
          var text = row.cells[column].textContent;
          return { row: row, key: numeric ? parseFloat(text.replace("<", "")) || 0 : text };
        });
        rows.sort(function (a, b) {
          var order = numeric ? a.key - b.key : a.key.localeCompare(b.key, "en", { numeric: true });
          return up ? order : -order;
        });
        rows.forEach(function (entry) { body.append(entry.row); });
      });
    });
  });
})();
