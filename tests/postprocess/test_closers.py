"""Closers that the document has: kinds of code in which it is hard to tell where a literal ends."""

import pytest

from tests.postprocess.check import check_rule, check_shown


def check_closed(language_id, text, model_says, expected):
    check_rule("closed_bracket", text, model_says, expected, language_id=language_id)


@pytest.mark.parametrize(
    ("language_id", "text", "model_says", "expected"),
    [
        ("python", 'msg = f"total {round(‸)}"', 'price, 2)}"\nprint(msg)', "price, 2"),
        ("python", 'msg = f"total {‸}"', 'price:.2f}"', "price:.2f"),
        ("python", 'msg = f"total {prices[‸]}"', "'a']}\"", "'a'"),
        ("python", 'msg = f"total {prices[‸]}"', '"a"]}"', '"a"'),
        ("python", "print(f'{len(‸)} of {n}')", "xs)} items')", "xs"),
        ("python", 'print(f"{f(‸)}"', 'x, 2)}")', "x, 2"),
        ("javascript", "const s = `a ${f(‸)} b`;", "x, `y`)} b`;", "x, `y`"),
        ("javascript", "const s = `a ${‸}`;", "f({a: 1})}`;", "f({a: 1})"),
        ("typescript", "  a ${f(‸)} b", "x)} b", "x"),
        ("ruby", 'puts "sum #{f(‸)}"', 'a, b)}"', "a, b"),
        ("ruby", 'puts "sum #{‸}"', 'h["k"]}"', 'h["k"]'),
        ("shellscript", 'echo "built $(date ‸)"', '+%F)"\n', "+%F"),
        ("shellscript", 'echo "built $(cat ‸)"', '"$f")"\n', '"$f"'),
        ("shellscript", 'echo "‸"', '$(cat "$f")"\n', '$(cat "$f")'),
        ("kotlin", 'val s = "‸"', '${map["k"]}"', '${map["k"]}'),
        ("swift", 'let s = "a \\(f(‸))"', 'x))"', "x"),
        ("vue", '<a @click="go(‸)">x</a>', 'item.id)">x</a>', "item.id"),
        ("vue", '<a :class="{on: is(‸)}">', 'item)}">', "item"),
        ("vue", '<a :class="‸">', '{on: item.on}">', "{on: item.on}"),
        ("svelte", '<p class="a {f(‸)}">', 'x)}">', "x"),
        ("svelte", "<p class={cn(‸)}>", "'a', x)}>", "'a', x"),
        ("typescriptreact", '<p className={cn("a", ‸)}>', "x && 'b')}>", "x && 'b'"),
        ("sql", "SELECT * FROM t WHERE f('(', ‸)", "x);", "x"),
    ],
)  # fmt: skip
def test_a_text_that_contains_code(language_id, text, model_says, expected):
    check_closed(language_id, text, model_says, expected)


@pytest.mark.parametrize(
    ("language_id", "text", "model_says", "expected"),
    [
        ("markdown", "Don't skip the [setup page](‸)", "docs/setup.md) first.", "docs/setup.md"),
        ("markdown", "The dogs' bones [are here](‸)", "bones.md), it's told", "bones.md"),
        ("plaintext", "It's 5\" wide (see ‸)", "the cat's page) and", "the cat's page"),
        ("plaintext", "(setq colours '(red green ‸))", "blue))", "blue"),
        ("plaintext", "(f (a 'b) '(c) (g ‸))", "'d))", "'d"),
        ("plaintext", "(f `(a ,b) (g ‸))", ",c))", ",c"),
        ("plaintext", "(list 'a #'car (g ‸))", "'x) 'b)", "'x"),
        ("rust", "fn f<'a>(x: &'a str, y: Vec<(‸)>)", "u8, &'a str)>) {", "u8, &'a str"),
        ("rust", "impl<'a, 'b> A<'a> for B<'b> { fn f(‸) }", "&'a self) }", "&'a self"),
        ("rust", "let x: &'static str = f(‸);", "'(', b')');", "'(', b')'"),
        ("javascript", "s.replace(/'/g, f(‸))", "'\"'))", "'\"'"),
        ("javascript", "if (/[\"'(]/.test(‸)) {", "name)) {", "name"),
        ("javascript", "if (/[(]/.test(‸)) {", "name)) {", "name"),
        ("javascript", "s.match(/\\(/).map(‸)", "x => x)", "x => x"),
        ("python", 're.match(r"it\'s (‸)", x)', '\\w+)", x)', "\\w+"),
        ("c", "#error don't use f(‸)", "x) here", "x"),
        ("cpp", "int n = 1'000 + f(‸);", "2'000);", "2'000"),
    ],
)  # fmt: skip
def test_a_quotation_mark_that_is_none(language_id, text, model_says, expected):
    check_closed(language_id, text, model_says, expected)


