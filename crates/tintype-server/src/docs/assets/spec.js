// Parses a spec into items. Unknown items are kept: refusing them is up to the service.

const NUMBERS = ["w", "h", "dpr", "up", "q", "rot", "blur", "sharpen", "gray", "trim", "anim", "max", "exp"];

class Spec {
  constructor(order) {
    this.order = order;
    this.preset = "";
    this.items = new Map();
  }

  static of(text, order) {
    const spec = new Spec(order);
    for (const [at, part] of text.split("~").entries()) {
      const end = part.indexOf("_");
      if (end >= 0) spec.items.set(part.slice(0, end), part.slice(end + 1));
      else if (part && at === 0) spec.preset = part;
      else if (part) spec.items.set(part, null);
    }
    return spec;
  }

  get(name) {
    return (name === "preset" ? this.preset : this.items.get(name)) ?? "";
  }

  set(name, value) {
    if (name === "preset") this.preset = value;
    else if (value === "") this.items.delete(name);
    else this.items.set(name, value);
  }

  // In canonical order, so that nothing is redirected.
  get sorted() {
    const place = (name) => (this.order.indexOf(name) + 1 || 99);
    return [...this.items].sort(([one], [other]) => place(one) - place(other));
  }

  get text() {
    const items = this.sorted.map(([name, value]) => (value === null ? name : `${name}_${value}`));
    return [this.preset, ...items].filter(Boolean).join("~") || "f_auto";
  }

  // In the syntax of the Django tags: the preset positional, items by name, numbers bare.
  get arguments() {
    const given = ([name, value]) => `${name}=${NUMBERS.includes(name) ? value : `"${value}"`}`;
    const items = this.sorted.filter(([name]) => name !== "sig").map(given);
    return [this.preset && `"${this.preset}"`, ...items].filter(Boolean).join(" ");
  }

  has(...names) {
    return names.some((name) => this.items.has(name));
  }
}
