// The cohort's table and strip plots: sorted and filtered here, a hundred rows on the screen at a time.
"use strict";
(() => {
  const { chiomics } = window;
  const { columns, rows } = chiomics.cohort;
  const ROWS = 100;
  const COLOURS = ["#4477AA", "#EE6677", "#228833", "#CCBB44", "#AA3377", "#888888"];
  const at = Object.fromEntries(columns.map((column, place) => [column.key, place + 2]));
  const state = { sort: "session", descending: false, page: 0 };
  const table = document.getElementById("cohort");
  const filters = [...document.querySelectorAll("[data-filter]")];
  let shown = rows;
  const groups = [...new Set(rows.map((row) => row[at.group] ?? ""))].sort();

  const given = (row) => row[row.length - 1] || {};
  const marks = (row) => row[row.length - 2] || {};
  const value = (row, key) => {
    if (key === "session") return row[0];
    if (key === "verdict") return chiomics.verdictOf(row[0], given(row)).verdict;
    return row[at[key]];
  };
  const text = (row, column) => {
    const found = value(row, column.key);
    if (found === null || found === undefined || found === "") return "";
    return typeof found === "number" ? found.toFixed(column.digits) : String(found);
  };

  function options(select) {
    const key = select.dataset.filter;
    const found = [...new Set(rows.map((row) => String(value(row, key) ?? "")))].filter(Boolean).sort();
    for (const name of key === "verdict" ? ["pass", "fail", "unsure"] : found) select.append(new Option(name, name));
  }

  function keeps(row) {
    return filters.every((filter) => {
      if (filter.type === "checkbox") return !filter.checked || Object.keys(marks(row)).length > 0;
      if (!filter.value) return true;
      if (filter.tagName === "SELECT") return String(value(row, filter.dataset.filter) ?? "") === filter.value;
      const words = filter.value.toLowerCase();
      return columns.some((column) => text(row, column).toLowerCase().includes(words)) || row[0].toLowerCase().includes(words);
    });
  }

  function update() {
    shown = rows.filter(keeps).sort((one, other) => chiomics.compare(value(one, state.sort), value(other, state.sort), state.descending));
    state.page = Math.min(state.page, Math.max(0, Math.ceil(shown.length / ROWS) - 1));
    const body = document.createElement("tbody");
    for (const row of shown.slice(state.page * ROWS, (state.page + 1) * ROWS)) {
      const line = body.insertRow();
      const head = document.createElement("th");
      head.scope = "row";
      const link = document.createElement("a");
      [link.href, link.textContent] = [row[1], row[0]];
      head.append(link);
      line.append(head);
      for (const column of columns) {
        const cell = line.insertCell();
        cell.textContent = text(row, column);
        if (column.digits !== undefined) cell.className = "number";
        else if (cell.textContent.length > 40) cell.className = "wide";
        const why = marks(row)[column.key];
        if (why) {
          cell.classList.add("outlier");
          cell.title = why;
          cell.append(" ▲");
        }
      }
    }
    table.tBodies[0].replaceWith(body);
    const first = state.page * ROWS;
    document.getElementById("count").textContent =
      `${shown.length} of ${rows.length} sessions` + (shown.length > ROWS ? `, ${first + 1} to ${Math.min(first + ROWS, shown.length)} on this page` : "");
    document.getElementById("earlier").disabled = state.page === 0;
    document.getElementById("later").disabled = (state.page + 1) * ROWS >= shown.length;
    table.querySelectorAll("thead th").forEach((head) => {
      if (head.dataset.key === state.sort) head.setAttribute("aria-sort", state.descending ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    });
    document.querySelectorAll("canvas[data-figure]").forEach(strip);
  }

  // One dot per session, where it stands among the others; groups by colour and by height, outliers ringed.
  function strip(canvas) {
    const key = canvas.dataset.figure;
    const points = shown.filter((row) => typeof row[at[key]] === "number");
    const scale = window.devicePixelRatio || 1;
    const [width, height] = [canvas.clientWidth, canvas.clientHeight];
    [canvas.width, canvas.height] = [width * scale, height * scale];
    // Ten thousand points are drawn at once by a processor, and in many seconds by a graphics card that is only imitated.
    const paint = canvas.getContext("2d", { willReadFrequently: true });
    paint.scale(scale, scale);
    paint.clearRect(0, 0, width, height);
    const ink = getComputedStyle(document.body).color;
    const numbers = points.map((row) => row[at[key]]).sort((one, other) => one - other);
    canvas.points = [];
    if (!numbers.length) return;
    const [low, high] = [numbers[0], numbers[numbers.length - 1]];
    const x = (number) => 12 + ((width - 24) * (number - low)) / (high - low || 1);
    const column = columns[at[key] - 2];
    paint.fillStyle = paint.strokeStyle = ink;
    paint.font = "11px system-ui, sans-serif";
    paint.fillText(low.toFixed(column.digits), 4, height - 4);
    const right = high.toFixed(column.digits);
    paint.fillText(right, width - 4 - paint.measureText(right).width, height - 4);
    const median = numbers[Math.floor(numbers.length / 2)];
    paint.setLineDash([4, 3]);
    paint.beginPath();
    paint.moveTo(x(median), 2);
    paint.lineTo(x(median), height - 18);
    paint.stroke();
    paint.setLineDash([]);
    for (const row of points) {
      const group = groups.indexOf(row[at.group] ?? "");
      // A place of its own for every session, the same at every drawing, from the letters of its name.
      const spread = [...row[0]].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) % 97, 7) / 97;
      const y = 8 + ((height - 32) * (group + 0.15 + 0.7 * spread)) / groups.length;
      const point = { row, x: x(row[at[key]]), y };
      canvas.points.push(point);
      paint.fillStyle = COLOURS[group % COLOURS.length];
      paint.beginPath();
      paint.arc(point.x, y, 4, 0, 7);
      paint.fill();
      if (marks(row)[key]) {
        paint.lineWidth = 1.5;
        paint.beginPath();
        paint.arc(point.x, y, 7, 0, 7);
        paint.stroke();
      }
    }
  }

  function nearest(event) {
    const box = event.target.getBoundingClientRect();
    const distance = (point) => Math.hypot(point.x - (event.clientX - box.left), point.y - (event.clientY - box.top));
    const found = event.target.points.reduce((best, point) => (!best || distance(point) < distance(best) ? point : best), null);
    return found && distance(found) < 20 ? found.row : null;
  }

  // Which colour is which group, from above to below.
  for (const [place, group] of groups.entries()) {
    if (groups.length < 2 || !document.getElementById("groups")) break;
    const swatch = document.createElement("span");
    swatch.className = "swatch";
    swatch.style.background = COLOURS[place % COLOURS.length];
    document.getElementById("groups").append(swatch, `${group || "no group"} `);
  }
  filters.filter((filter) => filter.tagName === "SELECT").forEach(options);
  filters.forEach((filter) =>
    filter.addEventListener("input", () => {
      state.page = 0;
      update();
    })
  );
  table.querySelectorAll("thead button").forEach((button) =>
    button.addEventListener("click", () => {
      const { key } = button.closest("th").dataset;
      state.descending = state.sort === key && !state.descending;
      state.sort = key;
      update();
    })
  );
  for (const [id, step] of [["earlier", -1], ["later", 1]])
    document.getElementById(id).addEventListener("click", () => {
      state.page += step;
      update();
    });
  document.querySelectorAll("canvas[data-figure]").forEach((canvas) => {
    canvas.addEventListener("click", (event) => {
      const row = nearest(event);
      if (row) location.href = row[1];
    });
    canvas.addEventListener("mousemove", (event) => {
      const row = nearest(event);
      canvas.title = row ? `${row[0]}: ${row[at[canvas.dataset.figure]]}` : "";
    });
  });
  window.addEventListener("resize", () => document.querySelectorAll("canvas[data-figure]").forEach(strip));
  window.addEventListener("pageshow", update);
  update();
})();
