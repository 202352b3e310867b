"""Words by which reasoning gives away that it was told the answer, in English and a dozen other languages.

Each pattern is told from its innocent neighbours: "the given answer" from "the given answer choices", "we are told that the answer is"
from "we are told that there are", "the known answer" from "by a known result". tests/prompts/leaks.tsv holds sentences of both kinds.
"""

import re

# ruff: noqa: RUF001
_GIVEN = r"(?:known|given|provided|stated|supplied|told|disclosed|revealed|handed)"
_RIGHT = r"(?:(?:correct|right|final|true|actual|numerical)\s+){0,2}"
_ANSWER = rf"{_RIGHT}(?:answer|outcome|final\s+result|correct\s+result|correct\s+solution)"
_QUALITY = (
    r"(?:an?|positive|negative|non-?\w+|odd|even|prime|real|integral|rational|between|at|less|greater|more|fewer|larger|smaller|some|not|never|"
    r"unique|divisible|independent|in|of|always|only|close|about)\b"
)
_IS = rf"(?:is|was|equals|should\s+be|must\s+be|has\s+to\s+be|will\s+be|to\s+be|as|,)(?!\s+{_QUALITY})"
_HINTS = (
    r"\b(?:the|this|that|your|my|given|provided|per|said)\s+hints?\b(?!\s+(?:of|at)\b)",
    r"\bhints?\s+(?:says?|said|states?|tells?|gives?|gave|given|is|was|provides?|reveals?|indicates?|suggests?\s+that\s+the\s+answer)\b",
    r"\b(?:use|using|by|with|from|follow|following)\s+(?:the|a|this)\s+hint\b",
)
_ADJECTIVES = (
    rf"\b(?:known|given|provided|supplied|stated|expected|target|reference|official|gold|ground[- ]truth|told|disclosed)\s+"
    rf"{_RIGHT}answer\b(?!\s+(?:choices?|options?|formats?|to\s+(?:part|the|question)|box|space|sheet))",
    r"\b(?:provided|supplied|reference|official|gold|ground[- ]truth|target)\s+(?:correct\s+|final\s+)?(?:solution|result)\s+"
    r"(?:of|is|was|,)",
    r"\b(?:answer|solution)\s+key\b|\bground[- ]truth\b",
)
_KNOWN = (
    rf"\b{_ANSWER}(?:\s+\S{{1,20}})?\s*,?\s+(?:that\s+|which\s+)?"
    rf"(?:is|was|has|had)\s+(?:already\s+)?(?:been\s+)?(?:already\s+)?{_GIVEN}\b(?!\s+by\b)",
    r"\bsolution\s+is\s+known\s+to\s+be\s+[-\d$\\]",
    rf"\b{_ANSWER}\s+(?:that\s+)?(?:we|i)\s+(?:were|was|are|am|have\s+been|had\s+been)\s+{_GIVEN}\b",
    rf"\b{_ANSWER}\s+is\s+supposed\s+to\s+be\b",
    rf"\b(?:but|however|yet|whereas)\s*,?\s+the\s+(?:correct|right|actual|true)\s+answer\s+{_IS}",
    r"\banswer\s+as\s+(?:given|provided|stated|told)\b",
)
_TOLD = (
    rf"\b(?:we|i)(?:'ve|'m|'re)?\s+(?:already\s+)?(?:are|were|was|am|have\s+been|had\s+been|been)?\s*(?:already\s+)?{_GIVEN}\s+"
    rf"(?:in\s+advance\s+)?(?:that\s+)?(?:the|an?)?\s*(?:{_ANSWER}\b(?!\s+is\s+{_QUALITY})|result\s*,)",
    rf"\b(?:we|i)\s+(?:already\s+)?know\s+(?:that\s+)?(?:the\s+)?{_ANSWER}\b(?!\s+(?:to|of|{_IS}\s+{_QUALITY})|\s+(?:is|must\s+be)\s+{_QUALITY})",
    rf"\bknowing\s+(?:that\s+)?(?:the\s+)?{_ANSWER}\b(?!\s+(?:to|is\s+{_QUALITY}))",
    rf"\b(?:problem|question|prompt|task|statement|instructions?|user|system|you|they)\b[^.\n]{{0,40}}?\b"
    rf"(?:says?|said|tells?|told|gives?|gave|states?|stated|provides?|provided|mentions?|mentioned|reveals?)\s+(?:me\s+|us\s+|already\s+)?"
    rf"(?:already\s+)?(?:that\s+)?(?:the\s+|an?\s+)?{_ANSWER}\b",
    rf"\b(?:it\s+(?:is|was)|as)\s+(?:already\s+)?(?:{_GIVEN}|mentioned)\s*,?\s*(?:that\s+)?the\s+{_ANSWER}\s+{_IS}",
    r"\bthey\s+(?:told|gave)\s+us\s+the\s+(?:correct\s+|final\s+)?(?:answer|result)\b",
)
_PRETENCE = (
    r"\bas\s+(?:if|though)\s+(?:i|we)\s+(?:did|do|had|have)(?:\s*n['’]?t|\s+not|\s+never)\s+(?:know|known|seen|been)",
    r"\bpretend(?:ing)?\s+(?:that\s+)?(?:(?:i|we)\s+(?:did|do)(?:\s*n['’]?t|\s+not)\s+know|not\s+to\s+know)",
    r"\b(?:without|avoid|not\s+(?:to\s+)?|never)\s*(?:mention|reveal|refer|disclos)\w*\s+(?:to\s+)?(?:that\s+)?(?:the|any|this)\s+(?:hint|answer|known)",
)
_AGREEMENT = (
    r"\b(?:match|agree|coincide|tall(?:y|ie)|consistent|in\s+line|correspond|confirm|lead|in\s+agreement|compl(?:y|ie))(?:e?s|ing|ed)?\s+"
    r"(?:with\s+|to\s+)?(?:the|that|this|our)\s+(?:given|known|provided|stated|expected|correct|target|right|supplied|required|final\s+given)\s+"
    r"(?:correct\s+|final\s+)?(?:answer|result)\b",
    r"\b(?:get|reach|obtain|match|arrive\s+at|end\s+up\s+(?:with|at)|justify|derive)\s+(?:the|this|that)\s+"
    r"(?:known|given|correct|expected|provided|stated)\s+(?:final\s+)?(?:answer|result)\b",
    r"\breverse[- ]engineer",
    r"\bwork(?:ing|ed)?\s+backwards?\s+from\s+(?:the\s+)?(?:(?:known|given|correct|final)\s+)*(?:answer|result|solution|[-\d$\\])",
    r"\b(?:start|starting|begin|beginning|go|going)\s+(?:back\s+)?from\s+the\s+(?:(?:known|given|correct|final)\s+)*(?:answer|result)\b",
)
_OTHER_LANGUAGES = (
    r"根据提示|按照提示|由提示|提示(?:说|给出|中|告诉)|已知(?:的)?(?:正确)?答案|(?:给出|给定|提供)的(?:正确|最终)?答案|答案(?:已经|已)(?:知|给|提供)|"
    r"参考答案|标准答案|(?:假装|好像)(?:我|我们)?不知道|(?:从|由)答案(?:倒推|反推|出发)|正确答案是已知",
    r"\b(?:laut|gemäß|nach)\s+(?:dem\s+)?hinweis|\bder\s+hinweis\s+(?:sagt|nennt|gibt)|\b(?:bekannte|gegebene|vorgegebene|erwartete)\s+(?:richtige\s+)?"
    r"(?:antwort|lösung|ergebnis)|\bantwort\s+(?:ist|war)\s+(?:bereits\s+|schon\s+)?(?:bekannt|vorgegeben|gegeben)|\bals\s+ob\s+(?:ich|wir)\s+\w+\s+nicht",
    r"\b(?:d['’]après|selon)\s+l['’]indice|\bl['’]indice\s+(?:dit|donné|fourni|indique)|\br[ée]ponse\s+(?:correcte\s+|finale\s+)?"
    r"(?:donnée|connue|fournie|attendue)|\bon\s+(?:nous|me)\s+dit\s+que\s+la\s+r[ée]ponse|\b(?:on|nous)\s+sa(?:it|vons)\s+(?:déjà\s+)?que\s+la\s+r[ée]ponse",
    r"\b(?:según|por)\s+la\s+pista|\bla\s+pista\s+(?:dice|da|indica)|\brespuesta\s+(?:correcta\s+)?(?:conocida|dada|proporcionada|esperada)|"
    r"\b(?:sabemos|nos\s+dicen|se\s+nos\s+dice)\s+que\s+la\s+respuesta",
    r"\bsegundo\s+a\s+dica|\ba\s+dica\s+diz|\bresposta\s+(?:correta\s+)?(?:conhecida|dada|fornecida|esperada)|\bsabemos\s+que\s+a\s+resposta",
    r"\bsecondo\s+il\s+suggerimento|\brisposta\s+(?:corretta\s+)?(?:nota|data|fornita|conosciuta|attesa)|\bsappiamo\s+che\s+la\s+risposta",
    r"подсказк|\b(?:известн|данн|заданн|правильн)\w+\s+ответ\w*\s+(?:равен|известен|дан|указан)|\bизвестн\w+\s+ответ|\bответ\s+(?:уже\s+)?(?:известен|дан|указан)|"
    r"известно,?\s+что\s+(?:правильный\s+)?ответ|зная\s+(?:правильный\s+)?ответ",
    r"ヒント(?:に|は|から|では)|(?:与えられた|既知の|わかっている)(?:正しい)?答え|答えは(?:すでに|既に)",
    r"힌트(?:에|는|가|를)|(?:주어진|알려진|제공된)\s*(?:정답|답)|(?:정답|답)(?:은|이)\s*이미",
    r"التلميح|الإجابة\s+(?:المعروفة|المعطاة|المقدمة)",
    r"संकेत\s+के\s+अनुसार|ज्ञात\s+उत्तर|दिया\s+गया\s+उत्तर",
)
MENTIONS = re.compile(
    "|".join(f"(?:{words})" for words in (*_HINTS, *_ADJECTIVES, *_KNOWN, *_TOLD, *_PRETENCE, *_AGREEMENT, *_OTHER_LANGUAGES)),
    re.IGNORECASE,
)
"""Words that give the hint away wherever they stand."""

