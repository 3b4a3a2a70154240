// The playground: from the controls to a spec, from a spec to an image.

const $ = (id) => document.querySelector(`#${id}`);
const controls = [...document.querySelectorAll("[data-item]")];
const sliders = [...document.querySelectorAll("[data-slides]")];
const FIRST = "w_480~h_320~fit_cover";

let spec = Spec.of(kept("spec") || FIRST, told.items);
let original = null;
let asking = null;

const pause = (work, time) => {
  let waiting;
  return (...given) => {
    clearTimeout(waiting);
    waiting = setTimeout(() => work(...given), time);
  };
};

function bytes(number) {
  const [unit, of] = number < 1e6 ? ["kB", 1e3] : ["MB", 1e6];
  return `${(number / of).toLocaleString("en", { maximumSignificantDigits: 3 })} ${unit}`;
}

// Shows the service's own message; the code links to what to do.
function tell(place, refused) {
  place.hidden = !refused;
  place.replaceChildren();
  if (!refused) return;
  const { problem } = refused;
  if (!problem) throw refused;
  const words = document.createElement("p");
  words.textContent = problem.detail ?? problem.title;
  place.append(words);
  if (problem.status === 401) $("token-form").hidden = false;
  if (!problem.code) return;
  const line = document.createElement("p");
  const link = document.createElement("a");
  link.href = `#error-${problem.code}`;
  link.textContent = problem.code;
  line.className = "code";
  line.append(problem.status ? `${problem.status} ` : "", link);
  place.append(line);
}

function fill(except) {
  for (const control of controls) {
    const value = spec.get(control.dataset.item);
    if (control.type === "checkbox") control.checked = value === "1";
    else if (control !== except) control.value = value;
  }
  for (const slider of sliders) {
    const value = spec.get(slider.dataset.slides);
    if (slider !== except) slider.value = value || slider.dataset.rest || slider.max;
  }
  if (except !== $("spec")) $("spec").value = spec.text;
}

function copies(text) {
  const canonical = Spec.of(text, told.items);
  const key = original.key.replaceAll("\\", "\\\\").replaceAll('"', '\\"');
  const given = canonical.arguments;
  const base = told.public_url ?? location.origin;
  // The browser chooses the density of an <img> from what the tag offers.
  const isTag = !canonical.has("dpr", "dl", "exp", "trim");
  const img = isTag ? `{% tt_img "${key}" ${given} alt="" %}` : "an <img> has no dpr, dl and exp of its own";
  $("copy-url").textContent = base + address(original.key, text);
  $("copy-img").textContent = img.replace("  ", " ");
  $("copy-img").parentElement.querySelector("button").disabled = !isTag;
  $("copy-tag").textContent = `{% tt_url "${key}" ${given} %}`.replace("  ", " ");
}

function facts({ blob, took, type, steps }, picture) {
  const share = (100 * blob.size) / original.size;
  const of = [
    [`${picture.naturalWidth} × ${picture.naturalHeight}`, "pixels"],
    [type, ""],
    [bytes(blob.size), `${share < 10 ? share.toFixed(1) : Math.round(share)} % of the original`],
    [`${Math.round(took)} ms`, steps.length ? steps.map(([name, ms]) => `${name} ${Math.round(ms)}`).join(", ") : "from memory"],
  ];
  $("facts").replaceChildren(
    ...of.map(([figure, word]) => {
      const fact = document.createElement("span");
      const strong = document.createElement("b");
      strong.textContent = figure;
      fact.append(strong, word && ` ${word}`);
      return fact;
    }),
  );
}

async function draw() {
  if (!original) return;
  asking?.abort();
  const ask = (asking = new AbortController());
  const result = $("result");
  result.setAttribute("aria-busy", "true");
  try {
    const answer = await render(original.key, spec.text, ask.signal);
    const picture = $("picture");
    URL.revokeObjectURL(picture.src);
    picture.src = URL.createObjectURL(answer.blob);
    await picture.decode();
    if (ask.signal.aborted) return;
    const text = answer.path.split("/").pop();
    $("spelling").hidden = text === $("spec").value;
    $("spelling").textContent = `The canonical spelling is ${text}; yours is redirected there.`;
    picture.parentElement.hidden = false;
    facts(answer, picture);
    copies(text);
    $("copies").hidden = false;
    tell($("problem"));
  } catch (error) {
    if (error.name === "AbortError") return;
    for (const shown of [$("picture").parentElement, $("spelling"), $("copies")]) shown.hidden = true;
    $("facts").replaceChildren();
    tell($("problem"), error);
  } finally {
    if (ask === asking) result.setAttribute("aria-busy", "false");
  }
}