@pytest.mark.parametrize(
    ("language_id", "text", "model_says", "expected"),
    [
        ("python", "    # see read_table(‸)", "path) for the format", "path"),
        ("python", "    # don't call read(‸)", "path) if it's open", "path"),
        ("python", "x = f(a)  # see g(‸)", "b) and h(c)", "b"),
        ("javascript", "// it's [here](‸)", "a.md) now", "a.md"),
        ("java", "   * calls {@link A#b(‸)}", "int)} now", "int"),
        ("c", "/* f(‸) */", "x) is g(x) */", "x"),
        ("lua", "-- see f(‸)", "x) -- and g", "x"),
        ("python", "f(  # see (above‸)", " there) and", " there"),
    ],
)
def test_a_bracket_in_a_comment(language_id, text, model_says, expected):
    check_closed(language_id, text, model_says, expected)


@pytest.mark.parametrize(
    ("language_id", "text", "model_says", "expected"),
    [
        ("shellscript", "if [ $# -lt ‸]", "2 ]; then\n  exit 1\nfi", "2 "),
        ("shellscript", "for i in $(seq ${#a[@]} ‸)", "9); do", "9"),
        ("shellscript", "echo ${#a[@]} $(f ‸)", '"$#")', '"$#"'),
        ("shellscript", "echo ${v#p‸}", "re_*} x", "re_*"),
        ("shellscript", "echo ${v##*/‸}", "} x", ""),
        ("yaml", "key: a#b [x, ‸]", "y]", "y"),
        ("yaml", "url: {a: http://x.y/#z, b: ‸}", "c}", "c"),
        ("javascript", "s.split(/\\/\\//).map(f(‸))", "x))", "x"),
        ("javascript", 'fetch("http://x.y/" + f(‸))', "a))", "a"),
        ("javascript", "fetch(`http://x.y/${f(‸)}`)", "a)}`)", "a"),
        ("css", "a { background: url(http://x.y/‸) }", "z.png) }", "z.png"),
        ("lua", "x = f(a--b, ‸)", "c)", "c"),
        ("ruby", 'puts "Item #1 (‸)"', '12 # 13)"', "12 # 13"),
    ],
)  # fmt: skip
def test_a_comment_mark_inside_a_word(language_id, text, model_says, expected):
    check_closed(language_id, text, model_says, expected)


@pytest.mark.parametrize(
    ("language_id", "text", "model_says"),
    [
        ("python", "print(‸)", 'f(")", x)'),
        ("python", "print(‸)", "':)', \"it's (here\""),
        ("python", 'print("(", f(g(‸))', "x)"),
        ("python", 'print(":)", f(g(‸))', "x)"),
        ("python", "f(‸)", "rb\"a)\", b')'"),
        ("python", "f(‸)", "a,  # :)\n  b"),
        ("python", 'x = f("a", ‸', '"b")'),
        ("python", 'x = "a‸', 'bc (d)"'),
        ("python", "x = {'a‸, 'b'}", "c'"),
        ("python", 'print("‸")', "it\\'s (here :) now"),
        ("python", "print('‸')", "don't"),
        ("javascript", "x = `${f(‸", "a)}`"),
        ("javascript", "f(`${a[‸`)", "0]}"),
        ("shellscript", "if [ $# -lt ‸", "2 ]; then"),
        ("rust", "fn f<'a>(‸", "x: &'a str) {"),
        ("python", "# see f(‸", "x) and g(y)"),
        ("python", "f(‸  # see :)", "a, b)"),
    ],
)
def test_a_closer_that_the_document_lacks_is_written(language_id, text, model_says):
    check_closed(language_id, text, model_says, model_says)


