"""The console: server-rendered pages for operators, made from the definitions.

For: people with a browser. May import: the web room and everything below it. Its endpoints are in
:mod:`confobjects.web.pages.table`.

Laws of this room:

1. Every page works without JavaScript: links and forms. With it, pages follow what others change, and tests show their stages.
2. A page is made from the definitions that are in force at that moment. No page knows a kind, except the few that walk
   through a task of mail, whose words and properties are in :mod:`confobjects.mail.sender_forms`.
3. Whatever a page shows is escaped by the template engine; a template that names something unknown fails. No page has
   script, style or an event handler in itself, and none asks another host for anything.
4. No page holds a stored secret, nor one that was just typed: what has to come back with a form is encrypted in it
   (:mod:`confobjects.web.pages.drafts`).
5. A change is shown before it is made, by the same transaction that will make it.
"""

from __future__ import annotations