const drawSoon = pause(draw, 150);

function changed(except) {
  kept("spec", spec.text);
  fill(except);
  drawSoon();
}

const stage = new Stage(pause(async (point) => {
  try {
    show(await focus(original.key, point));
    tell($("refused"));
    draw();
  } catch (error) {
    tell($("refused"), error);
  }
}, 120));

// If a file cannot be rendered, the record says why.
function unshown({ image, type }) {
  if (!image) return { detail: `the file is ${type}, which is no picture`, code: "unsupported-format" };
  return image.renderable ? null : (image.reason ?? { detail: "it cannot be rendered" });
}

function show(known) {
  const isOther = original?.key !== known.key;
  original = known;
  const { key, image, size, version, focal_point: point } = known;
  // Uncropped, so that it is the same wherever the focal point is.
  if (isOther) $("original").src = address(key, version ? `w_960~v_${version}` : "w_960");
  $("about").textContent = `${key}, ${image.width} × ${image.height}, ${bytes(size)}. Cuts keep what the ring is on.`;
  for (const slider of sliders) {
    const side = { w: image.width, h: image.height }[slider.dataset.slides];
    if (side) slider.max = Math.min(side, 2400);
  }
  stage.show(point);
}

async function take(work) {
  $("state").textContent = "Uploading…";
  try {
    const known = await work();
    const problem = unshown(known);
    if (problem) throw new Refused(problem);
    $("token-form").hidden = true;
    show(known);
    kept("key", known.key);
    await $("original").decode().catch(() => {});
    $("bench").hidden = false;
    tell($("refused"));
    fill();
    await draw();
  } catch (error) {
    tell($("refused"), error);
  } finally {
    $("state").textContent = "or drop one here";
  }
}

$("spec").addEventListener("input", () => {
  spec = Spec.of($("spec").value.trim(), told.items);
  changed($("spec"));
});
for (const control of controls) {
  control.addEventListener("input", () => {
    spec.set(control.dataset.item, control.type === "checkbox" ? (control.checked ? "1" : "") : control.value.trim());
    changed(control);
  });
}
for (const slider of sliders) {
  if (slider.dataset.slides === "q") slider.dataset.rest = "80";
  slider.addEventListener("input", () => {
    spec.set(slider.dataset.slides, slider.value);
    changed(slider);
  });
}
$("controls").addEventListener("submit", (event) => event.preventDefault());
$("file").addEventListener("change", () => {
  const [file] = $("file").files;
  if (file) take(() => upload(file));
  $("file").value = "";
});
$("drawn").addEventListener("click", () => take(async () => upload(await drawn())));
$("remove").addEventListener("click", async () => {
  try {
    await remove(original.key);
    original = null;
    kept("key", "");
    $("bench").hidden = true;
  } catch (error) {
    tell($("refused"), error);
  }
});
$("token-form").addEventListener("submit", (event) => {
  event.preventDefault();
  kept("token", $("token").value.trim());
  $("token-form").hidden = true;
  tell($("refused"));
});
const bench = $("pick").closest("section");
for (const [kind, isOver] of [["dragover", true], ["dragleave", false], ["drop", false]]) {
  bench.addEventListener(kind, (event) => {
    event.preventDefault();
    $("pick").classList.toggle("over", isOver);
    const file = kind === "drop" && event.dataTransfer.files[0];
    if (file) take(() => upload(file));
  });
}
for (const button of document.querySelectorAll("[data-copies]")) {
  button.addEventListener("click", async () => {
    const code = $(button.dataset.copies);
    try {
      await navigator.clipboard.writeText(code.textContent);
      button.textContent = "Copied";
    } catch {
      // The clipboard is not allowed here: select the text, so that a key is enough.
      getSelection().selectAllChildren(code);
      button.textContent = "Selected";
    }
    setTimeout(() => (button.textContent = "Copy"), 1500);
  });
}

if (!token()) $("token-form").hidden = false;
fill();
// After a reload, restores the previous state.
if (kept("key") && token()) {
  record(kept("key")).then((known) => take(() => known), () => kept("key", ""));
}
