"""The shop."""

from rest_framework.decorators import api_view, throttle_classes
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView


@api_view(["GET"])
@throttle_classes([])
def health(request: Request) -> Response:
    return Response({"status": "ok"})


@api_view(["GET"])
def items(request: Request) -> Response:
    return Response(["lamp", "chair"])


class Orders(APIView):
    throttle_scope = "orders"

    def post(self, request: Request) -> Response:
        return Response({"order": "placed"})
