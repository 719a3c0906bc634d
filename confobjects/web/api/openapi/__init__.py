"""The description of the API (OpenAPI 3.1), made from the definitions that count and from the table of endpoints.

For: generators of clients, and people who look for what there is. ``document`` puts it together, ``rows`` says what each endpoint takes
and gives, ``operations`` makes operations of these, ``kinds`` those of each kind of objects, ``schemas`` the forms of what is sent.

Laws of this wing:

1. Every route is in it: each kind of objects with addresses of its own, every other endpoint as its row says.
2. It is made anew when other definitions count.
"""
