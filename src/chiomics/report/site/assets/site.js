// What all pages share: tables that sort, verdicts kept in the browser, and files that a reader saves.
"use strict";
(() => {
  const chiomics = (window.chiomics = window.chiomics || {});
  const script = document.currentScript;
  //: Folder of the results: verdicts of two runs stay apart, and all pages of one run share theirs.
  const results = new URL("../../", script.src).pathname;

  chiomics.read = (id) => JSON.parse(document.getElementById(id).textContent);

  chiomics.save = (name, text) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: "text/tab-separated-values" }));
    link.download = name;
    link.click();
    URL.revokeObjectURL(link.href);
  };

  // A cell of a table: one line, no tabs, and no quote at its start, which readers of tables take for a quoted cell.
  chiomics.cell = (text) => String(text).replace(/\s+/g, " ").trim().replace(/^"+/, "");

  chiomics.table = (columns, rows) =>
    [columns, ...rows].map((row) => row.map(chiomics.cell).join("\t")).join("\n") + "\n";

  // Numbers before text, and nothing last whichever the order.
  chiomics.compare = (one, other, descending) => {
    const empty = (value) => value === null || value === undefined || value === "";
    if (empty(one) || empty(other)) return empty(one) - empty(other);
    const numbers = [Number(one), Number(other)];
    const order = numbers.some(Number.isNaN)
      ? String(one).localeCompare(String(other), undefined, { numeric: true })
      : numbers[0] - numbers[1];
    return descending ? -order : order;
  };

  class Kept {
    constructor(name) {
      this.name = `chiomics ${name} ${results}`;
    }
    all() {
      try {
        return JSON.parse(localStorage.getItem(this.name)) || {};
      } catch {
        return {};
      }
    }
    get(key) {
      return this.all()[key] || {};
    }
    set(key, change) {
      const all = this.all();
      all[key] = { ...all[key], ...change };
      localStorage.setItem(this.name, JSON.stringify(all));
    }
    clear() {
      localStorage.removeItem(this.name);
    }
  }
  chiomics.verdicts = new Kept("verdicts");
  chiomics.ratings = new Kept("ratings");

  // What the operator's tables said when the site was written counts until the reader says something else.
  chiomics.verdictOf = (session, given) => ({ verdict: "", note: "", accepted: [], ...given, ...chiomics.verdicts.get(session) });

  function sortable(table) {
    const body = table.tBodies[0];
    table.tHead.querySelectorAll("th").forEach((head, place) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const descending = head.getAttribute("aria-sort") === "ascending";
        table.querySelectorAll("th").forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", descending ? "descending" : "ascending");
        const value = (row) => row.cells[place].dataset.value ?? row.cells[place].textContent;
        body.append(...[...body.rows].sort((one, other) => chiomics.compare(value(one), value(other), descending)));
      });
    });
  }
  document.addEventListener("DOMContentLoaded", () => document.querySelectorAll("table.sortable").forEach(sortable));
})();
