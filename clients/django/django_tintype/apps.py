from django.apps import AppConfig


class TintypeConfig(AppConfig):
    name = "django_tintype"
    verbose_name = "tintype"

    def ready(self) -> None:
        # Registers the system checks.
        from .checks import deferred, settings  # noqa: F401
