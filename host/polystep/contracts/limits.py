"""Bounds of the host: name with unit, value, reason."""

from __future__ import annotations

from typing import Final

FRAME_BYTES_MAX: Final = 16 * 1024 * 1024
"""One protocol message. Above it a call fails by name; 16 MiB holds every body the HTTP limit lets in."""

PAGE_BYTES_MAX: Final = 1024 * 1024
"""Values of a group in one message to a runner, at most half of its frame: a page is copied on the event loop."""

PAGE_ENTRIES_MAX: Final = 10_000
"""Entries of a group in one message to a runner: small values would otherwise make pages of half a million."""

SNAPSHOT_BYTES_MAX: Final = 16 * 1024 * 1024
"""The items of a stream's group as a WebSocket client gets them when it joins: clients expect them in one frame."""

NAME_BYTES_MAX: Final = 1024
"""Name of a state group, a key, a stream's group or an item: an entry of PostgreSQL's index ends at 2,704 bytes."""

STREAM_NAME_BYTES_MAX: Final = 512
"""Name of a stream, which is in one entry of an index with a group and an item."""

UPDATE_BYTES_MAX: Final = 1024 * 1024
"""Value that `state.update` changes, before and after: it is decoded and encoded on the event loop, within a
transaction that others wait for."""

UPDATE_CHANGES_MAX: Final = 100
"""Changes of one `state.update`."""

DECODED_ON_LOOP_MAX: Final = 200
"""Values of a group that are decoded or encoded on the event loop; more of them would hold it for milliseconds."""

BODY_BYTES_MAX: Final = 1024 * 1024
"""One HTTP request body, unless `polystep.toml` says otherwise (`[http] body_bytes_max`)."""

UPLOAD_BYTES_MAX: Final = 100 * 1024 * 1024
"""One upload with all its files, which go to the disk (`[http] upload_bytes_max`)."""

UPLOAD_BYTES_PER_S_MIN: Final = 16 * 1024
"""Bytes per second below which a client is taken for one that only holds the connection."""

FORM_FIELDS_MAX: Final = 1000
"""Fields of a form or a query; each costs a dict entry, so a body of bare `&` must not make a million."""

HEADER_BYTES_MAX: Final = 16 * 1024
"""One header field and the request line; aiohttp's default is 8 KiB, cookies of real sites need more."""

VALUE_DEPTH_MAX: Final = 100
"""Nesting of lists and maps in a value; msgpack and JSON readers in the runners recurse."""

ISSUES_MAX: Final = 50
"""Problems listed of one value that breaks its schema; more help nobody, and each costs the event loop."""

EXPLANATION_STEPS_MAX: Final = 20_000
"""Parts of a schema times parts of a value that are looked at to say where the value breaks the schema: 20 to 40 ms."""

CALLS_MAX: Final = 4096
"""Calls one runner may have unanswered at the host; beyond it the host stops reading until some are answered."""

WRITES_WAITING_MAX: Final = 20_000
"""Writes waiting for a commit. Beyond it a write is refused as `overloaded` instead of queueing without end."""

HTTP_RUNS_MAX: Final = 1024
"""HTTP requests of one language in handlers at once; the next ones wait for their turn."""

TURN_WAIT_S: Final = 5.0
"""A request waits so long for its turn, then it is answered 503: an answer that comes at once is asked for at once."""

CONNECTIONS_MAX: Final = 12_000
"""Client connections, WebSockets included; the next one is answered 503 before it is read. Each takes 10 to 20 KiB."""

SOCKETS_MAX: Final = 10_000
"""WebSockets; fewer than connections, so that some are left for requests."""

UPLOADS_MAX: Final = 32
"""`multipart/form-data` bodies on their way at once: each has a file open and some MiB in memory."""

BYTES_IN_FLIGHT_MAX: Final = 256 * 1024 * 1024
"""Bodies and answers above a few KiB that are held at once (`[http] bytes_in_flight_max`)."""

BODY_BYTES_UNCOUNTED: Final = 16 * 1024
"""A body up to this size is not counted: connections are bounded in number, and nearly all bodies are small."""

ANSWER_SLICE_BYTES: Final = 64 * 1024
"""Bytes of an answer that a connection takes at once; an answer up to this size is not counted."""

WRITE_TIMEOUT_S: Final = 30.0
"""A client that is behind with reading must have taken at least 30 KiB within this time."""

WRITE_BYTES_PER_S_MIN: Final = 1024
"""A client that is behind and reads less is taken for one that does not read."""

UNREAD_BYTES_MAX: Final = 64 * 1024
"""Length of a body that is read to its end though nobody wants it, so that the connection can be used again."""

REST_S: Final = 5.0
"""Time for a client to go on sending a larger one. A bare close would reset the connection, and many clients would
lose the answer (RFC 9112, 9.6)."""

REST_BYTES_MAX: Final = 64 * 1024 * 1024
"""Bytes that it may send meanwhile."""

RUNS_PER_RUNNER: Final = 128
"""Runs one runner process is given at once unless its hello says fewer."""

