"""The routes of the shop."""

from django.urls import path

from . import views

urlpatterns = [
    path("health", views.health),
    path("items", views.items),
    path("orders", views.Orders.as_view()),
]
