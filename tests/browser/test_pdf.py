"""A page of another origin shows a large PDF without waiting for all of it: pdf.js requests the
parts that it needs, and may read the necessary headers (CORS).
"""

import hashlib
import shutil
import urllib.request
from pathlib import Path

from conftest import ROOT, folder_served

from tests.browser import Browser
from tests.service import Service, poll

PAGES = 120
PDFJS = ROOT / "target/npm/node_modules/pdfjs-dist"
VIEWER = """<!DOCTYPE html>
<title>waiting</title>
<link rel="icon" href="data:,">
<canvas></canvas>
<script type="module">
import { getDocument, GlobalWorkerOptions } from "./pdfjs/build/pdf.min.mjs";
GlobalWorkerOptions.workerSrc = "./pdfjs/build/pdf.worker.min.mjs";
const url = new URLSearchParams(location.search).get("pdf");
try {
  const pdf = await getDocument({ url, disableAutoFetch: true, disableStream: true }).promise;
  const page = await pdf.getPage(1);
  const viewport = page.getViewport({ scale: 1 });
  const canvas = document.querySelector("canvas");
  Object.assign(canvas, { width: viewport.width, height: viewport.height });
  await page.render({ canvas, viewport }).promise;
  const [first] = (await page.getTextContent()).items;
  document.title = `${first.str} of ${pdf.numPages}`;
} catch (error) {
  document.title = `${error}`;
}
</script>
"""


def pdf() -> bytes:
    """A PDF of many pages, each with its own incompressible image of 97 kB. The page objects are
    together at the end, as PDF writers place them."""
    objects = {
        1: b"<</Type/Catalog/Pages 2 0 R>>",
        3: b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    }
    side = 180
    for n in range(PAGES):
        picture, content, page = (4 + n + PAGES * kind for kind in range(3))
        pixels = hashlib.shake_256(bytes([n])).digest(3 * side * side)
        text = f"BT /F 20 Tf 20 300 Td (Page {n + 1}) Tj ET 250 0 0 250 20 20 cm /P Do".encode()
        resources = f"<</Font<</F 3 0 R>>/XObject<</P {picture} 0 R>>>>"
        objects[page] = (
            f"<</Type/Page/Parent 2 0 R/MediaBox[0 0 300 340]/Contents {content} 0 R"
            f"/Resources{resources}>>"
        ).encode()
        objects[content] = stream("", text)
        shape = f"/Type/XObject/Subtype/Image/Width {side}/Height {side}"
        objects[picture] = stream(f"{shape}/ColorSpace/DeviceRGB/BitsPerComponent 8", pixels)
    kids = " ".join(f"{4 + n + 2 * PAGES} 0 R" for n in range(PAGES))
    objects[2] = f"<</Type/Pages/Count {PAGES}/Kids[{kids}]>>".encode()
    out, places = bytearray(b"%PDF-1.4\n"), {}
    for number in sorted(objects):
        places[number] = len(out)
        out += b"%d 0 obj\n%b\nendobj\n" % (number, objects[number])
    table = "".join(f"{places[number]:010} 00000 n \n" for number in sorted(places))
    count = len(objects) + 1
    out += (
        f"xref\n0 {count}\n0000000000 65535 f \n{table}"
        f"trailer<</Size {count}/Root 1 0 R>>\nstartxref\n{len(out)}\n%%EOF\n"
    ).encode()
    return bytes(out)


def stream(shape: str, content: bytes) -> bytes:
    return b"<<%b/Length %d>>stream\n%b\nendstream" % (shape.encode(), len(content), content)


def test_a_large_pdf_is_read_in_parts(browser: Browser, service: Service, tmp_path: Path) -> None:
    assert PDFJS.is_dir(), "pdfjs-dist is missing: tests/run installs it"
    content = pdf()
    assert len(content) > 10_000_000
    request = urllib.request.Request(
        f"{service.url}/api/v1/files/reports/large.pdf",
        data=content,
        method="PUT",
        headers={"Authorization": "Bearer dev"},
    )
    urllib.request.urlopen(request).close()

    site = tmp_path / "site"
    shutil.copytree(PDFJS / "build", site / "pdfjs/build")
    (site / "index.html").write_text(VIEWER)
    with folder_served(site) as origin:
        assert origin != service.url
        browser.open(f"{origin}/?pdf={service.url}/o/reports/large.pdf")
        poll(lambda: browser.driver.title != "waiting", "the page is shown")
        assert browser.driver.title == f"Page 1 of {PAGES}"
        assert browser.complaints() == []

    read = [line for line in service.requests() if line.get("key") == "reports/large.pdf"]
    read = [line for line in read if line["method"] == "GET"]
    parts = [line for line in read if line["status"] == 206]
    # The end with the cross-reference table, then the objects of the first page.
    assert len(parts) >= 2
    # The request that learns the length and range support is aborted after the headers.
    assert {line["status"] for line in read} == {200, 206}
    assert sum(line["bytes"] for line in read) < len(content) / 3
    assert sum(line["bytes"] for line in parts) < len(content) / 10
