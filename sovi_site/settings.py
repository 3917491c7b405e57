"""Django's settings. What an installation may set stands in `env`."""

from datetime import timedelta

from psycopg import IsolationLevel

from sovi_events import database
from sovi_site import env
from sovi_site.env import *  # noqa: F403 - its names are those of the settings
from sovi_site.logs import without_traceback
from sovi_site.postgresql.pool import pool_options

INSTALLED_APPS = [
    "events",
    "sovi_site.admin_config.EventsAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django.contrib.postgres",
    "django_filters",
    "rest_framework",
    "knox",
    "drf_spectacular",
    "drf_spectacular_sidecar",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "sovi_site.csp.ContentSecurityPolicyMiddleware",
    "sovi_site.permissions_policy.PermissionsPolicyMiddleware",
    "sovi_site.sessions.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "sovi_site.refusals.RefusalMiddleware",
]
# Of async views (the stream, static files): what never waits for anything.
ASYNC_MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "sovi_site.csp.ContentSecurityPolicyMiddleware",
    "sovi_site.permissions_policy.PermissionsPolicyMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "sovi_site.urls"
ASGI_APPLICATION = "sovi_site.asgi.application"
HTTP_PROTOCOL = "sovi_site.http_protocol.TimedHTTPProtocol"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [env.BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

DATABASES = {
    "default": {
        "ENGINE": "sovi_site.postgresql",
        "NAME": database.configured_name(),
        # A request gives its connection back to the pool, or closes it where there is none.
        "CONN_MAX_AGE": 0,
        "OPTIONS": {
            "pool": pool_options(env.SOVI_DATABASE_CONNECTIONS, env.SOVI_DATABASE_WAIT_SECONDS),
            # Each statement must see what was committed before it, whatever the database's default
            # is: else settled reading, which looks for open writers first, would pass over rows.
            "isolation_level": IsolationLevel.READ_COMMITTED,
        },
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"
CSRF_FAILURE_VIEW = "sovi_site.refusals.csrf_failure"

LANGUAGE_CODE = "en"
USE_I18N = (
    False  # nobody has translated it, and to look for translations is a tenth of a page's time
)
USE_THOUSAND_SEPARATOR = True

STATIC_URL = "/static/"
STATICFILES_DIRS = [env.BASE_DIR / "static"]
# Served from where they lie, without collectstatic.
WHITENOISE_USE_FINDERS = True

SECURE_CSP = {
    "default-src": ["'self'"],
    "img-src": ["'self'", "data:"],
    "object-src": ["'none'"],
    "base-uri": ["'none'"],
    "form-action": ["'self'"],
    "frame-ancestors": ["'none'"],
}
if env.HTTPS:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_SSL_REDIRECT = True
    SECURE_HSTS_SECONDS = 365 * 24 * 3600
    # To promise it of all subdomains, and for good in browsers' lists, is their owner's to decide.
    SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]
    SESSION_COOKIE_SECURE = True
    CSRF_COOKIE_SECURE = True

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "events.api.authentication.TokenAuthentication",
        "events.api.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["events.api.permissions.EventPermissions"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["events.api.body.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "events.api.schema.ApiSchema",
    "EXCEPTION_HANDLER": "events.api.errors.exception_handler",
    # `format` is a parameter of the export, not DRF's choice of renderer.
    "URL_FORMAT_OVERRIDE": None,
}
REST_KNOX = {
    "AUTH_HEADER_PREFIX": "Token",
    "TOKEN_TTL": timedelta(days=env.TOKEN_DAYS),
}
# Its own token table is replaced by ours, so its migrations have nothing to make.
MIGRATION_MODULES = {"knox": None}
KNOX_TOKEN_MODEL = "events.ApiToken"  # noqa: S105 - a model's name
SPECTACULAR_SETTINGS = {
    "TITLE": "SOVI Events",
    "DESCRIPTION": "Structured events of SOVI's subsystems: read, follow and resolve them. "
    "An empty filter in an address does not filter.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.1",
    "SERVERS": [{"url": "/", "description": "Where this was read."}],
    "SERVE_INCLUDE_SCHEMA": False,
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "events.api.schema_hooks.add_others",
    ],
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "SCHEMA_PATH_PREFIX": "/api",
    "PATH_CONVERTER_OVERRIDES": dict.fromkeys(
        ("int", "event_id"), {"type": "integer", "format": "int64"}
    ),
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"},
    },
    "filters": {
        "refusals": {"()": "django.utils.log.CallbackFilter", "callback": without_traceback}
    },
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "formatter": "line",
            "filters": ["refusals"],
        }
    },
    "root": {"handlers": ["console"], "level": "INFO"},
    # It tells of each connection that a request borrows.
    "loggers": {"psycopg.pool": {"level": "WARNING"}},
}
