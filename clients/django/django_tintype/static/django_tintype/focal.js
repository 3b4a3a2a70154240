"use strict";

/*
 * <tintype-focal> around a file input: shows the picture, moves the focal point, previews crops.
 *
 * The focal point is the text of another input of the same form, such as 0.35x0.6; that is the only
 * state. Fields are looked up when they are needed, because formsets rename them.
 */
{
    const STEP = 0.01;
    const LARGE_STEP = 0.1;
    const CENTRE = { x: 0.5, y: 0.5 };
    const FRAME = { width: 132, height: 100 };
    const LOCAL_PREVIEW_SIDE = 960;

    const ARROWS = {
        ArrowLeft: [-1, 0],
        ArrowRight: [1, 0],
        ArrowUp: [0, -1],
        ArrowDown: [0, 1],
    };

    const clamp = (value) => Math.min(1, Math.max(0, value));
    const rounded = (value) => Math.round(clamp(value) * 1000) / 1000;

    function parse(text) {
        const parts = text.trim().match(/^(\d{1,9}(?:\.\d{1,6})?)x(\d{1,9}(?:\.\d{1,6})?)$/);
        if (!parts) {
            return null;
        }
        const [x, y] = [Number(parts[1]), Number(parts[2])];
        return x <= 1 && y <= 1 ? { x, y } : null;
    }

    /* Where the cut of a box lies, along one side, as CSS has it: 0 is the start, 1 the end.
       The service does the same: the largest cut that fits, the point in its middle, kept inside. */
    function position(at, side, cut) {
        const free = side - cut;
        return free > 0 ? clamp((at * side - cut / 2) / free) : 0.5;
    }

    /* A small copy of a file that is not uploaded yet, upright. */
    async function shrink(file) {
        const bitmap = await createImageBitmap(file);
        const scale = Math.min(1, LOCAL_PREVIEW_SIDE / Math.max(bitmap.width, bitmap.height));
        const canvas = document.createElement("canvas");
        canvas.width = Math.max(1, Math.round(bitmap.width * scale));
        canvas.height = Math.max(1, Math.round(bitmap.height * scale));
        canvas.getContext("2d").drawImage(bitmap, 0, 0, canvas.width, canvas.height);
        bitmap.close();
        // Whatever may be transparent stays so; a browser that writes no WebP writes PNG instead.
        return canvas.toDataURL(file.type === "image/jpeg" ? "image/jpeg" : "image/webp", 0.85);
    }

    class TintypeFocal extends HTMLElement {
        connectedCallback() {
            this.events = new AbortController();
            // The parser connects an element before it has read what is inside.
            if (document.readyState === "loading") {
                const options = { once: true, signal: this.events.signal };
                document.addEventListener("DOMContentLoaded", () => this.start(), options);
            } else {
                this.start();
            }
        }

        disconnectedCallback() {
            this.events.abort();
        }

        start() {
            const find = (name) => this.querySelector(`.tintype-${name}`);
            this.preview = find("preview");
            this.stage = find("stage");
            this.mark = find("mark");
            this.tools = find("tools");
            this.text = find("text");
            this.unset = find("unset");
            this.crops = find("crops");
            if (!this.preview) {
                return;
            }
            // HTML knows no <img> without a source, so they come with the first one.
            for (const place of [this.stage, ...this.querySelectorAll(".tintype-frame")]) {
                if (!place.querySelector("img")) {
                    place.prepend(Object.assign(new Image(), { alt: "", draggable: false }));
                }
            }
            this.picture = this.stage.querySelector("img");
            this.picture.className = "tintype-picture";
            this.storedSource = this.picture.getAttribute("src");
            this.storedText = this.input?.value ?? "";

            const listen = (target, type, handler) =>
                target.addEventListener(type, handler, { signal: this.events.signal });
            listen(this.stage, "pointerdown", (event) => this.press(event));
            listen(this.stage, "pointermove", (event) => this.drag(event));
            listen(this.mark, "keydown", (event) => this.key(event));
            listen(this.unset, "click", () => this.clear());
            listen(this.picture, "load", () => this.show());
            listen(this.picture, "error", () => this.show());
            listen(this, "change", (event) => {
                if (event.target === this.fileInput) {
                    this.choose();
                }
            });
            // A browser that comes back to a page fills the form in again, and tells nobody.
            listen(window, "pageshow", () => {
                if (this.fileInput?.files.length) {
                    this.display();
                } else {
                    this.show();
                }
            });
            // The input stands elsewhere in the form, and is found by its name of the moment.
            const form = this.closest("form") ?? document;
            listen(form, "input", (event) => {
                if (event.target === this.input) {
                    this.show();
                }
            });
            // Fields are reset after the event.
            listen(form, "reset", () => setTimeout(() => this.display()));
            this.show();
        }

        get fileInput() {
            return this.querySelector("input[type=file]");
        }

        /* The input of the focal point, if the form has one that can be changed. */
        get input() {
            const { image, focal } = this.dataset;
            const file = this.fileInput;
            if (!image || !focal || !file?.form || !file.name.endsWith(image)) {
                return null;
            }
            const name = file.name.slice(0, -image.length) + focal;
            const input = file.form.elements.namedItem(name);
            return input instanceof HTMLInputElement && !input.disabled && !input.readOnly
                ? input
                : null;
        }

        get focal() {
            return parse(this.input?.value ?? "");
        }

        set focal(point) {
            const input = this.input;
            const text = point ? `${rounded(point.x)}x${rounded(point.y)}` : "";
            if (!input || input.value === text) {
                return;
            }
            input.value = text;
            input.dispatchEvent(new Event("input", { bubbles: true }));
            input.dispatchEvent(new Event("change", { bubbles: true }));
        }

        /* Whether there is a picture to show; one that is still loading counts. */
        get isShown() {
            const { complete, naturalWidth } = this.picture;
            const isBroken = complete && naturalWidth === 0;
            return this.picture.getAttribute("src") !== null && !isBroken;
        }

        /* Makes everything say what the input says. */
        show() {
            this.preview.hidden = !this.isShown;
            const isPicker = this.input !== null && this.isShown;
            this.stage.classList.toggle("is-picker", isPicker);
            this.mark.hidden = this.tools.hidden = !isPicker;
            if (this.crops) {
                this.crops.hidden = !isPicker;
            }
            if (!isPicker) {
                return;
            }
            const focal = this.focal;
            const { x, y } = focal ?? CENTRE;
            const [left, top] = [Math.round(x * 100), Math.round(y * 100)];
            const text = focal
                ? this.dataset.at.replace("{x}", left).replace("{y}", top)
                : this.dataset.unset;
            this.mark.style.left = `${x * 100}%`;
            this.mark.style.top = `${y * 100}%`;
            this.mark.classList.toggle("is-unset", !focal);
            this.mark.setAttribute("aria-valuenow", left);
            this.mark.setAttribute("aria-valuetext", text);
            // What has the focus is read out anyway, and not twice.
            this.text.setAttribute("aria-live", this.mark.matches(":focus") ? "off" : "polite");
            this.text.textContent = text;
            this.unset.disabled = !focal;
            for (const frame of this.querySelectorAll(".tintype-frame")) {
                this.showCrop(frame, x, y);
            }
        }

        showCrop(frame, x, y) {
            const box = { width: Number(frame.dataset.width), height: Number(frame.dataset.height) };
            const shown = Math.min(FRAME.width / box.width, FRAME.height / box.height);
            frame.style.width = `${box.width * shown}px`;
            frame.style.height = `${box.height * shown}px`;
            const { naturalWidth: width, naturalHeight: height } = this.picture;
            if (!width) {
                return;
            }
            const scale = Math.min(width / box.width, height / box.height);
            const across = position(x, width, box.width * scale);
            const down = position(y, height, box.height * scale);
            frame.firstElementChild.style.objectPosition = `${across * 100}% ${down * 100}%`;
        }

        press(event) {
            if (this.mark.hidden || (event.pointerType === "mouse" && event.button !== 0)) {
                return;
            }
            event.preventDefault();
            this.stage.setPointerCapture(event.pointerId);
            this.mark.focus({ preventScroll: true });
            this.moveTo(event);
        }

        drag(event) {
            if (this.stage.hasPointerCapture(event.pointerId)) {
                this.moveTo(event);
            }
        }

        moveTo(event) {
            const box = this.picture.getBoundingClientRect();
            this.focal = {
                x: (event.clientX - box.left) / box.width,
                y: (event.clientY - box.top) / box.height,
            };
        }

        key(event) {
            if (event.ctrlKey || event.metaKey || event.altKey) {
                return;
            }
            const { x, y } = this.focal ?? CENTRE;
            const arrow = ARROWS[event.key];
            if (arrow) {
                const step = event.shiftKey ? LARGE_STEP : STEP;
                this.focal = { x: x + arrow[0] * step, y: y + arrow[1] * step };
            } else if (event.key === "Home") {
                this.focal = CENTRE;
            } else if (event.key === "Delete" || event.key === "Backspace") {
                this.focal = null;
            } else {
                return;
            }
            event.preventDefault();
        }

        clear() {
            this.mark.focus({ preventScroll: true });
            this.focal = null;
        }

        /* Another file: its own picture, and no focal point yet. What was entered before there was
           a picture, or came back with a form that has mistakes, belongs to this one. */
        choose() {
            if (!this.fileInput.files.length) {
                this.focal = parse(this.storedText);
            } else if (this.isShown) {
                this.focal = null;
            }
            this.display();
        }

        /* The picture of the chosen file, without one that which is stored. */
        async display() {
            const file = this.fileInput.files[0];
            const source = file ? await shrink(file).catch(() => null) : this.storedSource;
            if (this.fileInput.files[0] !== file) {
                return; // another one was chosen meanwhile
            }
            for (const image of this.preview.querySelectorAll("img")) {
                if (source) {
                    image.src = source;
                } else {
                    image.removeAttribute("src");
                }
            }
            this.show();
        }
    }

    if (!customElements.get("tintype-focal")) {
        customElements.define("tintype-focal", TintypeFocal);
    }
}
