"use strict";

/*
 * Named crops on the stage of a picker: a rectangle with corners, one crop at a time. The only state
 * is the JSON of another input: {"square": {"x": 0.25, "y": 0, "width": 0.5, "height": 1}}.
 */
{
    const STEP = 0.01;
    const LARGE_STEP = 0.1;
    const LEAST = 0.02;
    const ARROWS = {
        ArrowLeft: [-1, 0],
        ArrowRight: [1, 0],
        ArrowUp: [0, -1],
        ArrowDown: [0, 1],
    };

    const clamp = (value, least, most) => Math.min(most, Math.max(least, value));
    const rounded = (value) => Math.round(value * 10000) / 10000;

    /* The corners, clockwise from the top left: which sides of the crop each one moves. */
    const CORNERS = [
        ["left", "top"],
        ["right", "top"],
        ["right", "bottom"],
        ["left", "bottom"],
    ];

    function parse(text) {
        try {
            const value = JSON.parse(text.trim() || "{}") ?? {};
            return typeof value === "object" && !Array.isArray(value) ? value : null;
        } catch {
            return null;
        }
    }

    class Cuts {
        constructor(picker, root) {
            this.picker = picker;
            this.root = root;
            this.selected = null;
            const find = (name) => root.querySelector(`.tintype-${name}`);
            this.chips = find("chips");
            this.edit = find("edit");
            this.size = find("size");
            this.name = find("new");
            this.create = find("create");
            this.area = picker.stage.querySelector(".tintype-area");
            this.handles = [...this.area.children];
            const places = picker.dataset.corners.split("|");
            for (const handle of this.area.querySelectorAll("[data-corner]")) {
                handle.setAttribute("aria-label", places[Number(handle.dataset.corner)]);
            }
            const { listen } = picker;
            listen(find("remove"), "click", () => this.remove());
            listen(find("done"), "click", () => this.select(null));
            listen(this.create, "click", () => this.add());
            listen(this.name, "input", (event) => {
                event.stopPropagation();
                this.create.disabled = !this.name.value.trim();
            });
            listen(this.name, "change", (event) => event.stopPropagation());
            listen(this.name, "keydown", (event) => {
                if (event.key === "Enter") {
                    // Do not submit the form.
                    event.preventDefault();
                    this.add();
                }
            });
            for (const handle of this.handles) {
                listen(handle, "pointerdown", (event) => this.press(event, handle));
                listen(handle, "pointermove", (event) => this.drag(event, handle));
                listen(handle, "pointerup", () => this.release());
                listen(handle, "pointercancel", () => this.release());
                listen(handle, "keydown", (event) => this.key(event, handle));
            }
        }

        get input() {
            return this.picker.field("crops");
        }

        get all() {
            return this.input ? parse(this.input.value) : null;
        }

        get isActive() {
            return this.selected !== null;
        }

        write(cuts) {
            globalThis.tintype.write(this.input, JSON.stringify(cuts));
        }

        /* One gesture, which can be undone. */
        change(name, cut, series = false) {
            const before = this.input.value;
            const { [name]: _, ...others } = this.all;
            this.write(cut ? { ...others, [name]: cut } : others);
            this.picker.history.add(this.input, before, series);
            this.picker.show();
        }

        add() {
            const name = this.name.value.trim();
            if (!name || !this.all) {
                return;
            }
            this.name.value = "";
            this.create.disabled = true;
            if (!this.all[name]) {
                this.change(name, { x: 0.1, y: 0.1, width: 0.8, height: 0.8 });
            }
            this.select(name);
            this.handles[0].focus({ preventScroll: true });
        }

        remove() {
            const name = this.selected;
            this.select(null);
            this.change(name, null);
        }

        select(name) {
            this.selected = name;
            this.picker.show();
        }

        show(isShown) {
            const cuts = this.all;
            this.root.hidden = !isShown || cuts === null;
            if (this.root.hidden || !cuts[this.selected]) {
                this.selected = null;
            }
            const names = Object.keys(cuts ?? {});
            const now = [...this.chips.children].map((chip) => chip.textContent);
            if (names.join("\n") !== now.join("\n")) {
                this.chips.replaceChildren(...names.map((name) => this.chip(name)));
            }
            for (const chip of this.chips.children) {
                chip.setAttribute("aria-pressed", chip.textContent === this.selected);
            }
            this.area.hidden = this.edit.hidden = !this.isActive;
            if (this.isActive) {
                this.place(cuts[this.selected]);
            }
        }

        chip(name) {
            const chip = document.createElement("button");
            chip.type = "button";
            chip.className = "tintype-button tintype-chip";
            chip.textContent = name;
            chip.addEventListener("click", () =>
                this.select(this.selected === name ? null : name),
            );
            return chip;
        }

        place(cut) {
            const percent = (value) => `${value * 100}%`;
            this.area.style.left = percent(cut.x);
            this.area.style.top = percent(cut.y);
            this.area.style.width = percent(cut.width);
            this.area.style.height = percent(cut.height);
            const sides = { left: cut.x, top: cut.y };
            [sides.right, sides.bottom] = [cut.x + cut.width, cut.y + cut.height];
            for (const [side, at] of Object.entries(sides)) {
                this.picker.stage.style.setProperty(`--${side}`, percent(at));
            }
            const text = this.picker.dataset.area
                .replace("{width}", Math.round(cut.width * 100))
                .replace("{height}", Math.round(cut.height * 100));
            this.size.textContent = text;
            for (const handle of this.handles) {
                handle.setAttribute("aria-valuenow", Math.round(cut.x * 100));
                handle.setAttribute("aria-valuetext", text);
            }
        }

        /* The crop after moving a handle this far, in fractions of the image. */
        moved(cut, handle, across, down) {
            let [left, top] = [cut.x, cut.y];
            let [right, bottom] = [cut.x + cut.width, cut.y + cut.height];
            if (handle.dataset.corner === undefined) {
                left = clamp(left + across, 0, 1 - cut.width);
                top = clamp(top + down, 0, 1 - cut.height);
                [right, bottom] = [left + cut.width, top + cut.height];
            } else {
                const [side, edge] = CORNERS[Number(handle.dataset.corner)];
                if (side === "left") {
                    left = clamp(left + across, 0, right - LEAST);
                } else {
                    right = clamp(right + across, left + LEAST, 1);
                }
                if (edge === "top") {
                    top = clamp(top + down, 0, bottom - LEAST);
                } else {
                    bottom = clamp(bottom + down, top + LEAST, 1);
                }
            }
            const [x, y] = [rounded(left), rounded(top)];
            return { x, y, width: rounded(right - x), height: rounded(bottom - y) };
        }

        press(event, handle) {
            if (event.pointerType === "mouse" && event.button !== 0) {
                return;
            }
            event.preventDefault();
            event.stopPropagation();
            handle.setPointerCapture(event.pointerId);
            handle.focus({ preventScroll: true });
            this.gesture = {
                cut: this.all[this.selected],
                before: this.input.value,
                at: [event.clientX, event.clientY],
            };
        }

        drag(event, handle) {
            if (!this.gesture || !handle.hasPointerCapture(event.pointerId)) {
                return;
            }
            const box = this.picker.picture.getBoundingClientRect();
            const [x, y] = this.gesture.at;
            const across = (event.clientX - x) / box.width;
            const down = (event.clientY - y) / box.height;
            const cut = this.moved(this.gesture.cut, handle, across, down);
            this.write({ ...this.all, [this.selected]: cut });
        }

        release() {
            if (this.gesture) {
                this.picker.history.add(this.input, this.gesture.before);
                this.gesture = null;
                this.picker.show();
            }
        }

        key(event, handle) {
            const arrow = ARROWS[event.key];
            if (!arrow || event.ctrlKey || event.metaKey || event.altKey) {
                return;
            }
            const step = event.shiftKey ? LARGE_STEP : STEP;
            const cut = this.all[this.selected];
            this.change(
                this.selected,
                this.moved(cut, handle, arrow[0] * step, arrow[1] * step),
                true,
            );
            event.preventDefault();
        }
    }

    globalThis.tintype.Cuts = Cuts;
}
