"""The expected result of each suite with TintypeStorage: how many tests pass, and which cannot."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Expectation:
    #: Tests that passed when this was written.
    passing: int
    #: Reason -> tests that fail for it.
    failing: Mapping[str, Iterable[str]] = field(default_factory=dict)
    #: Reason -> tests that are not run, because the network decides whether they pass.
    left_out: Mapping[str, Iterable[str]] = field(default_factory=dict)

    @property
    def may_fail(self) -> set[str]:
        return {test for tests in self.failing.values() for test in tests}

    @property
    def not_run(self) -> set[str]:
        return {test for tests in self.left_out.values() for test in tests}


def _django(classes: Iterable[str]) -> dict[str, list[str]]:
    """`classes` share the tests of FileStorageTests."""

    def each(test: str) -> list[str]:
        return [f"file_storage.tests.{name}.{test}" for name in classes]

    return {
        "patches os.* in its own process; another one writes the files": [
            *each("test_makedirs_race_handling"),
            *each("test_remove_race_handling"),
        ],
        "modes of files below the service are the service's": [
            "file_storage.tests.FileStoragePermissions.test_file_upload_default_permissions",
            "file_storage.tests.FileStoragePermissions.test_file_upload_permissions",
            "file_storage.tests.FileStoragePermissions."
            "test_file_upload_directory_default_permissions",
            "file_storage.tests.FileStoragePermissions.test_file_upload_directory_permissions",
            "file_uploads.tests.DirectoryCreationTests.test_readonly_root",
        ],
        "a temporary file is sent and left to Django, not moved away from it": [
            "model_fields.test_filefield.FileFieldTests.test_move_temporary_file",
        ],
    }


_FLAGS = "file_storage.tests.OverwritingStorageOSOpenFlagsTests."

_CLASSES = [
    "FileStorageTests",
    "CustomStorageTests",
    "DiscardingFalseContentStorageTests",
    "OverwritingStorageTests",
]

SUITES: dict[str, Expectation] = {
    "django-5.2": Expectation(
        336,
        {
            **_django([*_CLASSES, "OverwritingStorageOSOpenFlagsTests"]),
            "flags of os.open(), deprecated in 5.2 and gone in 6.1, do not reach the service": [
                _FLAGS + "test_file_save_broken_symlink",
                _FLAGS + "test_save_doesnt_close",
                _FLAGS + "test_save_overwrite_behavior",
                "file_storage.tests.OverwritingStorageOSOpenFlagsWarningTests."
                "test_os_open_flags_deprecation_warning",
            ],
            "compares to the microsecond with the disk, where the name is given after the bytes": [
                f"file_storage.tests.{name}.test_file_get_created_time"
                for name in [*_CLASSES, "OverwritingStorageOSOpenFlagsTests"]
            ],
        },
    ),
    "django-6.1": Expectation(323, _django(_CLASSES)),
    "wagtail": Expectation(
        212,
        {
            "asks for the local path of a file, which a remote storage has not": [
                "wagtail.images.tests.test_models.TestImage.test_is_stored_locally",
                "wagtail.images.tests.test_models.TestImage."
                "test_reopen_based_on_storage_that_is_dynamically_set",
                "wagtail.images.tests.tests.TestFrontendSendfileView.test_sendfile_dummy_backend",
                "wagtail.images.tests.tests.TestFrontendServeView."
                "test_get_missing_source_image_file",
                "wagtail.images.tests.tests.TestFrontendServeView.test_get_with_redirect_action",
            ],
            "wagtail opens files of remote storages anew, and these watch the first one": [
                "wagtail.images.tests.test_models.TestGetWillowImage.test_closes_image",
                "wagtail.images.tests.test_models.TestGetWillowImage.test_closes_image_on_exception",
            ],
        },
    ),
    "sorl": Expectation(
        128,
        {
            "removes folders itself that the service removes with their last file": [
                "tests.thumbnail_tests.test_commands.CommandTests.test_clear_delete_all_action",
            ],
            "spells the name of Django's own class": [
                "tests.thumbnail_tests.test_engines.SimpleTestCase."
                "test_storage_serialize_short_backend_path",
            ],
        },
        {
            "fetches pictures from another server": [
                "tests.thumbnail_tests.test_engines.SimpleTestCase.test_image_file_deserialize",
                "tests.thumbnail_tests.test_templatetags.TemplateTestCaseB.test_portrait",
                "tests.thumbnail_tests.test_templatetags.TemplateTestCaseB.test_url",
            ],
        },
    ),
    "easy": Expectation(
        119,
        {
            "takes the name of an opened file for its local path": [
                f"easy_thumbnails.tests.test_thumbnail_cleanup.ThumbnailCleanupTest.{test}"
                for test in (
                    "test_cleanup_command",
                    "test_cleanup_dry_run",
                    "test_cleanup_last_n_days",
                    "test_source_storage_hash_not_found",
                )
            ],
            "runs a script that its wheel installs without the right to be run": [
                "easy_thumbnails.tests.test_files.FilesTest.test_postprocessor",
            ],
        },
    ),
}
