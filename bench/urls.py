"""The console, and the least that a Django view can do to write one row."""

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from contactops import urls
from incidents.models import ClockBeat
from incidents.times import db_now


@csrf_exempt
@login_not_required
def one_row(request: HttpRequest) -> HttpResponse:
    ClockBeat.objects.create(worker=request.body.decode(), looked_at=db_now())
    return HttpResponse(status=201)


urlpatterns = [*urls.urlpatterns, path("one-row/", one_row)]
