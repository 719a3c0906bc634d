"""The table of pages: each with its address, who may see it, and what answers."""

from __future__ import annotations

from typing import Final

from confobjects.web.endpoints import Endpoint
from confobjects.web.pages import (
    consenting,
    devices,
    ending,
    entrance,
    history,
    live,
    mail_service,
    mails,
    objects,
    openid,
    overview,
    places,
    reading,
    saving,
    senders,
    testing,
)
from confobjects.web.pages.assets import answer_asset
from confobjects.web.pages.saving import perform_watched
from confobjects.web.pages.views import look, perform, plan, show

ENDPOINTS: Final = (
    Endpoint(
        "GET", "/static/{fingerprint}/{name}", "nobody", answer_asset, "The style sheet, the scripts and the icon."
    ),
    Endpoint("GET", "/sign-in", "nobody", entrance.show_sign_in, "The form to sign in."),
    Endpoint("POST", "/sign-in", "nobody", entrance.sign_in, "Sign in."),
    Endpoint("GET", openid.BEGIN, "nobody", openid.begin, "The way to the identity provider."),
    Endpoint("GET", openid.CALLBACK, "nobody", openid.come_back, "The way back from the identity provider."),
    Endpoint("POST", "/sign-out", "anybody", entrance.sign_out, "Sign out."),
    Endpoint("GET", "/", "read", show(overview.show_overview), "The first page: what needs attention."),
    Endpoint("GET", "/objects/{address:path}", "read", objects.answer_objects, "Objects of a kind, or one object."),
    Endpoint(
        "POST", "/objects/{address:path}", "change", perform_watched(objects.change_object), "Review or save an object."
    ),
    Endpoint("GET", "/kind/{kind}", "read", show(places.find_kind), "The way to the objects of a kind."),
    Endpoint("GET", "/new/{address:path}", "change", show(objects.show_new), "The form of a new object."),
    Endpoint(
        "POST", "/new/{address:path}", "change", perform_watched(objects.create_object), "Review or save a new object."
    ),
    Endpoint("GET", "/delete/{address:path}", "change", plan(ending.show_delete), "What deleting an object would do."),
    Endpoint("POST", "/delete/{address:path}", "change", perform(ending.delete_object), "Delete an object."),
    Endpoint("GET", "/rename/{address:path}", "change", show(ending.show_rename), "The form of another name."),
    Endpoint("POST", "/rename/{address:path}", "change", perform(ending.rename_object), "Review or save another name."),
    Endpoint("GET", "/history", "read", show(history.show_history), "All changes, or those of one object."),
    Endpoint("GET", "/history/{number}", "read", history.answer_change, "One change, and what undo would do."),
    Endpoint(
        "POST", "/history/{number}", "change", perform(history.undo_change), "Take back a change, or all after it."
    ),
    Endpoint("GET", "/compare", "read", show(history.compare), "Two versions of the configuration compared."),
    Endpoint("GET", "/test/{address:path}", "test", show(testing.show_test), "The form of a test of an object."),
    Endpoint(
        "POST", "/test/{address:path}", "test", testing.begin_test, "Begin a test of an object, or send a test mail."
    ),
    Endpoint("GET", "/test-runs/{key}", "test", show(testing.show_run), "A test, as far as it has come."),
    Endpoint("GET", "/test-runs/{key}/events", "test", testing.stream_test, "The stages of a test as they happen."),
    Endpoint("GET", "/saves/{key}", "change", show(saving.show_save), "A save after a test, as far as it has come."),
    Endpoint("GET", "/saves/{key}/events", "change", saving.stream_save, "The stages of the test before a save."),
    Endpoint("GET", "/senders", "read", show(senders.show_senders), "The senders of mail."),
    Endpoint("GET", "/new-sender", "change", show(senders.show_new_sender), "The form of a new sender."),
    Endpoint("POST", "/new-sender", "change", perform_watched(senders.create_sender), "Review or save a new sender."),
    Endpoint("GET", "/senders/{name}", "read", show(senders.show_sender), "The form of a sender."),
    Endpoint("POST", "/senders/{name}", "change", perform_watched(senders.change_sender), "Review or save a sender."),
    Endpoint("GET", "/mail-service", "read", show(mail_service.show_service), "The mail service, and how it is."),
    Endpoint(
        "POST",
        "/mail-service",
        "change",
        perform_watched(mail_service.change_service),
        "Review or save the mail service.",
    ),
    Endpoint("GET", "/queue", "read", show(mails.show_queue), "The mails that were accepted."),
    Endpoint("GET", "/queue/{mail}", "read", show(mails.show_mail), "One mail, with its attempts."),
    Endpoint("POST", "/queue/{mail}", "change", look(mails.change_mail), "Send a mail again, or give it up."),
    Endpoint("GET", "/recipients", "read", show(mails.show_recipients), "How many mails addresses have got."),
    Endpoint("POST", "/recipients", "change", look(mails.change_recipient), "Reset a count, or lift a suppression."),
    Endpoint("GET", "/graph", "read", show(reading.show_graph), "Objects and their references as a picture."),
    Endpoint("GET", "/explain", "read", show(reading.show_explained), "How stored expressions get their values."),
    Endpoint("GET", "/definitions", "read", show(reading.show_definitions), "Every kind of object."),
    Endpoint("GET", "/definitions/{name}", "read", show(reading.show_definition), "The reference of a definition."),
    Endpoint("GET", "/authorise/{address:path}", "change", show(consenting.show_authorise), "The way to a provider."),
    Endpoint("POST", "/authorise/{address:path}", "change", devices.begin_consent, "Ask a provider for a code."),
    Endpoint("GET", "/consents/{key}", "change", show(devices.show_consent), "A code, and whether it was used."),
    Endpoint("GET", "/consents/{key}/events", "change", devices.stream_consent, "A consent as it goes on."),
    Endpoint("POST", "/consents/{key}", "change", perform(devices.save_consent), "Save a consent that was given."),
    Endpoint("GET", consenting.CALLBACK, "nobody", consenting.come_back, "The way back from a provider."),
    Endpoint(
        "GET", "/authorised", "change", show(consenting.show_authorised), "The question whether to save a consent."
    ),
    Endpoint("POST", "/authorised", "change", perform(consenting.save_consent), "Save a consent."),
    Endpoint("GET", "/live", "read", live.stream_live, "What others change, as it happens."),
    Endpoint("GET", "/{address:path}", "anybody", show(places.find_nothing), "That there is no such page."),
)
