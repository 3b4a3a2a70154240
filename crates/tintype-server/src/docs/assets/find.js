// The search in the header, and the highlight of the current chapter.

const find = document.querySelector("#find");
const found = document.querySelector("#found");
const MOST = 12;

const chapterOf = (element) => element.closest("section").querySelector("h2").textContent;
const places = [
  ...[...document.querySelectorAll(".entry")].map((entry) => ({
    id: entry.id,
    name: entry.dataset.name,
    chapter: chapterOf(entry),
  })),
  ...[...document.querySelectorAll("main :is(h2, h3)")].map((heading) => ({
    id: heading.id,
    name: heading.textContent,
    chapter: heading.matches("h3") ? chapterOf(heading) : "",
  })),
];

// Entries that begin with the words come before those that contain them.
function matching(words) {
  const wanted = words.trim().toLowerCase().replace(/^tintype_/, "");
  if (!wanted) return [];
  const rank = ({ name }) => {
    const at = name.toLowerCase().replace(/^tintype_/, "").indexOf(wanted);
    return at < 0 ? 9 : name.length === wanted.length ? 0 : at === 0 ? 1 : 2;
  };
  return places
    .map((place) => [rank(place), place])
    .filter(([rank]) => rank < 9)
    .sort(([one], [other]) => one - other)
    .slice(0, MOST)
    .map(([, place]) => place);
}

function show() {
  const rows = matching(find.value).map(({ id, name, chapter }) => {
    const row = document.createElement("li");
    const link = document.createElement("a");
    const where = document.createElement("small");
    link.href = `#${id}`;
    link.tabIndex = -1;
    where.textContent = chapter;
    link.append(name, where);
    row.append(link);
    return row;
  });
  found.replaceChildren(...rows);
  found.hidden = !rows.length;
  rows[0]?.firstChild.classList.add("at");
}

function step(by) {
  const links = [...found.querySelectorAll("a")];
  if (!links.length) return;
  const at = links.findIndex((link) => link.classList.contains("at"));
  links[at]?.classList.remove("at");
  const next = links[(at + by + links.length) % links.length];
  next.classList.add("at");
  next.scrollIntoView({ block: "nearest" });
}

find.addEventListener("input", show);
find.addEventListener("keydown", (event) => {
  if (event.key === "ArrowDown") step(1);
  else if (event.key === "ArrowUp") step(-1);
  else if (event.key === "Enter") found.querySelector(".at")?.click();
  else if (event.key === "Escape") find.value = "";
  else return;
  event.preventDefault();
  if (event.key === "Escape") show();
});
found.addEventListener("click", () => {
  find.value = "";
  found.hidden = true;
  find.blur();
});
document.addEventListener("click", (event) => {
  if (!event.target.closest("search")) found.hidden = true;
});
document.addEventListener("keydown", (event) => {
  const writes = event.target.closest?.("input, select, textarea");
  if (event.key !== "/" || writes || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  find.focus();
});

const links = new Map(
  [...document.querySelectorAll("nav a")].map((link) => [link.hash.slice(1), link]),
);
const headings = [...document.querySelectorAll("main :is(h2, h3)")].filter(({ id }) => links.has(id));

function mark() {
  const { scrollHeight } = document.documentElement;
  const isEnd = scrollY + innerHeight > scrollHeight - 4;
  const read = isEnd ? headings : headings.filter((heading) => heading.getBoundingClientRect().top < 120);
  const link = links.get((read.at(-1) ?? headings[0]).id);
  if (link.ariaCurrent) return;
  for (const other of links.values()) other.removeAttribute("aria-current");
  link.setAttribute("aria-current", "true");
  const nav = link.closest("nav");
  if (nav.scrollHeight > nav.clientHeight) {
    nav.scrollTop += link.getBoundingClientRect().top - nav.getBoundingClientRect().top - nav.clientHeight / 2;
  }
}

let marking = 0;
document.addEventListener("scroll", () => {
  marking ||= requestAnimationFrame(() => {
    marking = 0;
    mark();
  });
}, { passive: true });
mark();
