"""Generator of the AsyncAPI 3 document: topics between steps, and streams to clients."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from polystep.contracts.steps import Emit, EventTrigger, Flow, StepSpec, StreamSpec
from polystep.contracts.values import JSONObject, JSONValue
from polystep.documents import frames
from polystep.documents.information import ProjectInformation
from polystep.documents.names import UniqueNames
from polystep.documents.schemas import SharedSchemas

_HOST: Final[JSONObject] = {"host": {"default": "localhost:3000", "description": "Where the project runs."}}

_SERVERS: Final[JSONObject] = {
    "events": {
        "host": "{host}",
        "protocol": "polystep",
        "variables": _HOST,
        "description": "The project's own durable events: steps emit them and subscribe to them.",
    },
    "streams": {
        "host": "{host}",
        "protocol": "ws",
        "variables": _HOST,
        "description": "Live items over WebSockets, on any path of the project's address.",
    },
}


def asyncapi_document(flow: Flow, information: ProjectInformation) -> JSONObject:
    """Describe every topic and stream; the same flow gives the same document."""
    return _AsyncApi().document(flow, information)


@dataclass(slots=True)
class _Topic:
    """Topic with the steps at its two ends."""

    emitters: list[tuple[StepSpec, Emit]] = field(default_factory=list)
    subscribers: list[StepSpec] = field(default_factory=list)


class _AsyncApi:
    """Document under construction."""

    def __init__(self) -> None:
        self._schemas = SharedSchemas("draft-07", {})
        self._channel_keys = UniqueNames()
        self._message_keys = UniqueNames()
        self._operation_keys = UniqueNames()
        self._channels: JSONObject = {}
        self._messages: JSONObject = {}
        self._operations: JSONObject = {}
        self._inputs: dict[str, JSONObject] = {}

    def document(self, flow: Flow, information: ProjectInformation) -> JSONObject:
        """Return the whole document, in the order of the flow."""
        topics: dict[str, _Topic] = {}
        for step in flow.steps.values():
            for emit in step.emits:
                topics.setdefault(emit.topic, _Topic()).emitters.append((step, emit))
            for name in step.topics:
                topics.setdefault(name, _Topic()).subscribers.append(step)
        for name, topic in topics.items():
            self._add_topic(name, topic)
        for stream in flow.streams.values():
            self._add_stream(stream)
        return {
            "asyncapi": "3.0.0",
            "info": information.to_json(),
            "defaultContentType": "application/json",
            "servers": _SERVERS,
            "channels": self._channels,
            "operations": self._operations,
            "components": {"schemas": self._schemas.by_name, "messages": self._messages},
        }

    def _add_topic(self, name: str, topic: _Topic) -> None:
        required: list[JSONValue] = [
            self._input(step, step.trigger.input_schema)
            for step in topic.subscribers
            if isinstance(step.trigger, EventTrigger) and step.trigger.input_schema is not None
        ]
        # An event must fit every subscriber.
        payload: JSONValue = required[0] if len(required) == 1 else {"allOf": required} if required else {}
        message = self._message(name, {"name": name, "title": name, "payload": payload})
        channel = self._channel(name, name, "events", f"Events of the topic {name}.", [message])
        for step, emit in topic.emitters:
            self._operation("send", f"{step.name}.send.{name}", channel, [message], _description(step, emit))
        for step in topic.subscribers:
            self._operation("receive", f"{step.name}.receive.{name}", channel, [message], _about(step))

    def _add_stream(self, stream: StreamSpec) -> None:
        name = stream.name
        data = None if stream.schema is None else self._schemas.add(f"{name}.data", stream.schema)
        document: JSONObject = {"components": {"schemas": self._schemas.by_name}}
        item = self._schemas.keep(f"{name}.item", frames.item_schema(data, document))
        received = [
            self._message(f"{name}.{type_}", {**_titled(type_, summary), "payload": frames.membership(type_, name)})
            for type_, summary in frames.MEMBERSHIPS.items()
        ]
        sent = [
            self._message(f"{name}.{type_}", {**_titled(type_, summary), "payload": frames.frame(type_, name, item)})
            for type_, summary in frames.FRAMES.items()
        ]
        # The path does not matter: messages name the stream.
        channel = self._channel(f"stream.{name}", "/", "streams", f"The stream {name}.", [*received, *sent])
        self._operation("receive", f"{name}.follow", channel, received, {"summary": "Clients join and leave."})
        self._operation("send", f"{name}.tell", channel, sent, {"summary": "Clients get frames."})

    def _input(self, step: StepSpec, schema: JSONObject) -> JSONObject:
        """Share one component, however many topics the step subscribes to."""
        if step.name not in self._inputs:
            self._inputs[step.name] = self._schemas.add(f"{step.name}.input", schema)
        return self._inputs[step.name]

    def _message(self, name: str, message: JSONObject) -> str:
        key = self._message_keys.take(name, "message")
        self._messages[key] = message
        return key

    def _channel(self, name: str, address: str, server: str, description: str, messages: list[str]) -> str:
        key = self._channel_keys.take(name, "channel")
        self._channels[key] = {
            # Braces would be parameters, so an address that only looks like a template is described in words.
            "address": None if "{" in address else address,
            "description": description,
            "servers": [{"$ref": f"#/servers/{server}"}],
            "messages": {message: {"$ref": f"#/components/messages/{message}"} for message in messages},
        }
        return key

    def _operation(self, action: str, name: str, channel: str, messages: list[str], words: JSONObject) -> None:
        self._operations[self._operation_keys.take(name, "operation")] = {
            "action": action,
            "channel": {"$ref": f"#/channels/{channel}"},
            **words,
            "messages": [{"$ref": f"#/channels/{channel}/messages/{message}"} for message in messages],
        }


def _titled(type_: str, summary: str) -> JSONObject:
    return {"name": type_, "title": type_, "summary": summary}


def _about(step: StepSpec) -> JSONObject:
    words: JSONObject = {"title": step.name}
    return {**words, "description": step.description} if step.description else words


def _description(step: StepSpec, emit: Emit) -> JSONObject:
    """Describe an emit by its config; a conditional one may not come."""
    parts = [step.description, emit.label, "Only under a condition." if emit.conditional else None]
    words: JSONObject = {"title": step.name}
    return {**words, "description": "\n\n".join(part for part in parts if part)} if any(parts) else words
