"""Fixtures that the tests share: the service, and the rule that no test is skipped."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from django.conf import settings as site
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from tests.browser import Browser
from tests.bucket import started_bucket
from tests.service import Service

StartService = Callable[..., Service]


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The service of the settings, shared by all tests, which use distinct file names."""
    running = Service(
        tmp_path_factory.mktemp("service") / "media", ports=(site.PORT, site.ADMIN_PORT)
    )
    yield running
    running.kill()


@pytest.fixture(scope="session")
def bucket_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A service that keeps its files in a bucket, shared by all tests."""
    folder = tmp_path_factory.mktemp("bucket")
    with started_bucket(folder) as environment:
        running = Service(folder / "media", environment)
        yield running.url
        running.stop()


@pytest.fixture
def start_service(tmp_path: Path, settings: Settings) -> Iterator[StartService]:
    """Starts a service with an environment of its own, and points the settings at it."""
    started: list[Service] = []

    def start(env: Mapping[str, str] | None = None, **options: object) -> Service:
        running = Service(tmp_path / f"service-{len(started)}" / "media", env)
        started.append(running)
        settings.TINTYPE = {**site.TINTYPE, "URL": running.url, **options}
        return running

    yield start
    for running in started:
        # Its files are no longer needed, so there is no need to wait for it to finish.
        running.kill()


@pytest.fixture
def fresh_service(start_service: StartService) -> Service:
    """An empty service for one test, which may stop it, kill it and count its requests."""
    return start_service()


@pytest.fixture(scope="session")
def chromium(
    tmp_path_factory: pytest.TempPathFactory, live_server: LiveServer
) -> Iterator[Browser]:
    """One Chromium for all tests, since it takes seconds to start. A test that uses it cleans up.

    Ends before the live server does: a connection that is still open then fails in its thread.
    """
    browser = Browser(tmp_path_factory.mktemp("chromium"))
    yield browser
    browser.close()


def pytest_sessionfinish(session: pytest.Session) -> None:
    # A missing dependency is a failure, because a skipped test guards nothing.
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
