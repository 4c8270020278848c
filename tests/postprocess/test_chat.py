"""What belongs into a chat is not shown, unless the document itself is about such text."""

import pytest

from tests.postprocess.check import check_rule, check_settled


def check_chat(language_id, text, model_says, expected):
    check_rule("chat_answer", text, model_says, expected, language_id=language_id)


@pytest.mark.parametrize(
    ("language_id", "text", "model_says", "expected"),
    [
        ("python", "def area(w, h):\n    ‸", "```python\n    return w * h\n```", ""),
        ("python", "def area(w, h):\n    ‸", "\n```\n    return w * h\n```", "\n"),
        ("python", "def area(w, h):\n    ‸", "return w * h\n```\nThis returns", "return w * h\n"),
        ("python", "def area(w, h):\n    ‸", "return w * h```", "return w * h"),
        ("python", "x = ‸", "```python\nx = 1\n```", ""),
        ("go", "func f() {\n\t‸\n}", "\t```go\n\treturn\n```", ""),
        ("javascript", "‸", "a();\n```", "a();\n"),
        ("plaintext", "‸", "```\na\n```", ""),
        ("python", "‸", "<think>\nThe user wants", ""),
        ("python", "x = ‸", "1</think>\n2", "1"),
        ("python", "‸", "Here is the code:\n\ndef f():", ""),
        ("python", "‸", "\nHere's the completed function:\n\n```python", ""),
        ("python", "x = ‸", "Sure! Here is what you want:\n1", ""),
        ("rust", "fn f() {\n    ‸\n}", "Certainly! The following code does it:\n", ""),
        ("java", "  ‸", "I'm sorry, I cannot help with that.", ""),
        ("typescript", "‸", "To complete the code, you can use `map`:\n", ""),
        ("python", "‸", "The missing part is:\nx", ""),
    ],
)
def test_a_chat_answer_is_not_shown(language_id, text, model_says, expected):
    check_chat(language_id, text, model_says, expected)


@pytest.mark.parametrize(
    ("language_id", "text", "model_says"),
    [
        ("markdown", "# Use\n\n‸", "```python\nf()\n```"),
        ("mdx", "‸", "```js\nf()\n```"),
        ("rust", "/// Use:\n/// ‸", "```\n/// f();\n/// ```\nfn f() {}"),
        ("python", '"""Use.\n\n```\nf()\n```\n\n‸', "```\ng()\n```"),
        ("javascript", "x = ‸", "`a``b`"),
        ("javascript", "x = f(‸)", "`a`, ``, `b`"),
        ("python", 'MARK = "<think>"\nEND = ‸', '"</think>"'),
        ("python", "# ‸", "Here is the code:"),
        ("python", 'x = "‸', 'Here is the code:"'),
        ("python", 'def f():\n    """Say.\n\n    ‸', "Here is the code:"),
        ("java", "/**\n * ‸", "The following code does it:"),
        ("javascript", "/*\n‸", "Sure, here it is:"),
        ("typescriptreact", "<p>\n  ‸\n</p>", "Here is the code:"),
        ("markdown", "‸", "Here is the code:"),
        ("yaml", "text: |\n  ‸", "Here is the code:"),
        ("python", "‸", "Here = 1\nis_here: int = 2"),
        ("ruby", "‸", "Great.new(a, b)"),
        ("python", "‸", "Okay: TypeAlias = int"),
    ],
)
def test_what_is_no_chat_answer_stays(language_id, text, model_says):
    check_chat(language_id, text, model_says, model_says)


@pytest.mark.parametrize(
    ("text", "read", "rest"),
    [
        ("def f():\n    ‸", "```", "python\n"),
        ("‸", "a()\n```", "\n"),
        ("‸", "<think>", "\n"),
        ("‸", "Here is the code:\n", "x"),
    ],
)
def test_a_chat_answer_settles_the_result(text, read, rest):
    check_settled(text, read, rest)


@pytest.mark.parametrize(
    ("text", "model_says", "expected"),
    [
        ("‸", "a()<|im_end|>\n<|im_start|>user", "a()"),
        ("‸", "a()<|endoftext|>b()", "a()"),
        ("x = ‸", "1<｜end▁of▁sentence｜>", "1"),
        ("x = ‸", "1<｜fim▁hole｜>2", "1"),
        ("x = ‸", "1<|fim_middle|>", "1"),
        ("x = ‸", "1<fim_suffix>", "1"),
        ("x = ‸", "1<|a_token_of_tomorrow|>", "1"),
        ("x = ‸", "1 [INST] more", "1 "),
        ("x = ‸", "1<|im_en", "1"),
        ("x = ‸", "1<|im_end|", "1"),
        ("x = a < b‸", "|c<|im_end|>", "|c"),
    ],
)
def test_a_control_token_that_is_spelled_out_is_not_shown(text, model_says, expected):
    check_rule("control_token", text, model_says, expected)


@pytest.mark.parametrize(
    ("text", "model_says"),
    [
        ('START = "<|im_start|>"\nEND = ‸', '"<|im_end|>"'),
        ('x = ‸\nEND = "<｜end▁of▁sentence｜>"', '"<｜begin▁of▁sentence｜>"'),
        ("f ‸", "<| g x"),
        ("x = ‸", "a <|> b"),
        ("x = ‸", "(a <|) b |> c"),
        ("x = ‸", "a<b|c>d"),
        ("<p>‸</p>", "<s>old</s>"),
        ("x = ‸", "i[INT]"),
    ],
)
def test_a_document_may_be_about_control_tokens(text, model_says):
    check_rule("control_token", text, model_says, model_says)


def check_explanation(text, model_says, expected, language_id="python", *, is_instruct=True):
    check_rule(
        "explanation", text, model_says, expected, language_id=language_id, is_instruct=is_instruct
    )


@pytest.mark.parametrize(
    ("language_id", "text", "model_says", "expected"),
    [
        ("python", "a = 1\nx = ‸\nb = 2", "f(y)  # Call f with y", "f(y)"),
        ("python", "x = ‸", "'#'  # a mark", "'#'"),
        ("javascript", "x = ‸;", "f(y) // Call f", "f(y)"),
        ("python", "x = 1‸", "  # The number", ""),
        ("python", "# Comments\nx = ‸", "1  # one", "1"),
        ("lua", "x = ‸", "1 -- one", "1"),
    ],
)
def test_an_instruct_models_comment_behind_the_code_is_cut(language_id, text, model_says, expected):
    check_explanation(text, model_says, expected, language_id)


@pytest.mark.parametrize(
    ("language_id", "text", "model_says"),
    [
        ("python", "a = 1  # one\nx = ‸", "2  # two"),
        ("python", "x = ‸\nb = 3  # three", "2  # two"),
        ("python", "‸", "# Say it"),
        ("python", "    ‸", "# Say it"),
        ("python", "x = 1  # ‸", "one # two"),
        ("python", "x = ‸", "1  # one\ny = 2"),
        ("python", "x = ‸", "'a # b'"),
        ("python", "x = ‸", '"http://x.y/#z"'),
        ("javascript", "x = ‸", "'http://x.y'"),
        ("css", "a { ‸", "b: c; /* d */"),
    ],
)
def test_other_comments_stay(language_id, text, model_says):
    check_explanation(text, model_says, model_says, language_id)


def test_a_base_models_comment_stays():
    check_explanation("x = ‸", "1  # one", "1  # one", is_instruct=False)


def test_a_comment_far_away_does_not_ask_for_one():
    check_explanation("a = 1  # one\n" + "b\n" * 10 + "x = ‸", "1  # one", "1")
