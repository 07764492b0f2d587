// All verdicts on one page: look, judge, go on by the keyboard; then save the tables that the index reads.
"use strict";
(() => {
  const { chiomics } = window;
  const { rows } = chiomics.cohort;
  const root = "../";
  const form = document.getElementById("verdict");
  const list = document.getElementById("sessions");
  const given = (row) => row[row.length - 1] || {};
  let place = 0;

  function show() {
    const row = rows[place];
    document.getElementById("session").textContent = row[0];
    document.getElementById("page").href = root + row[1];
    const pictures = document.getElementById("pictures");
    pictures.replaceChildren(
      ...(given(row).pictures || []).map((path) => {
        const picture = new Image();
        [picture.src, picture.alt, picture.loading] = [root + path, `Quality control of ${row[0]}: ${path.split("/").pop()}`, "lazy"];
        picture.style.maxWidth = "100%";
        return picture;
      })
    );
    const steps = document.getElementById("steps");
    steps.replaceChildren(
      ...(given(row).steps || []).map((step) => {
        const label = document.createElement("label");
        const box = document.createElement("input");
        [box.type, box.dataset.step] = ["checkbox", step];
        label.append(box, ` accept the step “${step}” though its check failed`);
        return label;
      })
    );
    chiomics.showVerdict(form, row[0], given(row), count);
    list.value = String(place);
  }

  function go(step) {
    place = Math.min(Math.max(place + step, 0), rows.length - 1);
    show();
  }

  function all() {
    return rows.map((row) => ({ session: row[0], ...chiomics.verdictOf(row[0], given(row)) }));
  }

  function count() {
    const found = all();
    const of = (name) => found.filter((one) => one.verdict === name).length;
    document.getElementById("counts").textContent =
      `${of("pass")} pass, ${of("fail")} fail, ${of("unsure")} unsure, ${of("")} without a verdict`;
  }

  const tables = {
    "qc_exclude.tsv": () =>
      chiomics.table(["session", "reason"], all().filter((one) => one.verdict === "fail").map((one) => [one.session, chiomics.cell(one.note) || "fails the visual check"])),
    "qc_accept.tsv": () =>
      chiomics.table(["session", "step"], all().flatMap((one) => one.accepted.map((step) => [one.session, step]))),
    "qc_verdicts.tsv": () =>
      chiomics.table(
        ["session", "verdict", "note", "accepted"],
        all().filter((one) => one.verdict || one.note || one.accepted.length)
          .map((one) => [one.session, one.verdict || "n/a", chiomics.cell(one.note) || "n/a", one.accepted.join("; ") || "n/a"])
      ),
  };
  document.querySelectorAll("[data-save]").forEach((button) => {
    button.onclick = () => chiomics.save(button.dataset.save, tables[button.dataset.save]());
  });
  document.getElementById("read").onchange = async (event) => {
    const [head, ...lines] = (await event.target.files[0].text()).trim().split(/\r?\n/).map((line) => line.split("\t"));
    const said = document.getElementById("counts");
    if (!["session", "verdict"].every((name) => head.includes(name))) {
      said.textContent = `This is no qc_verdicts.tsv: its columns are ${head.join(", ")}`;
      return;
    }
    const known = new Set(rows.map((row) => row[0]));
    for (const line of lines) {
      const { session, verdict, note, accepted } = Object.fromEntries(head.map((name, number) => [name, line[number] === "n/a" ? "" : line[number]]));
      if (known.has(session)) chiomics.verdicts.set(session, { verdict, note: note || "", accepted: accepted ? accepted.split("; ") : [] });
    }
    show();
    count();
  };
  rows.forEach((row, number) => list.append(new Option(row[0], String(number))));
  list.onchange = () => {
    place = Number(list.value);
    show();
  };
  document.querySelectorAll("[data-go]").forEach((button) => (button.onclick = () => go(Number(button.dataset.go))));
  chiomics.verdictKeys(() => form, go);
  if (rows.length) show();
  count();
})();