@pytest.mark.parametrize(
    ("language_id", "text", "model_says", "expected"),
    [
        ("python", "f(\n    a,\n    ‸\n    # order\n)", "b)", "b"),
        ("python", "f(\n    a,\n    ‸\n\n\n)", "b)", "b"),
        ("python", "f(\n    a,\n    ‸\n    # (x\n\n    # y\n)", "b)", "b"),
        ("python", "f(\n    a,\n    ‸\n    c,\n)", "b)", "b"),
        ("javascript", "f({\n  ‸\n  // why\n});", "a: 1});", "a: 1"),
        ("javascript", "f({\n  ‸\n  /* why\n   * so\n   */\n});", "a: 1});", "a: 1"),
        ("java", "  x = {\n    a,\n    ‸\n    // last\n  };", "b};", "b"),
        ("emacs-lisp", "(f\n  '(a\n    ‸\n    ;; why\n    ))", "b))", "b"),
        ("html", "{{ f(\n  ‸\n  <!-- why -->\n) }}", "a) }}", "a"),
    ],
)
def test_a_closer_below_a_comment_is_not_written(language_id, text, model_says, expected):
    check_closed(language_id, text, model_says, expected)


CLASS = "class A {\n    f() {\n        ‸\n}\n"


@pytest.mark.parametrize(
    ("text", "model_says", "shown"),
    [
        pytest.param(CLASS, "a();\n    }\n", "a();\n    }", id="method above its class's closer"),
        pytest.param(CLASS, "a();\n    }\n}\n", "a();\n    }", id="the class is closed below"),
        pytest.param(
            CLASS, "a();\n    }\n\n    g() {\n    }\n", "a();\n    }", id="ends with the method"
        ),
        pytest.param(
            "class A {\n    f() {\n        ‸", "a();\n    }\n}\n", "a();\n    }\n}",
            id="end of file",
        ),
        pytest.param(
            "class A {\n    f() {\n        ‸\n\n    g() {\n    }\n}",
            "a();\n    }\n}", "a();\n    }", id="another method below",
        ),
        pytest.param(
            "class A {\n    f() {\n        ‸\n    }\n}", "a();\n    }\n}", "a();", id="all there"
        ),
        pytest.param(
            "class A {\n    f() {\n        ‸\n    # end\n\n    }\n}", "a();\n    }\n}", "a();",
            id="all there, below a comment",
        ),
        pytest.param(
            "function f() {\n  if (x) {\n    ‸\n}", "a();\n  } else {\n    b();\n  }\n}",
            "a();\n  } else {\n    b();\n  }", id="a closer that opens again",
        ),
        pytest.param("{\n  ‸\n}\n", "a();\n  }\n", "a();", id="indented too far, but there"),
        pytest.param("f(() => {\n  ‸", "a();\n}, [b]);\nc();", "a();\n}, [b]);", id="and more"),
        pytest.param("def f\n  ‸", "a\nend\n\ndef g", "a\nend", id="Ruby"),
        pytest.param("def f\n  ‸\nend", "a\nend\n", "a", id="Ruby, closed"),
        pytest.param("def f():\n    ‸", "x = 1\nend = 2", "x = 1", id="a name"),
        pytest.param("<ul>\n  ‸", "<li>a</li>\n</ul>\n<p>", "<li>a</li>\n</ul>", id="a tag"),
        pytest.param("x = [\n    a,\n    ‸", "b,\n]\ny = 1", "b,\n]", id="brackets"),
        pytest.param("  if x {\n    ‸", "a()\n  }\n  b()", "a()\n  }", id="only its own"),
    ],
)  # fmt: skip
def test_a_block_is_closed_where_the_document_does_not_close_it(text, model_says, shown):
    check_shown(text, model_says, shown)
