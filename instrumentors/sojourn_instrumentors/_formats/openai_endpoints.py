"""Every endpoint of OpenAI's client: method and path, and what the client calls it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

__all__ = ["NAMED", "Endpoint", "find", "tidy"]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One endpoint. `template` is its path with `{}` where ids stand."""

    name: str
    method: str
    template: str


# What administers an organization is not listed: it is named by its path, like whatever a new release adds.
_LISTED: Final = """
GET    /agents agents.list
POST   /agents agents.create
GET    /agents/automations agents.automations.list
POST   /agents/automations agents.automations.create
DELETE /agents/automations/{} agents.automations.delete
GET    /agents/automations/{} agents.automations.retrieve
POST   /agents/automations/{} agents.automations.update
GET    /agents/automations/{}/invocations agents.automations.invocations.list
POST   /agents/automations/{}/invocations agents.automations.invocations.create
GET    /agents/automations/{}/invocations/{} agents.automations.invocations.retrieve
POST   /agents/automations/{}/pause agents.automations.pause
POST   /agents/automations/{}/resume agents.automations.resume
GET    /agents/environments agents.environments.list
POST   /agents/environments agents.environments.create
GET    /agents/environments/templates agents.environments.templates.list
POST   /agents/environments/templates agents.environments.templates.create
DELETE /agents/environments/templates/{} agents.environments.templates.delete
GET    /agents/environments/templates/{} agents.environments.templates.retrieve
POST   /agents/environments/templates/{} agents.environments.templates.update
GET    /agents/environments/{} agents.environments.retrieve
GET    /agents/environments/{}/files agents.environments.files.list
POST   /agents/environments/{}/files agents.environments.files.create
GET    /agents/sessions agents.sessions.list
POST   /agents/sessions agents.sessions.create
DELETE /agents/sessions/{} agents.sessions.delete
GET    /agents/sessions/{} agents.sessions.retrieve
POST   /agents/sessions/{} agents.sessions.update
GET    /agents/sessions/{}/artifacts agents.sessions.artifacts.list
DELETE /agents/sessions/{}/artifacts/{} agents.sessions.artifacts.delete
GET    /agents/sessions/{}/artifacts/{} agents.sessions.artifacts.retrieve
GET    /agents/sessions/{}/artifacts/{}/content agents.sessions.artifacts.content
GET    /agents/sessions/{}/events agents.sessions.events.stream
POST   /agents/sessions/{}/events agents.sessions.events.create
GET    /agents/sessions/{}/items agents.sessions.items.list
GET    /agents/sessions/{}/subagents agents.sessions.subagents.list
GET    /agents/sessions/{}/subagents/{} agents.sessions.subagents.retrieve
GET    /agents/sessions/{}/subagents/{}/items agents.sessions.subagents.items.list
GET    /agents/sessions/{}/subagents/{}/turns agents.sessions.subagents.turns.list
GET    /agents/sessions/{}/subagents/{}/turns/{} agents.sessions.subagents.turns.retrieve
GET    /agents/sessions/{}/subagents/{}/turns/{}/items agents.sessions.subagents.turns.items.list
GET    /agents/sessions/{}/traces agents.sessions.traces.list
GET    /agents/sessions/{}/turns agents.sessions.turns.list
GET    /agents/sessions/{}/turns/{} agents.sessions.turns.retrieve
GET    /agents/sessions/{}/turns/{}/items agents.sessions.turns.items.list
DELETE /agents/{} agents.delete
GET    /agents/{} agents.retrieve
POST   /agents/{} agents.update
GET    /assistants assistants.list
POST   /assistants assistants.create
DELETE /assistants/{} assistants.delete
GET    /assistants/{} assistants.retrieve
POST   /assistants/{} assistants.update
POST   /audio/speech audio.speech.create
POST   /audio/transcriptions audio.transcriptions.create
POST   /audio/translations audio.translations.create
GET    /audio/voice_consents audio.voice_consents.list
POST   /audio/voice_consents audio.voice_consents.create
DELETE /audio/voice_consents/{} audio.voice_consents.delete
GET    /audio/voice_consents/{} audio.voice_consents.retrieve
POST   /audio/voice_consents/{} audio.voice_consents.update
POST   /audio/voices audio.voices.create
DELETE /audio/voices/{} audio.voices.delete
GET    /batches batches.list
POST   /batches batches.create
GET    /batches/{} batches.retrieve
POST   /batches/{}/cancel batches.cancel
GET    /chat/completions chat.completions.list
POST   /chat/completions chat.completions.create
DELETE /chat/completions/{} chat.completions.delete
GET    /chat/completions/{} chat.completions.retrieve
POST   /chat/completions/{} chat.completions.update
GET    /chat/completions/{}/messages chat.completions.messages.list
POST   /chatkit/sessions chatkit.sessions.create
POST   /chatkit/sessions/{}/cancel chatkit.sessions.cancel
GET    /chatkit/threads chatkit.threads.list
DELETE /chatkit/threads/{} chatkit.threads.delete
GET    /chatkit/threads/{} chatkit.threads.retrieve
GET    /chatkit/threads/{}/items chatkit.threads.list_items
POST   /completions completions.create
GET    /containers containers.list
POST   /containers containers.create
DELETE /containers/{} containers.delete
GET    /containers/{} containers.retrieve
GET    /containers/{}/files containers.files.list
POST   /containers/{}/files containers.files.create
DELETE /containers/{}/files/{} containers.files.delete
GET    /containers/{}/files/{} containers.files.retrieve
GET    /containers/{}/files/{}/content containers.files.content.retrieve
POST   /content_provenance_checks content_provenance_checks.create
POST   /conversations conversations.create
DELETE /conversations/{} conversations.delete
GET    /conversations/{} conversations.retrieve
POST   /conversations/{} conversations.update
GET    /conversations/{}/items conversations.items.list
POST   /conversations/{}/items conversations.items.create
DELETE /conversations/{}/items/{} conversations.items.delete
GET    /conversations/{}/items/{} conversations.items.retrieve
POST   /decisions decisions.create
POST   /embeddings embeddings.create
GET    /evals evals.list
POST   /evals evals.create
DELETE /evals/{} evals.delete
GET    /evals/{} evals.retrieve
POST   /evals/{} evals.update
GET    /evals/{}/runs evals.runs.list
POST   /evals/{}/runs evals.runs.create
DELETE /evals/{}/runs/{} evals.runs.delete
GET    /evals/{}/runs/{} evals.runs.retrieve
POST   /evals/{}/runs/{}/cancel evals.runs.cancel
GET    /evals/{}/runs/{}/output_items evals.runs.output_items.list
GET    /evals/{}/runs/{}/output_items/{} evals.runs.output_items.retrieve
GET    /files files.list
POST   /files files.create
DELETE /files/{} files.delete
GET    /files/{} files.retrieve
GET    /files/{}/content files.content
POST   /fine_tuning/alpha/graders/run fine_tuning.alpha.graders.run
POST   /fine_tuning/alpha/graders/validate fine_tuning.alpha.graders.validate
GET    /fine_tuning/checkpoints/{}/permissions fine_tuning.checkpoints.permissions.retrieve
POST   /fine_tuning/checkpoints/{}/permissions fine_tuning.checkpoints.permissions.create
DELETE /fine_tuning/checkpoints/{}/permissions/{} fine_tuning.checkpoints.permissions.delete
GET    /fine_tuning/jobs fine_tuning.jobs.list
POST   /fine_tuning/jobs fine_tuning.jobs.create
GET    /fine_tuning/jobs/{} fine_tuning.jobs.retrieve
POST   /fine_tuning/jobs/{}/cancel fine_tuning.jobs.cancel
GET    /fine_tuning/jobs/{}/checkpoints fine_tuning.jobs.checkpoints.list
GET    /fine_tuning/jobs/{}/events fine_tuning.jobs.list_events
POST   /fine_tuning/jobs/{}/pause fine_tuning.jobs.pause
POST   /fine_tuning/jobs/{}/resume fine_tuning.jobs.resume
POST   /images/edits images.edit
POST   /images/generations images.generate
POST   /images/variations images.create_variation
POST   /live/sessions live.create
POST   /live/sessions/{}/accept live.sessions.accept
GET    /live/sessions/{}/content live.sessions.download_recording
POST   /live/sessions/{}/fork live.sessions.fork
POST   /live/sessions/{}/hangup live.sessions.hangup
POST   /live/sessions/{}/refer live.sessions.refer
POST   /live/sessions/{}/reject live.sessions.reject
GET    /models models.list
DELETE /models/{} models.delete
GET    /models/{} models.retrieve
POST   /moderations moderations.create
POST   /realtime/calls realtime.calls.create
POST   /realtime/calls/{}/accept realtime.calls.accept
POST   /realtime/calls/{}/hangup realtime.calls.hangup
POST   /realtime/calls/{}/refer realtime.calls.refer
POST   /realtime/calls/{}/reject realtime.calls.reject
POST   /realtime/client_secrets realtime.client_secrets.create
POST   /realtime/sessions realtime.sessions.create
POST   /realtime/transcription_sessions realtime.transcription_sessions.create
POST   /realtime/translations/client_secrets realtime.translations.client_secrets.create
POST   /responses responses.create
POST   /responses/compact responses.compact
POST   /responses/input_tokens responses.input_tokens.count
DELETE /responses/{} responses.delete
GET    /responses/{} responses.retrieve
POST   /responses/{}/cancel responses.cancel
GET    /responses/{}/input_items responses.input_items.list
GET    /safety/alerts/{} safety.alerts.retrieve
GET    /safety/cases/{} safety.cases.retrieve
GET    /skills skills.list
POST   /skills skills.create
DELETE /skills/{} skills.delete
GET    /skills/{} skills.retrieve
POST   /skills/{} skills.update
GET    /skills/{}/content skills.content.retrieve
GET    /skills/{}/versions skills.versions.list
POST   /skills/{}/versions skills.versions.create
DELETE /skills/{}/versions/{} skills.versions.delete
GET    /skills/{}/versions/{} skills.versions.retrieve
GET    /skills/{}/versions/{}/content skills.versions.content.retrieve
POST   /threads threads.create
POST   /threads/runs threads.create_and_run
DELETE /threads/{} threads.delete
GET    /threads/{} threads.retrieve
POST   /threads/{} threads.update
GET    /threads/{}/messages threads.messages.list
POST   /threads/{}/messages threads.messages.create
DELETE /threads/{}/messages/{} threads.messages.delete
GET    /threads/{}/messages/{} threads.messages.retrieve
POST   /threads/{}/messages/{} threads.messages.update
GET    /threads/{}/runs threads.runs.list
POST   /threads/{}/runs threads.runs.create
GET    /threads/{}/runs/{} threads.runs.retrieve
POST   /threads/{}/runs/{} threads.runs.update
POST   /threads/{}/runs/{}/cancel threads.runs.cancel
GET    /threads/{}/runs/{}/steps threads.runs.steps.list
GET    /threads/{}/runs/{}/steps/{} threads.runs.steps.retrieve
POST   /threads/{}/runs/{}/submit_tool_outputs threads.runs.submit_tool_outputs
POST   /uploads uploads.create
POST   /uploads/{}/cancel uploads.cancel
POST   /uploads/{}/complete uploads.complete
POST   /uploads/{}/parts uploads.parts.create
GET    /vaults agents.vaults.list
POST   /vaults agents.vaults.create
DELETE /vaults/{} agents.vaults.delete
GET    /vaults/{} agents.vaults.retrieve
POST   /vaults/{} agents.vaults.update
GET    /vaults/{}/credentials agents.vaults.credentials.list
POST   /vaults/{}/credentials agents.vaults.credentials.create
DELETE /vaults/{}/credentials/{} agents.vaults.credentials.delete
GET    /vaults/{}/credentials/{} agents.vaults.credentials.retrieve
POST   /vaults/{}/credentials/{} agents.vaults.credentials.update
GET    /vector_stores vector_stores.list
POST   /vector_stores vector_stores.create
DELETE /vector_stores/{} vector_stores.delete
GET    /vector_stores/{} vector_stores.retrieve
POST   /vector_stores/{} vector_stores.update
POST   /vector_stores/{}/file_batches vector_stores.file_batches.create
GET    /vector_stores/{}/file_batches/{} vector_stores.file_batches.retrieve
POST   /vector_stores/{}/file_batches/{}/cancel vector_stores.file_batches.cancel
GET    /vector_stores/{}/file_batches/{}/files vector_stores.file_batches.list_files
GET    /vector_stores/{}/files vector_stores.files.list
POST   /vector_stores/{}/files vector_stores.files.create
DELETE /vector_stores/{}/files/{} vector_stores.files.delete
GET    /vector_stores/{}/files/{} vector_stores.files.retrieve
POST   /vector_stores/{}/files/{} vector_stores.files.update
GET    /vector_stores/{}/files/{}/content vector_stores.files.content
POST   /vector_stores/{}/search vector_stores.search
GET    /videos videos.list
POST   /videos videos.create
POST   /videos/characters videos.create_character
GET    /videos/characters/{} videos.get_character
POST   /videos/edits videos.edit
POST   /videos/extensions videos.extend
DELETE /videos/{} videos.delete
GET    /videos/{} videos.retrieve
GET    /videos/{}/content videos.download_content
POST   /videos/{}/remix videos.remix
GET    /webhook_endpoints webhooks.list
POST   /webhook_endpoints webhooks.create
DELETE /webhook_endpoints/{} webhooks.delete
GET    /webhook_endpoints/{} webhooks.retrieve
POST   /webhook_endpoints/{} webhooks.update
POST   /webhook_endpoints/{}/rotate_secret webhooks.rotate_secret
POST   /webhook_endpoints/{}/test webhooks.test
GET    /webhook_event_types webhooks.event_types.list
POST   /evals/{}/runs/{} evals.runs.cancel
"""

