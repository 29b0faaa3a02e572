"""Asks Jinja itself for the texts of cases.jsonl and chats.jsonl; fails where they differ.

    python3 inference/jinja/testdata/check.py      (needs jinja2)

Chat templates run as Hugging Face's transformers runs them: in the immutable sandbox, with
trim_blocks, lstrip_blocks, loop controls, and a tojson without HTML escapes.
"""

import json
import pathlib
import sys

import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment

FOLDER = pathlib.Path(__file__).parent


def to_json(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(
        x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys
    )


def raise_exception(message):
    raise jinja2.exceptions.TemplateError(message)


def environment():
    made = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
    )
    made.filters["tojson"] = to_json
    made.globals["raise_exception"] = raise_exception
    return made


def lines(file):
    return [json.loads(line) for line in (FOLDER / file).read_text().split("\n") if line]


def main():
    faults = 0
    conversations = json.loads((FOLDER / "chat/conversations.json").read_text())
    cases = [(c["template"], c.get("data", {}), c["expect"]) for c in lines("cases.jsonl")]
    for chat in lines("chats.jsonl"):
        source = (FOLDER / "chat" / (chat["template"] + ".jinja")).read_text()
        data = dict(conversations[chat["conversation"]], bos_token="<s>", eos_token="</s>")
        cases.append((source, data, chat["expect"]))
    for source, data, expected in cases:
        text = environment().from_string(source).render(**data)
        if text != expected:
            faults += 1
            print(f"{source!r}\n  expected {expected!r}\n  Jinja    {text!r}")
    print(f"{len(cases)} cases, {faults} differ; Jinja {jinja2.__version__}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