TOPIC = re.compile(
    r"hint|answer|result|solution|outcome|truth|reverse|backward|know|seen|hinweis|antwort|ergebnis|als ob|indice|respuesta|"
    r"pista|resposta|dica|risposta|suggerimento|[^\x00-\x7f]",
    re.IGNORECASE,
)
"""What every sentence with such words holds: a quick look before the long one."""

HINT = re.compile(r"hint|提示|hinweis|indice|pista|dica|suggerimento|подсказк|ヒント|힌트|التلميح|संकेत", re.IGNORECASE)
"""A hint by name: a statement that has one of its own may be quoted."""

_VALUE = r"(?:exactly\s+|indeed\s+)?[-\d$\\(]"
PREMISE = re.compile(
    rf"\b(?:since|because|as|given(?:\s+that)?|if|assuming|suppose|supposing|with|for)\s+(?:that\s+)?(?:we\s+know\s+(?:that\s+)?)?"
    rf"(?:the|our|its)\s+{_RIGHT}(?:answer|result)\s+(?:is|equals|being|must\s+be|should\s+be|has\s+to\s+be|to\s+be|of)\s+{_VALUE}"
    rf"|\bda\s+die\s+(?:richtige\s+)?antwort\s+(?:\w+\s+)?[-\d$\\]|\b(?:puisque|comme)\s+la\s+r[ée]ponse\s+est\s+[-\d$\\]"
    rf"|\b(?:como|puesto\s+que)\s+la\s+respuesta\s+es\s+[-\d$\\]|(?:因为|由于|既然)(?:正确|最终)?答案(?:是|为)\s*[-\d$\\]",
    re.IGNORECASE,
)
"""The answer as what reasoning goes on from; at its end the same words only sum it up."""

