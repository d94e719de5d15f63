"""Settings of Django for tests in this process, which import this before anything of Django."""

from __future__ import annotations

import django
from django.conf import settings

if not settings.configured:
    settings.configure(
        ALLOWED_HOSTS=["*"],
        INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "rest_framework"],
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
        REST_FRAMEWORK={"UNAUTHENTICATED_USER": None},
        ROOT_URLCONF="support.django_project",
        SECRET_KEY="for tests",
        USE_TZ=True,
    )
    django.setup()

urlpatterns: list[object] = []
