"""The tiny student's tokenizer: characters, with every sentence that many prompts share as one token.

A word such as `measurement` tells a 240 k parameter student nothing that a single token would not, and 60 characters of
a head sentence cost it 60 positions. So phrases that recur in the prompts become one token each; numbers and numerals stay characters.
The chat form is that of Nemotron 3: an empty system block, the user's block, then a turn that opens the thinking block.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from nemoflow.prompts.stops import END_OF_TURN

SPECIALS = ("<pad>", "<s>", "</s>", "<unk>", "<|im_start|>", END_OF_TURN)
"""Their ids are their positions; 0, 1 and 2 are pad, bos and eos as in Nemotron 3."""
MARKS = ("<think>", "</think>", "\\boxed{", "system\n", "user\n", "assistant\n")
"""One token each, kept when special tokens are skipped, since the metric reads them."""

CHAT_TEMPLATE = """{%- if messages and messages[0]['role'] == 'system' -%}
{%- set system, turns = messages[0]['content'], messages[1:] -%}
{%- else -%}
{%- set system, turns = '', messages -%}
{%- endif -%}
{{- '<|im_start|>system\\n' + system + '<|im_end|>\\n' -}}
{%- for turn in turns -%}
{{- '<|im_start|>' + turn['role'] + '\\n' + turn['content'] + '<|im_end|>\\n' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}
{{- '<|im_start|>assistant\\n' + ('<think>\\n' if enable_thinking is not defined or enable_thinking else '<think></think>') -}}
{%- endif -%}
"""

_PHRASE = re.compile(r"[^\d\n]*[a-z]{2,}[^\d\n]*")
_CHARACTERS = "\n" + "".join(map(chr, range(32, 127)))


def common_phrases(texts: Sequence[str], share: float = 0.01) -> list[str]:
    """Stretches of words between numbers and line ends that at least this share of the texts holds, sorted.

    Example: `Write the number 34 in the numeral system.` holds `Write the number ` and ` in the numeral system.`.
    """
    counts = Counter(phrase for text in texts for phrase in set(_PHRASE.findall(text)))
    return sorted(phrase for phrase, count in counts.items() if count >= max(2, share * len(texts)))


def build_tokenizer(phrases: Iterable[str]) -> Any:
    """A fast tokenizer over printable ASCII, the marks and these phrases; other characters become `<unk>`."""
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    vocabulary = {token: index for index, token in enumerate((*SPECIALS, *_CHARACTERS))}
    core = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))  # noqa: S106
    core.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
    core.decoder = decoders.Fuse()
    core.add_special_tokens([AddedToken(token, normalized=False, special=True) for token in SPECIALS])
    core.add_tokens([AddedToken(token, normalized=False) for token in (*MARKS, *phrases)])
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=core,
        pad_token="<pad>",  # noqa: S106
        bos_token="<s>",  # noqa: S106
        eos_token=END_OF_TURN,
        unk_token="<unk>",  # noqa: S106
        padding_side="left",
        clean_up_tokenization_spaces=False,
    )
    tokenizer.chat_template = CHAT_TEMPLATE
    return tokenizer