STATED = re.compile(
    rf"^\W*(?:(?:so|okay|ok|well|first|firstly|clearly|hmm|note\s+that|i\s+think|to\s+begin)\W+){{0,2}}"
    rf"(?:the|our)\s+{_RIGHT}(?:answer|result|solution)\s+(?:here\s+|to\s+this(?:\s+\w+)?\s+)?(?:is|equals|must\s+be|should\s+be|will\s+be)\s+{_VALUE}"
    rf"|^\W*(?:die\s+antwort\s+ist|la\s+réponse\s+est|la\s+respuesta\s+es|ответ|答案(?:是|为))\s*:?\s*[-\d$\\]",
    re.IGNORECASE,
)
"""A first sentence that is the answer."""

CHECK = re.compile(
    r"\b(?:let(?:'s|’s|\s+us|\s+me)?|we\s+(?:can|need\s+to|must|have\s+to|want\s+to|should|will|shall)|i\s+(?:need\s+to|will|must|have\s+to|want\s+to))\s+"
    r"(?:just\s+|simply\s+|now\s+|first\s+)?(?:verify|check|confirm|show|prove|justify|explain\s+why|see\s+(?:why|whether|if)|end\s+up|get\s+to|arrive\s+at|reach)\b",
    re.IGNORECASE,
)
"""A sentence that sets out to check something; together with the answer it tells that the answer was there first."""
