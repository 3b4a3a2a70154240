"""Admin actions that block images for everybody, with a reason, and unblock them."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.test import Client as Visitor

from django_tintype import TintypeStorage
from django_tintype.api.client import client
from tests.conftest import StartService
from tests.gallery.models import Picture
from tests.service import Service
from tests.test_field import jpeg

pytestmark = pytest.mark.django_db(transaction=True)

LIST = "/admin/gallery/picture/"


@pytest.fixture
def editor() -> Visitor:
    visitor = Visitor()
    visitor.force_login(get_user_model().objects.create_superuser("editor"))
    return visitor


def act(visitor: Visitor, action: str, *rows: Picture, **fields: str) -> Any:
    form = {"action": f"tintype_{action}", "_selected_action": [row.pk for row in rows], **fields}
    return visitor.post(LIST, form, follow=True)


def status(row: Picture) -> int:
    return client().public(TintypeStorage().url(row.image.name)).status


def told(answer: Any) -> list[str]:
    return [str(message) for message in answer.context["messages"]]


def test_a_takedown_asks_for_a_reason_and_blocks(fresh_service: Service, editor: Visitor) -> None:
    rows = [Picture.objects.create(title=t, image=jpeg(name=f"{t}.jpg")) for t in ("a", "b")]
    bare = Picture.objects.create(title="without a file")
    untouched = Picture.objects.create(title="c", image=jpeg((30, 20), name="c.jpg"))
    page = act(editor, "take_down", *rows, bare)
    assert "pictures/a.jpg" in page.content.decode() and "Reason" in page.content.decode()
    page = act(editor, "take_down", *rows, bare, reason=" ")
    assert "This field is required" in page.content.decode()
    assert [status(row) for row in rows] == [200, 200]

    answer = act(editor, "take_down", *rows, bare, reason="licence ended")
    assert told(answer) == ["2 pictures were taken down."]
    assert [status(row) for row in (*rows, untouched)] == [451, 451, 200]
    state = client().record("pictures/a.jpg").state
    assert (state["reason"], state["actor"]) == ("licence ended", "editor")
    assert LogEntry.objects.filter(change_message__contains="licence ended").count() == 2
    # The list and the form of a blocked image still work.
    assert editor.get(LIST).status_code == 200
    assert editor.get(f"{LIST}{rows[0].pk}/change/").status_code == 200

    answer = act(editor, "show_again", *rows)
    assert told(answer) == ["2 pictures are shown again."]
    assert [status(row) for row in rows] == [200, 200]


def test_what_the_service_refuses_is_told(start_service: StartService, editor: Visitor) -> None:
    service = start_service()
    row = Picture.objects.create(title="a", image=jpeg())
    service.stop()
    [message] = told(act(editor, "take_down", row, reason="licence ended"))
    assert "was left as it is" in message and "no response from the service" in message


def test_only_who_may_change_pictures_may_take_them_down(fresh_service: Service) -> None:
    row = Picture.objects.create(title="a", image=jpeg())
    user = get_user_model().objects.create_user("reader", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_picture"))
    visitor = Visitor()
    visitor.force_login(user)
    assert "tintype_take_down" not in visitor.get(LIST).content.decode()
    act(visitor, "take_down", row, reason="licence ended")
    assert status(row) == 200
