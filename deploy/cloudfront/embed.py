#!/usr/bin/env python3
"""Copies function.js into deploy/ecs/tintype.yaml, where CloudFormation reads it.

With --check it only checks whether the copy is up to date.
"""

import pathlib
import re
import sys
import textwrap

HERE = pathlib.Path(__file__).resolve().parent
TEMPLATE = HERE.parent / "ecs/tintype.yaml"
COPY = re.compile(r"(?<=      FunctionCode: \|\n)(?:        .*\n|\n)+")


def code() -> str:
    return textwrap.indent((HERE / "function.js").read_text(), " " * 8)


def main() -> None:
    template = TEMPLATE.read_text()
    fresh, copies = COPY.subn(lambda _: code(), template)
    if copies != 1:
        sys.exit("the template has no place for the function")
    if fresh == template:
        return
    if "--check" in sys.argv[1:]:
        sys.exit(f"{TEMPLATE} does not match function.js: run deploy/cloudfront/embed.py")
    TEMPLATE.write_text(fresh)


if __name__ == "__main__":
    main()