SLOT_WAIT_S: Final = 10.0
"""A request waits so long for a slot in its runner, then it is answered 503: most clients give up soon after."""

REQUESTS_WAITING_MAX: Final = HTTP_RUNS_MAX
"""Requests of one language that wait for a slot; the next one is answered 503 at once."""

SOCKET_FRAMES_MAX: Final = 1000
"""Frames waiting for one slow WebSocket client; one more closes it with a reason."""

SOCKET_WAITING_BYTES_MAX: Final = 16 * 1024 * 1024
"""Frames waiting for one client, in bytes: a thousand large items must not fill the memory."""

LIVE_SOCKETS_MAX: Final = 64
"""Clients of the live feed: pages and terminals of those who operate the project."""

LIVE_BEAT_S: Final = 5.0
"""Between two heartbeats of the live feed: a client that misses one looks for the host again."""

LIVE_SUBJECTS_MAX: Final = 100
"""Subjects of one client of the live feed."""

SOCKET_MESSAGE_BYTES_MAX: Final = 64 * 1024
"""One message from a WebSocket client: joins and leaves are tiny."""

SOCKET_SUBSCRIPTIONS_MAX: Final = 1000
"""Subscriptions of one WebSocket client."""

RUN_INPUT_BYTES_MAX: Final = 256 * 1024
"""Input of a run that its trace keeps whole, so that the run can be replayed; of a larger one a preview is kept."""

HISTORIES_MAX: Final = 10_000
"""Completed runs whose journals are kept; beyond it the oldest are removed before their time."""

HISTORIES_BYTES_MAX: Final = 256 * 1024 * 1024
"""The same of the bytes of these journals, with the inputs of their runs."""

TRACE_VALUE_BYTES_MAX: Final = 2048
"""A payload kept in a trace is cut to this many bytes of JSON; the full one is in the state or the queue."""

TRACE_MODEL_CALL_BYTES_MAX: Final = 64 * 1024
"""The same for the messages of a call of a language model: a prompt that is cut explains nothing."""

TRACE_RECORDS_MAX: Final = 50_000
"""Trace records waiting to be written; beyond it the oldest are dropped and counted in the health answer."""

SINK_RECORDS_MAX: Final = 20_000
"""Trace records waiting for one sink beside the store; beyond it the oldest batches are dropped for this sink."""

TRACES_KEPT_MAX: Final = 20_000
"""Traces kept on disk before the oldest are removed."""

RUNS_PER_TRACE_MAX: Final = 10_000
"""Runs kept of one trace, such as of a step whose events lead to itself without an end; the first ones go first."""

SKELETON_ROWS_MAX: Final = 100_000
"""Runs, attempts, operations and log lines of a trace in one skeleton; of a longer trace the first ones are shown."""

SKELETON_BYTES_MAX: Final = 4 * 1024 * 1024
"""Size of a skeleton; beyond it rows come without their texts."""

SKELETON_TEXT_CHARS_MAX: Final = 80
"""A text of a row is cut here: more does not fit on a line."""

LOGS_KEPT_MAX: Final = 200_000
"""Log lines kept on disk before the oldest are removed."""

LOG_DOWNLOAD_LINES_MAX: Final = LOGS_KEPT_MAX
"""Lines of one download of log lines."""

LOG_DOWNLOAD_BYTES_MAX: Final = 128 * 1024 * 1024
"""Size of one download of log lines; beyond either bound its last line says that it was cut."""

TRACES_BYTES_MAX: Final = 512 * 1024 * 1024
"""Size of the database of traces and logs (`[trace] bytes_max`); beyond it the oldest traces and lines are removed."""

TRACE_WAITING_BYTES_MAX: Final = 64 * 1024 * 1024
"""Operations, log lines and inputs waiting to be written; beyond it new ones are dropped and counted in the health
answer. Inputs take at most half of it."""

OPERATIONS_PER_ATTEMPT_MAX: Final = 1000
"""Operations (state, streams, emits, calls) stored for one attempt; the rest are counted, not stored."""

TRACE_BYTES_PER_ATTEMPT_MAX: Final = 4 * 1024 * 1024
"""Operations and log lines stored for one attempt; the rest are counted, and the trace says how many."""

EMITS_PER_ATTEMPT_MAX: Final = 10_000
"""Events of one event or cron run: they wait in memory until it completes, then commit together."""

LOG_LINE_CHARS_MAX: Final = 16_384
"""A captured output line or log message is cut here."""

STACK_CHARS_MAX: Final = 64 * 1024
"""A stack that is longer is cut before its frames are read, since the event loop reads them."""

QUEUED_EVENTS_MAX: Final = 1_000_000
"""Events that wait for one step (`[queues] events_max`); a further one is refused as `overloaded`. A backlog of a night
fits; a step whose events lead to itself twice makes a million in some minutes."""

QUEUED_BYTES_MAX: Final = 1024 * 1024 * 1024
"""The data of these events together (`[queues] bytes_max`)."""