NAMED: Final = tuple(
    Endpoint(name, method, template)
    for method, template, name in (line.split() for line in _LISTED.strip().splitlines())
)

_ID: Final = re.compile(r"\d|[^a-z_]|.{25}")
"""A part of an unknown path that is an id, or may be one: then it does not belong into a name."""
_VERBS: Final = {"GET": "get", "POST": "post", "PUT": "put", "PATCH": "patch", "DELETE": "delete"}


def find(method: str, url: str) -> tuple[Endpoint, list[str]]:
    """The endpoint of a request, and the ids in its path."""
    parts = tidy(url).split("/")
    for start in range(len(parts)):
        if parts[start] in _TREE:
            found, ids = _walk(method, parts[start:])
            if found is not None:
                return found, ids
    named = ["{}" if _ID.search(part) else part for part in parts]
    words = [part for part in named if part and part != "{}"]
    ids = [part for part, name in zip(parts, named, strict=True) if name == "{}"]
    return Endpoint(".".join([*words, _VERBS.get(method, "call")]), method, "/" + "/".join(named)), ids


def tidy(url: str) -> str:
    """A request's path without host, query and slashes around it."""
    path = url.partition("?")[0]
    if "://" in path:
        path = path.partition("://")[2].partition("/")[2]
    return path.strip("/")


def _walk(method: str, parts: list[str]) -> tuple[Endpoint | None, list[str]]:
    ids: list[str] = []
    node = _TREE
    for part in parts:
        below = node.get(part)
        if below is None:
            below = node.get("{}")
            if below is None:
                return None, ids
            ids.append(part)
        node = below
    return node.get(method), ids


def _tree() -> dict[str, Any]:
    """Endpoints by the parts of their paths, and at the end of a path by method."""
    root: dict[str, Any] = {}
    for endpoint in NAMED:
        node = root
        for part in endpoint.template.strip("/").split("/"):
            node = node.setdefault(part, {})
        node[endpoint.method] = endpoint
    return root


_TREE: Final = _tree()
