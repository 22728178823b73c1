"""Writes shared/tokens/weights.bin and counts.json from the vocabularies of other tokenizers.

    python tests/contract/tokenizers/record.py FOLDER

FOLDER has what these packages of PyPI have inside: mistral_common/data/, llama_models/llama3/tokenizer.model and
llama4/, dashscope/resources/qwen.tiktoken, litellm/litellm_core_utils/tokenizers/{anthropic,deepseek}_tokenizer.json.
Besides Meterhouse's own packages it needs sentencepiece, tiktoken and tokenizers.
"""

import base64
import json
import sys
import zlib
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import sentencepiece
import tiktoken
from bpe_openai import get_encoding
from tokenizers import Tokenizer

HERE = Path(__file__).parent
WEIGHTS = HERE.parents[2] / "shared" / "tokens" / "weights.bin"
Count = Callable[[str], int]

LLAMA = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
    r"|\s+(?!\S)|\s+"
)
QWEN = LLAMA.replace(r"\p{N}{1,3}", r"\p{N}")


def _json(path: Path) -> Count:
    tokenizer = Tokenizer.from_file(str(path))
    return lambda text: len(tokenizer.encode(text, add_special_tokens=False).ids)


def _ranks(ranks: dict[bytes, int], pattern: str) -> Count:
    encoding = tiktoken.Encoding("other", pat_str=pattern, mergeable_ranks=ranks, special_tokens={})
    return lambda text: len(encoding.encode_ordinary(text))


def _file(path: Path, pattern: str) -> Count:
    lines = [line.split() for line in path.read_bytes().splitlines() if line]
    return _ranks({base64.b64decode(token): int(rank) for token, rank in lines}, pattern)


def _tekken(path: Path) -> Count:
    table = json.loads(path.read_text(encoding="utf-8"))
    size = table["config"]["default_vocab_size"] - table["config"]["default_num_special_tokens"]
    ranks = {base64.b64decode(entry["token_bytes"]): entry["rank"] for entry in table["vocab"][:size]}
    return _ranks(ranks, table["config"]["pattern"])


def _pieces(path: Path) -> tuple[Count, Count]:
    """Return counts of a whole text, and of a token inside of one: a text begins as if a space were before it."""
    model = sentencepiece.SentencePieceProcessor(model_file=str(path))
    comma = len(model.encode(","))

    def inside(text: str) -> int:
        if text.startswith(" ") and len(text) > 1:
            return len(model.encode(text[1:]))
        return len(model.encode("," + text)) - comma

    return lambda text: len(model.encode(text)), inside


def _own(name: str) -> Count:
    encoding = get_encoding(name)
    return lambda text: len(encoding.encode_ordinary(text))


def main() -> None:
    folder = Path(sys.argv[1])
    mistral, llama = folder / "mistral_common" / "data", folder / "llama_models"
    litellm = folder / "litellm" / "litellm_core_utils" / "tokenizers"
    whole: dict[str, Count] = {
        "claude 2": _json(litellm / "anthropic_tokenizer.json"),
        "deepseek 3": _json(litellm / "deepseek_tokenizer.json"),
        "llama 3": _file(llama / "llama3" / "tokenizer.model", LLAMA),
        "llama 4": _file(llama / "llama4" / "tokenizer.model", LLAMA),
        "qwen": _file(folder / "dashscope" / "resources" / "qwen.tiktoken", QWEN),
        "mistral tekken": _tekken(mistral / "tekken_240911.json"),
        "gpt-4": _own("cl100k_base"),
        "voyage 3": _own("voyage3_base"),
    }
    inside = dict(whole)
    for name, file in (
        ("mistral 1", "tokenizer.model.v1"),
        ("mistral 3", "mistral_instruct_tokenizer_240323.model.v3"),
    ):
        whole[name], inside[name] = _pieces(mistral / file)
    _write_counts({"gpt-4o": _own("o200k_base"), **whole})
    _write_weights(list(inside.values()))


def _write_counts(counts: dict[str, Count]) -> None:
    texts = json.loads((HERE / "texts.json").read_text(encoding="utf-8"))
    rows = {kind: {name: count(text) for name, count in counts.items()} for kind, text in texts.items()}
    (HERE / "counts.json").write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


def _write_weights(counts: list[Count]) -> None:
    encoding = get_encoding("o200k_base")
    weights = bytearray()
    for token in range(199_998):
        data = encoding.decode_single_token_bytes(token)
        try:
            text = data.decode()
        except UnicodeDecodeError:  # a part of a letter: others may need a token for each of its bytes
            weights.append(len(data))
        else:
            weights.append(min(len(data), max(1, *(count(text) for count in counts))))
    WEIGHTS.write_bytes(zlib.compress(bytes(weights), 9))
    print(f"made with bpe-openai {version('bpe-openai')}, {len(counts)} other tokenizers")  # noqa: T201


if __name__ == "__main__":
    main()
