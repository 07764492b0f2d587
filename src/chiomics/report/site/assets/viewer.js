// The viewer of a session's volumes, by NiiVue. Volumes come from scripts beside the page: a page that was opened from a
// folder may load these and nothing else.
"use strict";
(() => {
  const { chiomics } = window;
  const page = chiomics.read("page");
  const volumes = new Map(page.volumes.map((volume) => [volume.key, volume]));
  const waiting = new Map();
  const promised = new Map();
  const images = new Map();
  const readout = document.getElementById("readout");
  const status = document.getElementById("viewer-status");
  const chosen = { base: page.volumes.find((volume) => volume.kind === "image").key, overlays: new Map() };
  let viewer;

  chiomics.receive = (key, content) => waiting.get(key).resolve(content);

  function fetchScript(key) {
    const promise = new Promise((resolve, reject) => waiting.set(key, { resolve, reject }));
    const script = document.createElement("script");
    script.src = `${page.folder}/${key}.js`;
    script.onerror = () => waiting.get(key).reject(new Error(`${script.src} cannot be read`));
    document.head.append(script);
    return promise.finally(() => script.remove());
  }

  function load(key) {
    if (!promised.has(key)) promised.set(key, decode(key));
    return promised.get(key);
  }

  async function decode(key) {
    const volume = volumes.get(key);
    status.textContent = `Loading ${volume.label} …`;
    const base64 = await fetchScript(key);
    const [low, high] = volume.kind === "image" ? volume.window : [0, Math.max(...volume.labels.map((label) => label.value), 1)];
    const image = await niivue.NVImage.loadFromBase64({
      base64, name: `${key}.nii.gz`, colormap: "gray", cal_min: low, cal_max: high, colorbarVisible: volume.kind === "image",
    });
    if (volume.kind !== "image") {
      const table = { R: [0], G: [0], B: [0], A: [0], I: [0], labels: [""] };
      for (const { value, name, colour } of volume.labels) {
        const [red, green, blue] = [1, 3, 5].map((place) => parseInt(colour.slice(place, place + 2), 16));
        table.R.push(red); table.G.push(green); table.B.push(blue); table.A.push(255); table.I.push(value); table.labels.push(name);
      }
      image.setColormapLabel(table);
    }
    status.textContent = "";
    images.set(key, image);
    return image;
  }

  async function show() {
    const keys = [chosen.base, ...chosen.overlays.keys()];
    const loaded = await Promise.all(keys.map(load));
    if (keys.join() !== [chosen.base, ...chosen.overlays.keys()].join()) return; // the reader chose on
    const cross = [...viewer.scene.crosshairPos];
    while (viewer.volumes.length) viewer.removeVolumeByIndex(0);
    loaded.forEach((image, place) => {
      image.opacity = place ? chosen.overlays.get(keys[place]) : 1;
      viewer.addVolume(image);
    });
    viewer.scene.crosshairPos = cross;
    viewer.updateGLVolume();
    legend();
    windowOf(volumes.get(chosen.base), loaded[0]);
    report();
  }

  function windowOf(volume, image) {
    const [low, high] = ["low", "high"].map((name) => document.getElementById(`window-${name}`));
    document.getElementById("window-unit").textContent = volume.unit ? ` ${volume.unit}` : "";
    [low.value, high.value] = [image.cal_min, image.cal_max].map((value) => Number(value.toPrecision(4)));
    const change = () => {
      if (!(Number(low.value) < Number(high.value))) return;
      [image.cal_min, image.cal_max] = [Number(low.value), Number(high.value)];
      viewer.updateGLVolume();
    };
    low.onchange = high.onchange = change;
    for (const [id, factor] of [["narrower", 0.8], ["wider", 1.25]]) {
      document.getElementById(id).onclick = () => {
        const [middle, half] = [(image.cal_max + image.cal_min) / 2, (factor * (image.cal_max - image.cal_min)) / 2];
        [low.value, high.value] = [middle - half, middle + half].map((value) => Number(value.toPrecision(4)));
        change();
      };
    }
  }

  function legend() {
    const list = document.getElementById("legend");
    list.replaceChildren();
    for (const key of chosen.overlays.keys())
      for (const { name, colour } of volumes.get(key).labels) {
        const item = document.createElement("li");
        const swatch = document.createElement("span");
        swatch.className = "swatch";
        swatch.style.background = colour;
        item.append(swatch, name);
        list.append(item);
      }
  }

  // What stands under the crosshair in every volume that was loaded: values with their units, and the names of regions.
  function say(mm) {
    const said = [];
    for (const volume of page.volumes) {
      const image = images.get(volume.key);
      if (!image) continue;
      const value = image.getValue(...image.mm2vox([...mm.slice(0, 3), 1]));
      if (volume.kind === "image") {
        if (volume.unit) said.push(`${volume.label} ${value.toFixed(volume.digits)} ${volume.unit}`);
      } else if (value) {
        said.push(volume.labels.find((label) => label.value === value)?.name ?? `${volume.label} ${value}`);
      }
    }
    return said;
  }

  function report() {
    const mm = [...viewer.frac2mm(viewer.scene.crosshairPos)];
    const place = ["x", "y", "z"].map((name, axis) => `${name} ${mm[axis].toFixed(1)}`).join(", ");
    readout.textContent = `${say(mm).join(" · ") || "outside"} — ${place} mm`;
  }

  function put(mm) {
    viewer.scene.crosshairPos = viewer.mm2frac([...mm]);
    viewer.drawScene();
    report();
  }

  function controls() {
    const base = document.getElementById("base");
    base.onchange = () => {
      chosen.base = base.value;
      show().catch(failed);
    };
    document.querySelectorAll("[data-overlay]").forEach((box) => {
      const opacity = box.closest("div").querySelector("input[type=range]");
      const change = () => {
        if (box.checked) chosen.overlays.set(box.dataset.overlay, Number(opacity.value));
        else chosen.overlays.delete(box.dataset.overlay);
        show().catch(failed);
      };
      box.onchange = opacity.onchange = change;
    });
    document.querySelectorAll("[data-look]").forEach((button) => {
      button.onclick = () => {
        const look = page.looks[Number(button.dataset.look)];
        base.value = chosen.base = look.base;
        chosen.overlays = new Map();
        document.querySelectorAll("[data-overlay]").forEach((box) => {
          box.checked = look.overlays.includes(box.dataset.overlay);
          const opacity = box.closest("div").querySelector("input[type=range]");
          if (box.checked) chosen.overlays.set(box.dataset.overlay, Number(opacity.value));
        });
        show().catch(failed);
      };
    });
    const canvas = document.getElementById("volume-canvas");
    const steps = { ArrowLeft: [-1, 0, 0], ArrowRight: [1, 0, 0], ArrowUp: [0, 1, 0], ArrowDown: [0, -1, 0], PageUp: [0, 0, 1], PageDown: [0, 0, -1] };
    canvas.addEventListener("keydown", (event) => {
      if (!steps[event.key]) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      viewer.moveCrosshairInVox(...steps[event.key]);
      report();
    }, true);
  }

  function failed(error) {
    status.textContent = `The viewer cannot show this: ${error.message}`;
    throw error;
  }

  async function start() {
    const canvas = document.getElementById("volume-canvas");
    if (!canvas.getContext("webgl2")) throw new Error("this browser gives no WebGL 2; the pictures below show the same");
    viewer = new niivue.Niivue({
      backColor: [0, 0, 0, 1], crosshairColor: [1, 0.85, 0.2, 0.9], crosshairWidth: 0.4, crosshairWidthUnit: "mm", isColorbar: true, isCornerOrientationText: true, dragAndDropEnabled: false, show3Dcrosshair: false,
      multiplanarShowRender: niivue.SHOW_RENDER.NEVER, isRadiologicalConvention: false, loadingText: "", logLevel: "error",
    });
    await viewer.attachToCanvas(canvas);
    viewer.setSliceType(viewer.sliceTypeMultiplanar);
    viewer.setInterpolation(true); // voxels as they are
    viewer.onLocationChange = report;
    controls();
    await show();
    const at = /^#mm=(-?[\d.]+),(-?[\d.]+),(-?[\d.]+)$/.exec(location.hash);
    if (at) put(at.slice(1).map(Number));
    // Names of regions under the crosshair: label images are small, and come once the picture is there.
    for (const volume of page.volumes) if (volume.kind === "labels") await load(volume.key);
    report();
  }

  chiomics.viewer = { ready: start().catch(failed), put, say, get shown() { return viewer; } };
})();
