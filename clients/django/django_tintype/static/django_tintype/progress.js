"use strict";

/*
 * Sends a form with a chosen image itself, so that an editor sees how much of it has gone.
 *
 * Only on pages of an admin that says what came of it (`TintypeAdminMixin`): where the browser would
 * go next, or that the form is shown again. Whatever is out of the ordinary the browser does as ever.
 */
{
    /* The request under way, of which a page has one. */
    let request = null;
    /* Forms that are left to the browser from now on. */
    const left = new WeakSet();

    const pickersOf = (form) =>
        [...form.querySelectorAll("tintype-focal")].filter((picker) => picker.file);

    /* Where a form goes that does what this script can do as well; else null. */
    function addressOf(form, submitter) {
        const value = (name) =>
            submitter?.getAttribute(`form${name}`) ?? form.getAttribute(name) ?? "";
        const address = new URL(value("action"), document.baseURI);
        const isOrdinary =
            value("method").toLowerCase() === "post" &&
            value("enctype").toLowerCase() === "multipart/form-data" &&
            ["", "_self"].includes(value("target").toLowerCase()) &&
            address.origin === location.origin &&
            // A popup answers with a script for the page behind it.
            !form.querySelector("input[name=_popup]") &&
            // The admin tells what is missing, and nothing is to be sent twice for it.
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
            // Without the status of a redirect, which would have been followed.
            const next = target.getResponseHeader("Location");
            if (next !== null) {
                // What was sent is saved, so the request stays until this page goes.
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
        // By which the admin knows that nothing is missing.
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
        // Without another event, whose listeners have had theirs; and whatever inputs are called.
        HTMLFormElement.prototype.submit.call(form);
    }

    /* A page of the site's own, such as the one to log in. */
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
    // A page that is come back to is kept as it was.
    window.addEventListener("pageshow", () => {
        request = null;
    });
}
