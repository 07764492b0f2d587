// A session's page: its verdict, and the way to the sessions beside it.
"use strict";
(() => {
  const { chiomics } = window;
  const page = chiomics.read("page");
  const form = document.getElementById("verdict");
  chiomics.showVerdict(form, page.session, page.given);
  window.addEventListener("storage", () => chiomics.showVerdict(form, page.session, page.given));

  // The table of the cohort is written after the sessions' pages: the way to neighbours comes from it.
  const data = chiomics.cohort;
  const place = data ? data.rows.findIndex((row) => row[0] === page.session) : -1;
  const go = (step) => {
    const row = place < 0 ? undefined : data.rows[place + step];
    if (row) location.href = page.root + row[1];
  };
  document.querySelectorAll("[data-go]").forEach((button) => {
    const step = Number(button.dataset.go);
    button.disabled = place < 0 || !data.rows[place + step];
    button.onclick = () => go(step);
  });
  chiomics.verdictKeys(() => form, go);
  if (place >= 0) {
    const said = data.rows[place][data.columns.findIndex((column) => column.key === "outliers") + 2];
    document.getElementById("outliers").textContent = said || "none";
  }
})();
