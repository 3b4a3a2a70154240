"""Django's side of tintype: storage, URLs of thumbnails, a field, templates and commands.

Names are imported when they are first used, so that `django_tintype` can stand in INSTALLED_APPS
and be imported before Django's models are ready.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .version import __version__ as __version__

if TYPE_CHECKING:
    from .api.errors import PreconditionFailed as PreconditionFailed
    from .api.errors import TintypeAuthError as TintypeAuthError
    from .api.errors import TintypeError as TintypeError
    from .api.errors import TintypeRejected as TintypeRejected
    from .api.errors import TintypeUnavailable as TintypeUnavailable
    from .delivery.source import Source as Source
    from .delivery.spec import Spec as Spec
    from .delivery.url import original_url as original_url
    from .delivery.url import url as url
    from .fields import TintypeImageField as TintypeImageField
    from .storages.deferred import DeferredTintypeStorage as DeferredTintypeStorage
    from .storages.tintype import TintypeStorage as TintypeStorage

_HOMES = {
    "DeferredTintypeStorage": "storages.deferred",
    "PreconditionFailed": "api.errors",
    "Source": "delivery.source",
    "Spec": "delivery.spec",
    "TintypeAuthError": "api.errors",
    "TintypeError": "api.errors",
    "TintypeImageField": "fields",
    "TintypeRejected": "api.errors",
    "TintypeStorage": "storages.tintype",
    "TintypeUnavailable": "api.errors",
    "original_url": "delivery.url",
    "url": "delivery.url",
}

__all__ = ["__version__", *_HOMES]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{home}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
