"""The settings of the shop."""

import os

ADDRESS = os.environ["REDIS_ADDRESS"]
ALLOWED_HOSTS = ["*"]
CACHES = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": f"redis://{ADDRESS}"}}
INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes", "rest_framework"]
LOCKWATCH = {"redis_url": f"redis://{ADDRESS}"}
MIDDLEWARE = ["django.middleware.common.CommonMiddleware"]
REST_FRAMEWORK = {
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_THROTTLE_CLASSES": [
        "lockwatch.rest_framework.AnonRateThrottle",
        "lockwatch.rest_framework.ScopedRateThrottle",
    ],
    "DEFAULT_THROTTLE_RATES": {"anon": "200/hour", "orders": "10/min"},
    "UNAUTHENTICATED_USER": None,
}
ROOT_URLCONF = "migration.drf_shop.urls"
SECRET_KEY = "for tests"
WSGI_APPLICATION = "migration.drf_shop.wsgi.application"
