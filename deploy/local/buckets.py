#!/usr/bin/env python3
"""Waits for the local S3 server and creates its buckets."""

import time
import urllib.request

for bucket in ("media", "media-derived"):
    request = urllib.request.Request(f"http://127.0.0.1:5000/{bucket}", method="PUT")
    for _ in range(240):
        try:
            urllib.request.urlopen(request, timeout=5)
            break
        except OSError:
            time.sleep(0.5)
    else:
        raise SystemExit("the S3 server does not respond")
