"use strict";

/*
 * The form inputs that a picker writes to: found by name when they are needed, because formsets
 * rename them, and hidden while the picker shows the same.
 */
{
    const HIDDEN = "tintype-hidden";

    /* The parts of one field: its label, help and errors, besides the input itself. */
    function isBeside(element, input) {
        return (
            element.contains(input) ||
            element.matches("label, script, .help, .helptext, .errorlist, input[type=hidden]") ||
            (element.children.length > 0 &&
                [...element.children].every((child) => isBeside(child, input)))
        );
    }

    /* The largest element that contains nothing but this field. */
    function rowOf(input) {
        let row = input;
        while (
            row.parentElement &&
            row.parentElement !== input.form &&
            !row.matches("td") &&
            [...row.parentElement.children].every((child) => isBeside(child, input))
        ) {
            row = row.parentElement;
        }
        return row;
    }

    /* A table column is hidden as a whole, with its heading, or stays. */
    function hideColumn(cell, isHidden) {
        cell.dataset.tintypeHidden = isHidden ? "1" : "";
        const name = [...cell.classList].find((one) => one.startsWith("field-"));
        const table = cell.closest("table");
        if (!name || !table) {
            return;
        }
        const cells = [...table.querySelectorAll(`td.${name}`)];
        const all = cells.every((one) => one.dataset.tintypeHidden === "1");
        const heading = table.querySelector(`th.${name.replace("field-", "column-")}`);
        for (const one of [...cells, heading]) {
            one?.classList.toggle(HIDDEN, all);
        }
    }

    function hide(input, isHidden) {
        const row = rowOf(input);
        const hasErrors = row.querySelector(".errorlist, .errors") || row.matches(".errors");
        const hides = isHidden && !hasErrors;
        if (row.matches("td")) {
            hideColumn(row, hides);
        } else if (row === input) {
            for (const one of [input, ...(input.labels ?? [])]) {
                one.classList.toggle(HIDDEN, hides);
            }
        } else {
            row.classList.toggle(HIDDEN, hides);
        }
    }

    /* The input `name` of the same form as the file input `image`, if it can be changed. */
    function beside(file, image, name) {
        if (!image || !name || !file?.form || !file.name.endsWith(image)) {
            return null;
        }
        const input = file.form.elements.namedItem(file.name.slice(0, -image.length) + name);
        const isText = input instanceof HTMLInputElement || input instanceof HTMLTextAreaElement;
        return isText && !input.disabled && !input.readOnly ? input : null;
    }

    function write(input, text) {
        if (input && input.value !== text) {
            input.value = text;
            input.dispatchEvent(new Event("input", { bubbles: true }));
            input.dispatchEvent(new Event("change", { bubbles: true }));
        }
    }

    const SAME_SERIES_MS = 1000;

    /* Earlier values of inputs, to be undone one gesture at a time. */
    class History {
        constructor() {
            this.steps = [];
        }

        /* `series`: key presses in quick succession are one gesture. */
        add(input, before, series = false) {
            const last = this.steps.at(-1);
            const now = Date.now();
            if (series && last?.series && last.input === input && now - last.at < SAME_SERIES_MS) {
                last.at = now;
            } else if (input.value !== before) {
                this.steps.push({ input, before, series, at: now });
            }
        }

        undo() {
            const step = this.steps.pop();
            if (step) {
                write(step.input, step.before);
            }
        }
    }

    globalThis.tintype = { beside, hide, write, History };
}
