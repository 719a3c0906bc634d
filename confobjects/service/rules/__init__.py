"""The rules of the mail service: pure functions over records. Every moment is an argument, in milliseconds.

Laws of this wing:

1. A mail is sent by whoever holds the fencing number of its part, and by nobody else. Whoever takes a part gets a new
   number; so does a part that an operator retries or cancels.
2. A part whose lease ended before it was *sending* is taken again. After that its outcome is unknown, and only the
   holder of the number, or an operator, changes it.
3. Each recipient has an outcome of its own, and it is final: a recipient that was delivered, has failed, or is unknown
   is in no later attempt, unless an operator retries it.
4. A clock that was put back stops nothing: what lies further ahead than anything can be counts as due.
"""
