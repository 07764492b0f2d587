// The verdict on one session: buttons, keys and a note; the page says what was kept.
"use strict";
(() => {
  const { chiomics } = window;
  const KEYS = { p: "pass", f: "fail", u: "unsure" };

  chiomics.showVerdict = (form, session, given, changed) => {
    const now = chiomics.verdictOf(session, given);
    form.querySelectorAll("[data-verdict]").forEach((button) => {
      button.setAttribute("aria-pressed", String(button.dataset.verdict === now.verdict));
      button.onclick = () => keep({ verdict: button.dataset.verdict === chiomics.verdictOf(session, given).verdict ? "" : button.dataset.verdict });
    });
    const note = form.querySelector("[data-note]");
    note.value = now.note;
    note.onchange = () => keep({ note: note.value });
    form.onsubmit = (event) => {
      event.preventDefault();
      note.blur(); // Enter ends the note, and keys give verdicts again
    };
    form.querySelectorAll("[data-step]").forEach((box) => {
      box.checked = now.accepted.includes(box.dataset.step);
      box.onchange = () =>
        keep({ accepted: [...form.querySelectorAll("[data-step]")].filter((one) => one.checked).map((one) => one.dataset.step) });
    });
    form.querySelector("output").textContent = now.verdict
      ? `Kept in this browser: ${now.verdict}. Export it on the page Verdicts.`
      : "No verdict yet.";

    function keep(change) {
      chiomics.verdicts.set(session, change);
      chiomics.showVerdict(form, session, given, changed);
      if (changed) changed();
    }
  };

  // p, f, u give the verdict, n goes to the note, j and k to the next and the last session; not while one types.
  chiomics.verdictKeys = (form, go) => {
    document.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, textarea")) return;
      if (KEYS[event.key]) form().querySelector(`[data-verdict="${KEYS[event.key]}"]`).click();
      else if (event.key === "n") {
        event.preventDefault();
        form().querySelector("[data-note]").focus();
      } else if (event.key === "j" || event.key === "k") go(event.key === "j" ? 1 : -1);
    });
  };
})();
