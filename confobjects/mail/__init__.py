"""The mail room: it decides what to say to a mail server, and says it, without a socket.

For: the table of SMTP properties, the plan of a delivery made from a mail server object, the SMTP protocol (bytes
in, events out), the form of a message on the wire, and the words for everything that can go wrong. May import:
errors, diagnostics, paths, syntaxes, definitions, objects. Must never know: sockets, TLS contexts, clocks, threads.
It opens nothing and waits for nothing: its driver hands in the bytes received and sends the bytes it returns.

Laws:

1. Fail closed. TLS that was asked for is never left out, and a login never crosses the wire in clear, unless
   ``confobjects.allow-insecure`` names exactly that weakness.
2. Nothing that comes from outside reaches a command line unless it has been checked for CR, LF and NUL.
3. A secret leaves this room towards the server only; transcripts, messages and representations are masked.
4. A type of mail server that never sends in clear does not, whatever its settings say: ``kinds`` lists what each allows.
5. A setting's name is one row of the table in ``property_table``; a failure's words are one row of the table in
   ``failures``.

A failure on the wire goes through five shapes, each of which knows more than the one before::

    ProtocolViolation, OSError, ssl.SSLError, a reply that refuses
        |   the stage is added
        v
    Trouble --- signals.code_for, by meanings ------> code ---- failures.TABLE ----> Failure
        |                                                                              |
        +------------------ diagnosis.diagnose, with the facts of the delivery --------+
                                             |
                                             v
                                         Diagnosis --- Diagnosis.as_diagnostic ---> Diagnostic
                                             |                                         |
                                             +------------------+----------------------+
                                                                v
                                                          DeliveryError
                                                                |
                        +---------------------------------------+------------------+
                        v                                                          v
            Mailer.send raises it                             check_server returns a TestResult

- :class:`~confobjects.mail.diagnosis.Trouble` is the raw signal. A conversation raises it where neither the host nor
  the secrets to mask are known, and may still catch it and go on.
- :class:`~confobjects.mail.failures.Failure` is a row of the table: words with placeholders. The reference prints it,
  so it exists without any delivery.
- :class:`~confobjects.mail.diagnosis.Diagnosis` is the row filled in for one delivery. It has what a mail program acts
  on and no other problem has: the stable code, the server's reply, whether to retry, whether to try another server.
- :class:`~confobjects.diagnostics.Diagnostic` is the shape of every problem in the project. The command line prints
  this one, whatever failed.
- :class:`~confobjects.mail.diagnosis.DeliveryError` is the exception. It carries the diagnosis, the report of the
  stages that were done, and the trouble, from which a second look makes a better diagnosis.
- :class:`~confobjects.transport.check.TestResult` is what a test returns, good or bad: a test does not raise because a
  server fails. It repeats the diagnosis and adds what the test found out.

What is wrong before the wire (a plan, an address) is a Diagnostic at once and leaves in a
:class:`~confobjects.errors.MailError`. A trust manager provider that cannot be used leaves in its subclass
:class:`~confobjects.mail.diagnosis.TrustError`, which adds a stable reason.
"""
