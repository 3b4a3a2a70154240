"use strict";

/*
 * Sends a form with a chosen image itself, so that an editor sees the progress.
 *
 * Only on pages of an admin that reports the result (`TintypeAdminMixin`): where the browser would go
 * next, or that the form is shown again. In any unusual case the browser sends the form as always.
 */
{
    /* The request in progress; a page has at most one. */
    let request = null;
    /* Forms that the browser sends from now on. */
    const left = new WeakSet();

    const pickersOf = (form) =>
        [...form.querySelectorAll("tintype-focal")].filter((picker) => picker.file);

    /* The target of a form that this script can send; otherwise null. */
    function addressOf(form, submitter) {
        const value = (name) =>
            submitter?.getAttribute(`form${name}`) ?? form.getAttribute(name) ?? "";
        const address = new URL(value("action"), document.baseURI);
        const isOrdinary =
            value("method").toLowerCase() === "post" &&
            value("enctype").toLowerCase() === "multipart/form-data" &&
            ["", "_self"].includes(value("target").toLowerCase()) &&
            address.origin === location.origin &&
            // A popup responds with a script for the page that opened it.
            !form.querySelector("input[name=_popup]") &&
            // The admin reports missing values; do not send the file twice for that.
            form.checkValidity();
        return isOrdinary && !left.has(form) ? address : null;
    }

    function send(form, submitter, address) {
        const pickers = pickersOf(form);
        const tell = (what, ...about) => pickers.forEach((picker) => picker[what](...about));
        let sent = 0;
        request = new XMLHttpRequest();
        request.upload.addEventListener("progress", ({ loaded, total }) => {
            sent = loaded;
            if (loaded < total) {
                tell("uploading", loaded / total);
            } else {
                tell("saving");
            }
        });
        request.addEventListener("load", ({ target }) => {
            // Not as a redirect, which would have been followed.
            const next = target.getResponseHeader("Location");
            if (next !== null) {
                // The data is saved, so the request stays until this page is left.
                location.assign(new URL(next, address));
            } else if (target.getResponseHeader("Tintype-Form") !== null) {
                leave(form, submitter);
            } else if (target.status < 300) {
                show(target);
            } else {
                lose();
            }
        });
        request.addEventListener("error", () => {
            if (sent === 0) {
                leave(form, submitter);
            } else {
                lose();
            }
        });
        request.addEventListener("abort", () => {
            request = null;
            tell("idle");
        });
        const lose = () => {
            request = null;
            left.add(form);
            tell("lost");
        };
        const data = new FormData(form);
        if (submitter?.name) {
            data.append(submitter.name, submitter.value);
        }
        // Shows the admin that the form is complete.
        data.append("tintype-end", "1");
        tell("uploading", 0);
        request.open("POST", address);
        request.setRequestHeader("Tintype-Progress", "1");
        request.send(data);
    }

    /* Nothing was saved, and only the browser can show why. */
    function leave(form, submitter) {
        request = null;
        left.add(form);
        pickersOf(form).forEach((picker) => picker.uploading(null));
        if (submitter?.name) {
            const { name, value } = submitter;
            form.append(Object.assign(document.createElement("input"), { type: "hidden", name, value }));
        }
        // Without another event, whose listeners have run already; and whatever the inputs' names.
        HTMLFormElement.prototype.submit.call(form);
    }

    /* Another page of the site, such as the login page. */
    function show({ responseURL, responseText }) {
        history.pushState(null, "", responseURL);
        document.open();
        document.write(responseText);
        document.close();
    }

    document.addEventListener("submit", (event) => {
        const { target: form, submitter } = event;
        if (request) {
            event.preventDefault();
            return;
        }
        if (event.defaultPrevented || pickersOf(form).length === 0) {
            return;
        }
        const address = addressOf(form, submitter);
        if (address) {
            event.preventDefault();
            send(form, submitter, address);
        }
    });
    document.addEventListener("click", (event) => {
        if (event.target.closest?.(".tintype-cancel")) {
            request?.abort();
        }
    });
    // A page restored from the back/forward cache is as it was left.
    window.addEventListener("pageshow", () => {
        request = null;
    });
}