BULK_LETTERS_MAX: Final = 100_000
"""Dead letters that one bulk replays or discards."""

PATCH_BYTES_MAX: Final = 64 * 1024
"""Merge patch of a bulk, packed; it is kept with the record."""

BULKS_KEPT_MAX: Final = 50
"""Records of bulks that have ended; older ones are removed."""

POSTPONED_PAUSE_S: Final = 5.0
"""Pause of a step after one of its attempts could not emit because a queue is full."""

PARKED_EVENTS_MAX: Final = 10_000
"""Events kept while no step is known to subscribe to their topic and some file does not load; the next ones become dead
letters. Far more than a project emits while somebody corrects a file, and read within a moment when it loads."""

PARKED_BYTES_MAX: Final = 64 * 1024 * 1024
"""The data of these events together."""

REQUEST_KEYS_MAX: Final = 100_000
"""Idempotency keys of requests that are remembered; beyond it those that ended first are forgotten first."""

KEPT_RESPONSE_BYTES_MAX: Final = 1024 * 1024
"""Body of a response that is kept for later requests with its idempotency key."""

KEPT_RESPONSES_BYTES_MAX: Final = 256 * 1024 * 1024
"""All of them; beyond it those that ended first are forgotten first."""

SIGNALS_MAX: Final = 1_000_000
"""Events that are kept for runs which may wait for them; beyond it the oldest are removed."""
ONCE_KEYS_MAX: Final = 1_000_000
"""Keys of `once` that the project remembers; beyond it a new one is refused. To forget one before its time would do its
work twice."""

ONCE_KEYS_BYTES_MAX: Final = 1024 * 1024 * 1024
"""Their results together."""

LEASE_MS: Final = 30_000
"""A claimed delivery belongs to its host this long; renewed while the run lives."""

HELLO_TIMEOUT_S: Final = 20.0
"""From spawn to hello: Node with tsx takes 0.5 s idle and ten times that on a busy two-core machine."""

LOAD_TIMEOUT_S: Final = 30.0
"""Importing one step file, its packages included."""

RUN_TIMEOUT_S: Final = 300.0
"""One handler call unless the step's `infrastructure.handler.timeout` says otherwise; LLM calls take minutes."""

CANCEL_GRACE_S: Final = 1.0
"""From `cancel` to replacing the process that did not answer it."""

PING_EVERY_S: Final = 0.5
"""Between two questions to a runner with open runs whether it still reads."""

BLOCKED_AFTER_S: Final = 1.5
"""From a ping without an answer to the verdict that a handler blocks its runner: noticed within 2 s."""

LINGER_GRACE_S: Final = 5.0
"""Handlers whose runs were cancelled may run on so long in their threads; then their process is replaced."""

MEMORY_EVERY_S: Final = 0.5
"""Between two looks at the memory of a runner that has a limit: 0.1 ms each."""

MEMORY_FAR_FACTOR: Final = 1.5
"""A runner that uses so many times its limit is ended at once; below, it may end its runs."""

MEMORY_GRACE_S: Final = 30.0
"""Time for a runner over its limit to end its runs; then they start again, apart, to find the one that needs it all."""

ACCESS_TIMEOUT_S: Final = 10.0
"""Asking an access rule (`authenticate`, `canAccess`), waiting for a slot included; beyond it the answer is no."""

ACCESS_RUNS_MAX: Final = 32
"""Access rules asked at once. They share the slots of handlers; many sockets at once must not take them all."""

ACCESS_WAITING_MAX: Final = 4096
"""Sockets and joins waiting for a rule; beyond it the next one is refused at once."""

TOKEN_CHARS_MIN: Final = 16
"""An admin token that the user chooses; shorter ones can be guessed."""

GUESSES_FREE: Final = 5
"""Wrong admin tokens of one address before the answers are delayed: a typing error costs nothing."""

GUESSES_WAITING_MAX: Final = 4
"""Delayed answers to wrong tokens of one address; beyond it a further wrong token is answered 429."""

GUESS_DELAY_MAX_S: Final = 30.0
"""The longest delay of an answer to a wrong token."""

GUESSES_KEPT_S: Final = 600.0
"""Time for which an address is remembered after its last wrong token."""

GUESSING_ADDRESSES_MAX: Final = 1024
"""Addresses with wrong tokens that are remembered; the oldest are forgotten first."""

SESSIONS_MAX: Final = 64
"""Browsers that are signed in to the Workbench; one more signs out the one that signed in first."""

STOP_GRACE_S: Final = 10.0
"""Time for running handlers at a graceful stop before their work is released for the next start."""

PORTS_TRIED: Final = 10
"""Ports that `polystep dev` tries, from the one that was asked for on: so many projects may run side by side."""

ENVIRONMENTS_KEPT: Final = 1
"""Complete Python environments and Node runners kept beside the current one: for runners that still finish their runs,
and for going back."""

BUNDLE_BYTES_MAX: Final = 268_435_456
"""Bytes of the files of a project in one bundle."""

BUNDLE_FILES_MAX: Final = 100_000
"""Files of a project in one bundle."""
