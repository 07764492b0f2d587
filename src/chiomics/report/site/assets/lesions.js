// Candidates of rim lesions: an expert confirms or rejects them, and saves the ratings that the index reads.
"use strict";
(() => {
  const { chiomics } = window;
  const { lesions } = chiomics.read("lesions-data");
  const PAGE = 40;
  const list = document.getElementById("lesions");
  const rater = document.getElementById("rater");
  const only = document.getElementById("unrated");
  let first = 0;

  rater.value = chiomics.ratings.get("rater").name || "";
  rater.onchange = () => chiomics.ratings.set("rater", { name: rater.value });
  const keyOf = (lesion) => `${lesion.session} ${lesion.lesion}`;

  function card(lesion) {
    const box = document.createElement("div");
    box.className = "lesion";
    const picture = document.createElement("div");
    picture.className = "planes";
    picture.setAttribute("role", "img");
    picture.setAttribute("aria-label", `χ and FLAIR of lesion ${lesion.lesion} of ${lesion.session} in three planes`);
    const { width, height } = lesion;
    picture.style.cssText = `width:${width}px;height:${height}px;background-position:0 -${lesion.top}px`;
    picture.style.backgroundImage = `url("${encodeURI(lesion.picture)}")`;
    const words = document.createElement("div");
    const title = document.createElement("h3");
    const link = document.createElement("a");
    [link.href, link.textContent] = [lesion.page, `${lesion.session}, lesion ${lesion.lesion}`];
    title.append(link);
    const facts = document.createElement("p");
    facts.textContent = lesion.facts;
    words.append(title, facts);
    const buttons = [["1", "Rim: confirm"], ["0", "No rim: reject"], ["", "No call"]].map(([call, label]) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = label;
      const press = () => button.setAttribute("aria-pressed", String((chiomics.ratings.get(keyOf(lesion)).rim ?? "") === call));
      press();
      button.onclick = () => {
        chiomics.ratings.set(keyOf(lesion), { rim: call });
        buttons.forEach((other) => other.press());
        count();
      };
      button.press = press;
      return button;
    });
    words.append(...buttons);
    box.append(picture, words);
    return box;
  }

  function wanted() {
    return lesions.filter((lesion) => !only.checked || !chiomics.ratings.get(keyOf(lesion)).rim);
  }

  function count() {
    const calls = lesions.map((lesion) => chiomics.ratings.get(keyOf(lesion)).rim);
    document.getElementById("counts").textContent =
      `${lesions.length} candidates: ${calls.filter((call) => call === "1").length} confirmed, ${calls.filter((call) => call === "0").length} rejected`;
  }

  function show() {
    const found = wanted();
    first = Math.max(0, Math.min(first, found.length - 1));
    list.replaceChildren(...found.slice(first, first + PAGE).map(card));
    document.getElementById("place").textContent = found.length ? `${first + 1} to ${Math.min(first + PAGE, found.length)} of ${found.length}` : "none";
    document.getElementById("earlier").disabled = first === 0;
    document.getElementById("later").disabled = first + PAGE >= found.length;
    count();
  }

  only.onchange = show;
  for (const [id, step] of [["earlier", -PAGE], ["later", PAGE]])
    document.getElementById(id).onclick = () => {
      first += step;
      show();
    };
  document.getElementById("save").onclick = () => {
    const name = chiomics.cell(rater.value);
    if (!name) {
      document.getElementById("counts").textContent = "Give the rater's name first.";
      rater.focus();
      return;
    }
    const rated = lesions.filter((lesion) => chiomics.ratings.get(keyOf(lesion)).rim);
    const rows = rated.map((lesion) => [lesion.participant_id, lesion.session_id || "n/a", lesion.run || "n/a", lesion.lesion, name, chiomics.ratings.get(keyOf(lesion)).rim]);
    chiomics.save("rim_ratings.tsv", chiomics.table(["participant_id", "session_id", "run", "lesion", "rater", "rim"], rows));
  };
  show();
})();
