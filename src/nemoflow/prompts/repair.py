"""What a model is told when its response stopped short of an answer."""

GO_ON = "Your reply was cut off. Go on exactly where it stopped; do not repeat anything and do not start again."
ANSWER_NOW = "There is no room to think any further. Reply with your best final answer inside `\\boxed{}` and nothing else."
BOX_ONLY = "Reply with the final answer of your solution inside `\\boxed{}` and nothing else."
