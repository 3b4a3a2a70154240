// The original, and the focal point that crops keep.

class Stage {
  // `moved` is called with the new position.
  constructor(moved) {
    this.frame = document.querySelector("#frame");
    this.mark = document.querySelector("#mark");
    this.moved = moved;
    this.point = { x: 0.5, y: 0.5 };
    // A finger that scrolls causes no click, and changes nothing.
    this.frame.addEventListener("click", (event) => {
      if (event.target !== this.mark) this.put(this.at(event));
    });
    this.mark.addEventListener("pointerdown", (event) => this.grab(event));
    this.mark.addEventListener("keydown", (event) => this.key(event));
  }

  show(point) {
    this.point = point ?? { x: 0.5, y: 0.5 };
    this.mark.style.left = `${this.point.x * 100}%`;
    this.mark.style.top = `${this.point.y * 100}%`;
  }

  put(point) {
    this.show(point);
    this.moved(this.point);
  }

  at({ clientX, clientY }) {
    const box = this.frame.getBoundingClientRect();
    return Stage.within((clientX - box.left) / box.width, (clientY - box.top) / box.height);
  }

  static within(x, y) {
    const part = (at) => Math.round(Math.min(1, Math.max(0, at)) * 1000) / 1000;
    return { x: part(x), y: part(y) };
  }

  grab(event) {
    event.preventDefault();
    this.mark.focus({ preventScroll: true });
    this.mark.setPointerCapture(event.pointerId);
    const move = (event) => this.show(this.at(event));
    this.mark.addEventListener("pointermove", move);
    this.mark.addEventListener("lostpointercapture", () => {
      this.mark.removeEventListener("pointermove", move);
      this.moved(this.point);
    }, { once: true });
  }

  key(event) {
    const step = event.shiftKey ? 0.1 : 0.01;
    const by = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] }[event.key];
    if (!by) return;
    event.preventDefault();
    this.put(Stage.within(this.point.x + by[0], this.point.y + by[1]));
  }
}
