"""moto's server, which decides conditional writes as S3 does.

moto looks at an object first and writes it afterwards, so two writers of one name may both win on a
busy machine. Here one write follows another.
"""

import sys
import threading
from collections.abc import Callable
from functools import wraps
from typing import Any

from moto.s3.responses import S3Response
from moto.server import main

_writing = threading.RLock()


def _one_at_a_time(write: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(write)
    def locked(*args: Any, **kwargs: Any) -> Any:
        with _writing:
            return write(*args, **kwargs)

    return locked


for _name in ("put_object", "delete_object", "_key_response_post"):
    setattr(S3Response, _name, _one_at_a_time(getattr(S3Response, _name)))

if __name__ == "__main__":
    main(sys.argv[1:])
