"""The harness itself keeps its promises to the other tests."""

from __future__ import annotations

import urllib.request

from tests.service import Service


def put(service: Service, key: str, body: bytes) -> None:
    request = urllib.request.Request(
        f"{service.url}/api/v1/files/{key}",
        data=body,
        method="PUT",
        headers={"Authorization": "Bearer dev"},
    )
    with urllib.request.urlopen(request):
        pass


def test_counts_every_request_once(fresh_service: Service) -> None:
    put(fresh_service, "a.txt", b"one")
    seen = [(r["method"], r["key"], r["status"]) for r in fresh_service.requests()]
    assert seen == [("PUT", "a.txt", 201)]
    assert len(fresh_service.requests()) == 1


def test_keeps_ports_files_and_log_over_restarts_and_kills(fresh_service: Service) -> None:
    put(fresh_service, "a.txt", b"one")
    fresh_service.restart()
    put(fresh_service, "b.txt", b"two")
    assert [r["key"] for r in fresh_service.requests()] == ["a.txt", "b.txt"]
    fresh_service.kill()
    fresh_service.start()
    assert [r["key"] for r in fresh_service.requests()] == ["a.txt", "b.txt"]
    assert (fresh_service.root / "a.txt").read_bytes() == b"one"
