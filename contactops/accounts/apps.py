from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "contactops.accounts"
    label = "accounts"
