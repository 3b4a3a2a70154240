"use strict";

/*
 * <tintype-focal> around a file input: shows the image, moves the focal point, previews crops.
 *
 * The only state is the text of another input of the same form, such as 0.35x0.6: the focal point.
 */
{
    const { beside, hide, write, History, Cuts } = globalThis.tintype;
    const STEP = 0.01;
    const LARGE_STEP = 0.1;
    const CENTRE = { x: 0.5, y: 0.5 };
    const FRAME = { width: 132, height: 100 };
    /* A finger that moves further than this scrolls. */
    const TAP_PIXELS = 10;
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

    /* The position of a box's crop along one side, as in CSS: 0 is the start, 1 the end. The
       service does the same: the largest crop that fits, centred on the point, kept inside. */
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
        // Formats with transparency keep it; a browser that cannot write WebP writes PNG instead.
        return canvas.toDataURL(file.type === "image/jpeg" ? "image/jpeg" : "image/webp", 0.85);
    }

    function sizeOf(file) {
        const units = [["MB", 1e6], ["kB", 1e3], ["bytes", 1]];
        const [unit, least] = units.find(([, bytes]) => file.size >= bytes) ?? units[2];
        return `${(file.size / least).toFixed(unit === "MB" ? 1 : 0)} ${unit}`;
    }

    class TintypeFocal extends HTMLElement {
        connectedCallback() {
            this.events = new AbortController();
            // The parser connects an element before it has parsed its content.
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
            this.state = find("state");
            this.hint = find("hint");
            this.stage = find("stage");
            this.mark = find("mark");
            this.tools = find("tools");
            this.text = find("text");
            this.undos = this.querySelectorAll(".tintype-undo");
            this.unset = find("unset");
            this.crops = find("crops");
            this.upload = find("upload");
            if (!this.preview) {
                return;
            }
            this.history = new History();
            this.tap = this.gesture = null;
            this.trouble = "";
            // HTML does not allow an <img> without a source, so they are added with the first one.
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
            this.listen = listen;
            listen(this.stage, "pointerdown", (event) => this.press(event));
            listen(this.stage, "pointermove", (event) => this.drag(event));
            listen(this.stage, "pointerup", (event) => this.release(event));
            listen(this.stage, "pointercancel", () => this.cancel());
            listen(this.mark, "keydown", (event) => this.key(event));
            listen(this.unset, "click", () => this.clear());
            for (const undo of this.undos) {
                listen(undo, "click", () => this.takeBack());
            }
            listen(this.picture, "load", () => this.show());
            listen(this.picture, "error", () => this.show());
            listen(this, "change", (event) => {
                if (event.target === this.fileInput) {
                    this.choose();
                }
            });
            // On return to a page, the browser fills the form in again without an event.
            listen(window, "pageshow", () => {
                this.idle();
                if (this.fileInput?.files.length) {
                    this.display();
                } else {
                    this.show();
                }
            });
            // The inputs are elsewhere in the form, and are found by their current names.
            const form = this.closest("form") ?? document;
            listen(form, "input", (event) => {
                if (event.target === this.input || event.target === this.field("crops")) {
                    this.show();
                }
            });
            // Fields are reset after the event.
            listen(form, "reset", () => setTimeout(() => this.display()));
            listen(form, "submit", (event) => setTimeout(() => this.send(event)));
            const cuts = find("cuts");
            this.cuts = cuts ? new Cuts(this, cuts) : null;
            this.show();
        }

        get fileInput() {
            return this.querySelector("input[type=file]");
        }

        /* The file that the form would send. */
        get file() {
            return this.fileInput?.files[0] ?? null;
        }

        /* The input of the focal point or of the crops, if the form has an editable one. */
        field(name) {
            return beside(this.fileInput, this.dataset.image, this.dataset[name]);
        }

        get input() {
            return this.field("focal");
        }

        get focal() {
            return parse(this.input?.value ?? "");
        }

        set focal(point) {
            write(this.input, point ? `${rounded(point.x)}x${rounded(point.y)}` : "");
        }

        /* Whether there is an image to show; one that is still loading counts. */
        get isShown() {
            return this.picture.getAttribute("src") !== null && !this.isBroken;
        }

        get isBroken() {
            const { complete, naturalWidth } = this.picture;
            return this.picture.getAttribute("src") !== null && complete && naturalWidth === 0;
        }

        /* The text shown instead of an image. */
        get said() {
            if (this.trouble || this.isBroken) {
                return this.trouble || this.dataset.failed;
            }
            return this.isShown && !this.picture.complete ? this.dataset.loading : "";
        }

        /* Updates everything from the inputs. */
        show() {
            this.preview.hidden = !this.isShown;
            this.state.textContent = this.said;
            this.state.hidden = !this.said;
            this.state.classList.toggle("is-loading", this.said === this.dataset.loading);
            // Without an image to point at, the text input is shown.
            const isPointless = this.isBroken || this.trouble !== "";
            this.cuts?.show(this.isShown);
            for (const name of ["focal", "crops"]) {
                const field = this.field(name);
                const isReadable = name === "focal" || !this.cuts || this.cuts.all !== null;
                if (field) {
                    hide(field, !isPointless && isReadable && (name === "focal" || this.cuts));
                }
            }
            const isPicker = this.input !== null && this.isShown && !this.cuts?.isActive;
            this.stage.classList.toggle("is-picker", isPicker);
            this.mark.hidden = this.tools.hidden = !isPicker;
            this.hint.hidden = !isPicker && !this.cuts?.isActive;
            this.hint.textContent = this.dataset[this.cuts?.isActive ? "hintCut" : "hint"];
            if (this.crops) {
                this.crops.hidden = !isPicker;
            }
            for (const undo of this.undos) {
                undo.disabled = this.history.steps.length === 0;
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
            // The focused element is read out anyway, and must not be read twice.
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

        /* A mouse points; a finger taps, or drags the mark: elsewhere it scrolls the page. */
        press(event) {
            if (this.mark.hidden || (event.pointerType === "mouse" && event.button !== 0)) {
                return;
            }
            const { pointerId: id, clientX: x, clientY: y } = event;
            if (event.pointerType !== "mouse" && event.target !== this.mark) {
                this.tap = event.isPrimary ? { id, x, y } : null;
                return;
            }
            event.preventDefault();
            this.gesture = { before: this.input.value };
            this.stage.setPointerCapture(id);
            this.mark.focus({ preventScroll: true });
            this.moveTo(event);
        }

        drag(event) {
            if (this.stage.hasPointerCapture(event.pointerId)) {
                this.moveTo(event);
            }
        }

        release(event) {
            const { tap, gesture } = this;
            this.tap = this.gesture = null;
            const moved = tap ? Math.hypot(event.clientX - tap.x, event.clientY - tap.y) : Infinity;
            if (gesture) {
                this.remember(gesture.before);
            } else if (tap?.id === event.pointerId && moved < TAP_PIXELS) {
                const before = this.input.value;
                this.moveTo(event);
                this.remember(before);
            }
        }

        /* The browser has taken over the touch. */
        cancel() {
            if (this.gesture) {
                write(this.input, this.gesture.before);
            }
            this.tap = this.gesture = null;
        }

        remember(before, series = false) {
            this.history.add(this.input, before, series);
            this.show();
        }

        takeBack() {
            this.history.undo();
            this.show();
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
            const before = this.input.value;
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
            this.remember(before, true);
            event.preventDefault();
        }

        clear() {
            const before = this.input.value;
            this.mark.focus({ preventScroll: true });
            this.focal = null;
            this.remember(before);
        }

        /* Another file: a new image, without focal point or crops. Values that were entered before
           there was an image, or that came back with an invalid form, belong to this one. */
        choose() {
            if (!this.fileInput.files.length) {
                this.focal = parse(this.storedText);
            } else if (this.isShown) {
                this.focal = null;
                this.cuts?.select(null);
                if (this.cuts?.all) {
                    this.cuts.write({});
                }
            }
            this.history = new History();
            this.display();
        }

        /* Shows the chosen file, or without one the stored image. */
        async display() {
            const { file } = this;
            const source = file ? await shrink(file).catch(() => null) : this.storedSource;
            if (this.file !== file) {
                return; // another one was chosen meanwhile
            }
            this.trouble = file && !source ? this.dataset.unseen : "";
            for (const image of this.preview.querySelectorAll("img")) {
                if (source) {
                    image.src = source;
                } else {
                    image.removeAttribute("src");
                }
            }
            this.show();
        }

        /* The browser sends the form itself: the page stays as it is, and the progress is
           unknown. */
        send(event) {
            if (this.file && !event.defaultPrevented) {
                this.uploading(null);
            }
        }

        /* `share` of the form has been sent, from 0 to 1; null if unknown. */
        uploading(share) {
            this.tell(this.dataset.uploading.replace("{size}", sizeOf(this.file)), share);
        }

        /* Everything has been sent; the response is pending. */
        saving() {
            this.tell(this.dataset.saving, null);
        }

        /* The form is back to normal, and can be sent again. */
        lost() {
            this.tell(this.dataset.lost, null);
            this.upload.querySelector(".tintype-progress").hidden = true;
        }

        idle() {
            this.upload.hidden = true;
        }

        tell(text, share) {
            const find = (name) => this.upload.querySelector(`.tintype-${name}`);
            const [bar, said] = [find("progress"), find("uploading")];
            const percent = Math.floor((share ?? 0) * 100);
            bar.hidden = false;
            if (share === null) {
                bar.removeAttribute("value");
            } else {
                bar.value = percent;
            }
            find("percent").textContent = share === null ? "" : `${percent} %`;
            find("cancel").hidden = share === null;
            // Read out on a change of state, not with each percent.
            if (said.textContent !== text) {
                said.textContent = text;
            }
            if (this.upload.hidden) {
                this.upload.hidden = false;
                // The submit button may be far away, and this out of sight.
                this.upload.scrollIntoView({ block: "nearest" });
            }
        }
    }

    if (!customElements.get("tintype-focal")) {
        customElements.define("tintype-focal", TintypeFocal);
    }
}
