"""Signing in and out, and what a person chooses for themselves."""

from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.contrib import messages
from django.contrib.auth import views as auth
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.forms import AuthenticationForm
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import translation
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST
from django.views.i18n import set_language

from contactops.accounts import throttle
from contactops.accounts.models import Language, User
from contactops.http import Request
from contactops.middleware import THEMES, error_page

YEAR_S = 365 * 86_400


class SignIn(auth.LoginView):
    """Django's own, with a limit on wrong tries per address and name."""

    template_name = "accounts/login.html"
    redirect_authenticated_user = True

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        key = throttle.key_of(request.META.get("REMOTE_ADDR", ""), request.POST.get("username", ""))
        if not throttle.takes(key):
            response = error_page(request, 429, _("Too many tries to sign in. Wait a minute, then try again."))
            response.headers["Retry-After"] = str(throttle.MINUTE)
            return response
        answer = super().post(request, *args, **kwargs)
        if request.user.is_authenticated:
            throttle.forget(key)
        return answer

    def form_invalid(self, form: AuthenticationForm) -> HttpResponse:
        response = super().form_invalid(form)
        response.status_code = 400
        return response


sign_out = auth.LogoutView.as_view()


@login_not_required
@require_POST
def language(request: HttpRequest) -> HttpResponseBase:
    """Before sign-in the choice is kept in a cookie, afterwards with the person."""
    chosen = request.POST.get("language", "")
    if request.user.is_authenticated and chosen in Language.values:
        User.objects.filter(pk=request.user.pk).update(language=chosen)
    return set_language(request)


@require_POST
def theme(request: Request) -> HttpResponse:
    """Light or dark, kept in this browser: it belongs to the screen and not to the person."""
    chosen = request.POST.get("theme", "")
    address = request.POST.get("next", "")
    here = url_has_allowed_host_and_scheme(address, {request.get_host()}, require_https=request.is_secure())
    response = redirect(address if here else "home")
    if chosen in THEMES:
        response.set_cookie("theme", chosen, max_age=YEAR_S, samesite="Lax", secure=request.is_secure(), httponly=True)
    else:
        response.delete_cookie("theme", samesite="Lax")
    return response


class Preferences(forms.ModelForm):
    """Language and time zone; the rest of a person is the administrator's business."""

    time_zone = forms.TypedChoiceField(
        label=gettext_lazy("Time zone"),
        required=False,
        choices=lambda: [("", gettext_lazy("That of my site")), *((z, z) for z in sorted(available_timezones()))],
    )

    class Meta:
        model = User
        fields = ("language", "time_zone")


@require_http_methods(["GET", "POST"])
def me(request: Request) -> HttpResponse:
    form = Preferences(request.POST or None, instance=request.user, label_suffix="")
    if request.method == "POST" and form.is_valid():
        person = form.save()
        with translation.override(person.language):
            messages.success(request, _("Saved."))
        return redirect("me")
    status = 400 if form.is_bound else 200
    return render(request, "accounts/me.html", {"form": form}, status=status)
