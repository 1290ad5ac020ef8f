"""Why an embedder cannot be used, and why it makes no vector of one text."""

from __future__ import annotations

from collections.abc import Mapping

from vestige_tui.core.facts import EmbedderObstacle, Refusal
from vestige_tui.core.installation import Extra, install_command

_CHECK_ADDRESS = "Check the URL: it is the one that ends in /v1 in the server's documentation."
_TRY_LATER = "Try again later; the next run goes on where this one ended."
_ITS_LOG = "The server's log says more. Then run again: what has been embedded is not embedded again."
_NOT_THE_FORM = "See that this is a server of the OpenAI form for embeddings, and that the model is one for embeddings."

_EMBEDDER_OBSTACLES = {
    EmbedderObstacle.NOT_INSTALLED: (
        "The packages that run a model on this machine are not installed.",
        "Name a server with --embedder-url, or install them with: {install}",
    ),
    EmbedderObstacle.NO_MODEL: (
        "The files of {detail} are not on this machine, and could not be fetched. They were looked for in {where}.",
        "Name their folder with --model-path, or run this once where huggingface.co can be reached.",
    ),
    EmbedderObstacle.FILES_MISSING: (
        "The folder {where} holds no whole model: {detail}.",
        "It needs model.onnx (there, or in a folder onnx), tokenizer.json and tokenizer_config.json.",
    ),
    EmbedderObstacle.UNREADABLE_MODEL: (
        "The model in {where} cannot be used ({detail}).",
        "Fetch its files again: one of them may be incomplete, or of another kind.",
    ),
    EmbedderObstacle.UNUSABLE_KEY: (
        "The key for {where} has characters that no key has.",
        "Set VESTIGE_EMBEDDER_API_KEY to the key alone.",
    ),
    EmbedderObstacle.NO_ANSWER: ("{where} did not answer in time.", f"See whether it is busy. {_TRY_LATER}"),
    EmbedderObstacle.NO_SERVER: (
        "Nothing answers at {where}.",
        "Check host and port, and that the server runs and listens there.",
    ),
    EmbedderObstacle.UNKNOWN_HOST: ("The host of {where} is unknown.", "Check its spelling, and your network."),
    EmbedderObstacle.TLS_FAILED: (
        "The encrypted connection to {where} could not be established.",
        "Check the URL and the server's certificate; SSL_CERT_FILE can name its authority.",
    ),
    EmbedderObstacle.LOST: ("The connection to {where} broke, again and again.", f"Check the network. {_TRY_LATER}"),
    EmbedderObstacle.KEY_REFUSED: (
        "{where} refuses the key, or wants one ({detail}).",
        "Set VESTIGE_EMBEDDER_API_KEY to a key that may use this model.",
    ),
    EmbedderObstacle.NO_QUOTA: (
        "{where} says that the quota of this key is used up ({detail}).",
        "Raise it with the provider. The next run goes on where this one ended.",
    ),
    EmbedderObstacle.NOT_FOUND: ("{where} knows no such address or model ({detail}).", _CHECK_ADDRESS),
    EmbedderObstacle.REDIRECTED: (
        "{where} sends on to {detail}. Neither key nor memories were sent there.",
        "If that is the right server, name its URL.",
    ),
    EmbedderObstacle.BUSY: ("{where} is too busy to answer ({detail}).", _TRY_LATER),
    EmbedderObstacle.SERVER_FAILED: ("{where} failed, again and again ({detail}).", _ITS_LOG),
    EmbedderObstacle.REQUEST_REFUSED: ("{where} refuses the request ({detail}).", _NOT_THE_FORM),
    EmbedderObstacle.NO_EMBEDDINGS: ("{where} answers, but not with embeddings: {detail}.", _CHECK_ADDRESS),
    EmbedderObstacle.WRONG_COUNT: ("{where} gave {detail}. None of them was stored.", _NOT_THE_FORM),
    EmbedderObstacle.WRONG_ORDER: (
        "{where} gave vectors whose numbers do not match the texts. None of them was stored.",
        _NOT_THE_FORM,
    ),
    EmbedderObstacle.WRONG_LENGTH: (
        "{where} gave a vector of {detail}. It was not stored.",
        "See that it still serves the same model, and that --dimension or --profile fits that.",
    ),
    EmbedderObstacle.WRONG_VECTORS: (
        "{where} gave no usable vector: {detail}. None of them was stored.",
        "See that the model is one for embeddings; half precision on some hardware gives NaN.",
    ),
    EmbedderObstacle.DIFFERENT_VECTORS: (
        "{where} gives a text another vector in a batch than alone. Nothing was stored.",
        "It pads or orders its batches wrongly: bring it up to date, or use another one.",
    ),
    EmbedderObstacle.OTHER_VECTORS: (
        "{where} gives other vectors than when this run began: another model answers there now. None was stored.",
        "See that it serves the same model as before.",
    ),
}


def embedder_obstacle(obstacle: EmbedderObstacle, where: str, detail: str = "") -> tuple[str, str]:
    """Why an embedder cannot be used, and what to do; the facts are those of ``EmbedderError``."""
    what, remedy = _EMBEDDER_OBSTACLES[obstacle]
    if obstacle is EmbedderObstacle.NOT_INSTALLED:
        remedy = remedy.format(install=install_command(Extra.LOCAL_EMBEDDER))
    return what.format(where=where, detail=detail), remedy


REFUSALS: Mapping[Refusal, str] = {
    Refusal.REQUEST_REFUSED: "the embedder refuses the text: it may be too long for the model",
    Refusal.SERVER_FAILED: "the embedder fails at this text, and at no other",
    Refusal.NOT_FINITE: "the embedder's vector of it holds NaN or Infinity",
    Refusal.ZERO: "the embedder's vector of it is zero",
}
"""Why one memory has no vector, where the embedder makes vectors of others."""
